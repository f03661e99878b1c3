"""Taking an issue back: an issue of its own with what its changes call their revert, last change first.

Nothing is ever taken back by itself: this issue is reviewed, approved and run like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import Conflict, FieldError, InvalidTransition, NotFound, ValidationFailed
from penstock.domain.pipeline.plan import TargetDatabase, plan
from penstock.domain.pipeline.promotion import AlreadyPlanned
from penstock.services import filing, new_issues
from penstock.services.catalog_looks import CatalogLooks
from penstock.services.explicit import Filed
from penstock.services.new_issues import Stored
from penstock.services.progress import Progress
from penstock.services.releases import NewChange, check, check_for
from penstock.services.submission import Filing, submit
from penstock.store import issues, releases, reverts
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Record
from penstock.store.tables.catalog import database as database_table


class NothingApplied(Conflict):
    """The issue has applied nothing that could be taken back."""

    code = "nothing_applied"


class AlreadyReverted(Conflict):
    """Another issue has taken this one back."""

    code = "already_reverted"


class Reverts:
    """Files issues that take others back.

    Args:
        looks: looks into the targets once an issue is filed.
        statement_limit: bytes that one script may have.
    """

    def __init__(self, database: Database, looks: CatalogLooks, *, statement_limit: int) -> None:
        self._database = database
        self._looks = looks
        self._limit = statement_limit

    async def create(
        self, principal: Principal, issue_id: int, *, title: str | None = None, description: str = ""
    ) -> Record:
        """File an issue that takes back what another one applied, on the databases it applied it to.

        Raises:
            ValidationFailed: changes without a ``revert``, all by name, or with one that cannot be run.
            NothingApplied: there is nothing to take back.
            AlreadyPlanned: an open issue does it.
            AlreadyReverted: one has done it.
            InvalidTransition: the issue is open.
            Conflict: it is still being canceled, or nobody knows what it has done.
        """

        async def prepare(conn: AsyncConnection) -> Filing[Stored]:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            require(principal, "issue.create", found["project_id"])
            reverted = (await Progress.lock(conn, found["pipeline_id"])).head
            if reverted.status == "open":
                raise InvalidTransition(
                    f"Issue {issue_id} may still apply something: see it through, or cancel it first."
                )
            await _refuse_others(conn, issue_id)
            groups = await _groups(conn, found["pipeline_id"])
            texts = await _texts(conn, groups)
            known = [
                t
                for t, owner in await issues.targets(
                    conn, database_table.c.id.in_([d for g in groups for d in g["databases"]]), held=True
                )
                if owner == found["project_id"]
            ]
            if not known:
                raise NothingApplied("The databases that it was applied to are gone.")
            engines = {t.id: t.engine for t in known}
            filed: dict[int, Filed] = {}
            for group in groups:
                own = {engines[d] for d in group["databases"] if d in engines}
                if own:
                    made = await self._release(conn, principal, found["project_id"], group["changes"], texts, own)
                    filed |= dict.fromkeys(group["databases"], made)
            stages = _stages(known, filed)
            releases_made = {f.id for f in filed.values()}
            head = new_issues.Head(
                title or f"Take back issue {issue_id}: {found['title']}"[:200],
                description,
                release_id=releases_made.pop() if len(releases_made) == 1 else None,
                more={"reverts_id": issue_id},
            )

            async def recheck(conn: AsyncConnection) -> None:
                await Progress.lock(conn, found["pipeline_id"])
                await _refuse_others(conn, issue_id)

            async def then(conn: AsyncConnection, stored: Stored) -> None:
                await audit(conn, principal.id, "issue.revert", f"issue:{issue_id}", {"issue": stored.issue_id})

            return new_issues.planned(principal, found["project_id"], head, stages, recheck=recheck, then=then)

        stored = await submit(self._database, prepare)
        await self._looks.after_filing(stored.pipeline_id)
        return {"issue": stored.issue_id, "pipeline": stored.pipeline_id}

    async def _release(
        self,
        conn: AsyncConnection,
        principal: Principal,
        project_id: int,
        changes: Sequence[int],
        texts: Mapping[int, Record],
        engines: set[str],
    ) -> Filed:
        """A release of what takes changes back, last change first."""
        new = [
            NewChange(texts[n]["revert"], name=f"Take back {texts[n]['version']}"[:200], engine=texts[n]["engine"])
            for n in reversed(changes)
        ]
        engine = next(iter(engines)) if len(engines) == 1 else None
        checked = await asyncio.to_thread(check, new, limit=self._limit, engine=engine, field="revert")
        await asyncio.to_thread(check_for, engines, checked, "revert")
        release_id = await releases.create(conn, project_id, checked, principal.id)
        return Filed(release_id, digest.of_release([(c.version, c.name, c.digest) for c in checked]))


def _stages(known: Sequence[TargetDatabase], filed: Mapping[int, Filed]) -> list[filing.NewStage]:
    """One stage per environment, in order; every database gets the release that takes back what it has."""
    return [
        filing.NewStage(
            name=stage.name,
            environment_id=stage.environment_id,
            needs=stage.needs,
            tasks=[
                filing.NewTask(
                    name=task.name,
                    type="database.change",
                    instance_id=task.database.instance_id,
                    database_id=task.database.id,
                    release_id=filed[task.database.id].id,
                    digest=filing.task_digest("database.change", filed[task.database.id].digest, {}, task.database),
                )
                for task in stage.tasks
            ],
        )
        for stage in plan((), known)
    ]


async def _refuse_others(conn: AsyncConnection, issue_id: int) -> None:
    other = await reverts.by_another(conn, issue_id)
    if other is not None and other["status"] == "open":
        raise AlreadyPlanned(f"Issue {other['id']} is about to take it back already.", issue=other["id"], stage=None)
    if other is not None:
        raise AlreadyReverted(f"Issue {other['id']} has taken it back.", issue=other["id"])


async def _groups(conn: AsyncConnection, pipeline_id: int) -> list[Record]:
    if busy := await reverts.uncertain(conn, pipeline_id):
        names = ", ".join(f"{row['name']} ({row['status']})" for row in busy)
        raise Conflict(f"It is not known yet what the issue has applied: {names}. Wait for them, or settle them.")
    groups = await reverts.applied(conn, pipeline_id)
    if not groups:
        raise NothingApplied
    return groups


async def _texts(conn: AsyncConnection, groups: Sequence[Record]) -> dict[int, Record]:
    texts = await reverts.texts(conn, {n for group in groups for n in group["changes"]})
    missing = [row for row in texts.values() if not (row["revert"] or "").strip()]
    if missing:
        errors = [
            FieldError(
                "revert",
                f"{row['version']} {row['name']}".strip() + " has no revert: file what undoes it by hand.",
                "no_revert",
            )
            for row in sorted(missing, key=lambda r: r["id"])
        ]
        names = ", ".join(row["version"] for row in sorted(missing, key=lambda r: r["id"])[:20])
        raise ValidationFailed(f"These changes say nothing that takes them back: {names}.", errors[:100], "no_revert")
    return texts
