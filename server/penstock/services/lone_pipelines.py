"""Pipelines that somebody files without an issue: what only reads, or goes where nobody has to agree."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import FieldError, ValidationFailed
from penstock.domain.pipeline.spec import READ_ONLY, PipelineSpec
from penstock.services import explicit, filing
from penstock.services.progress import Progress
from penstock.services.releases import visible_project
from penstock.services.submission import Filing, submit
from penstock.store import environments
from penstock.store.database import Database
from penstock.store.pipelines import read_rules
from penstock.store.records import audit


class LonePipelines:
    """Files them.

    Args:
        statement_limit: bytes that one script may have.
    """

    def __init__(self, database: Database, *, statement_limit: int) -> None:
        self._database = database
        self._limit = statement_limit

    async def create(self, principal: Principal, project: str, spec: PipelineSpec) -> int:
        """File a pipeline; all its gates are asked as those of any other.

        Returns:
            Its id.

        Raises:
            ValidationFailed: anything is wrong with it; ``issue_required`` where somebody has to agree.
        """

        async def prepare(conn: AsyncConnection) -> Filing[int]:
            project_id = await visible_project(conn, principal, project)
            require(principal, "pipeline.create", project_id)
            stages = await explicit.stages(
                conn,
                project_id,
                spec,
                None,
                author_id=principal.id,
                statement_limit=self._limit,
                any_instance=allowed(principal, "instance.read"),
            )
            await _must_be_open(conn, stages)
            return Filing(project_id, stages, publish, spec.order, spec.fail_fast)

        async def publish(conn: AsyncConnection, pipeline_id: int) -> int:
            progress = await Progress.begin(conn, pipeline_id)
            progress.event(events.PIPELINE_START, actor_id=principal.id, attempt=1)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "pipeline.create", f"pipeline:{pipeline_id}")
            return pipeline_id

        return await submit(self._database, prepare)


async def _must_be_open(conn: AsyncConnection, stages: list[filing.NewStage]) -> None:
    changing = [(n, s) for n, s in enumerate(stages) if any(t.type not in READ_ONLY for t in s.tasks)]
    tiers = await environments.rules_of(conn, {s.environment_id for _, s in changing})
    errors = []
    for n, stage in changing:
        rules = read_rules(tiers[stage.environment_id])
        if rules is None or rules.steps:
            message = f"Somebody has to approve what {stage.name} changes: file an issue."
            errors.append(FieldError(f"{explicit.FIELD}[{n}]", message, "issue_required"))
    if errors:
        raise ValidationFailed(errors=errors[:100], code="issue_required")
