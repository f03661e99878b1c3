"""A new revision of an issue's SQL: another release, other digests, so that approvals of the old one no longer
count."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import (
    AlreadyApplied,
    Conflict,
    FieldError,
    InvalidTransition,
    NotFound,
    ValidationFailed,
)
from penstock.domain.pipeline.plan import plan
from penstock.services import digests
from penstock.services.progress import Progress
from penstock.services.releases import NewChange, check, check_for
from penstock.store import issues, releases
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.tables.catalog import database as database_table
from penstock.store.tables.changes import issue
from penstock.store.tables.pipelines import task, task_change

_MAYBE_APPLIED = ("applied", "already_applied", "unknown")
_TOO_LATE = ("scheduled", "running", "canceling", "succeeded")


class Revisions:
    """Replaces the release of an issue that has not been applied.

    Args:
        statement_limit: bytes that one script may have.
    """

    def __init__(self, database: Database, *, statement_limit: int) -> None:
        self._database = database
        self._limit = statement_limit

    async def put(
        self,
        principal: Principal,
        issue_id: int,
        *,
        release_id: int | None = None,
        changes: Sequence[NewChange] | None = None,
        statement: str | None = None,
    ) -> None:
        """Give an issue another release.

        Raises:
            AlreadyApplied: a task is scheduled, running, canceling or succeeded: a follow-up is a new issue.
            Conflict: a failed task applied a prefix that the new release does not begin with.
        """
        if sum(x is not None for x in (release_id, changes, statement)) != 1:
            message = "Give exactly one of release, changes and statement."
            raise ValidationFailed(errors=[FieldError("release", message, "one_release")])

        async def work(conn: AsyncConnection) -> None:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            require(principal, "issue.edit", found["project_id"])
            progress = await Progress.begin(conn, found["pipeline_id"])
            if progress.pipeline.status != "open":
                raise InvalidTransition(
                    f"Issue {issue_id} is {progress.pipeline.status}: only an open one can be edited."
                )
            await _refuse_applied(conn, progress.pipeline.id)
            if found["release_id"] is None:
                raise Conflict("Every task of this issue has a release of its own, so there is none to replace.")
            old = await releases.changes_of(conn, found["release_id"])
            if release_id is not None:
                head = await releases.by_id(conn, release_id)
                if head is None or head["project_id"] != found["project_id"]:
                    message = f"The project has no release {release_id}."
                    raise ValidationFailed(
                        errors=[FieldError("release", message, "unknown_release")], code="unknown_release"
                    )
                new = await releases.changes_of(conn, release_id)
                new_release = release_id
            else:
                filed = changes
                if statement is not None:
                    # The corrected text of a single change is the same change: it keeps its version.
                    version, name = (old[0].version, old[0].name) if len(old) == 1 else (None, "")
                    filed = [NewChange(statement, version=version, name=name)]
                assert filed is not None
                where = "changes" if statement is None else "statement"
                new = await asyncio.to_thread(check, filed, limit=self._limit, field=where)
                new_release = await releases.create(conn, found["project_id"], new, principal.id)
            await _refuse_other_prefix(conn, progress.pipeline.id, old, new)
            await _replace(conn, progress.pipeline.id, found["release_id"], new_release, new)
            await digests.write(conn, progress.pipeline.id)
            await conn.execute(
                sa.update(issue)
                .where(issue.c.id == issue_id)
                .values(
                    release_id=new_release,
                    revision=issue.c.revision + 1,
                    last_editor_id=principal.id,
                    updated_at=sa.func.now(),
                )
            )
            progress.event(events.ISSUE_UPDATED, actor_id=principal.id, fields=["release"], release=new_release)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "issue.revise", f"issue:{issue_id}", {"release": new_release})

        await self._database.run(work)


async def _refuse_applied(conn: AsyncConnection, pipeline_id: int) -> None:
    names = (
        await conn.scalars(
            sa.select(task.c.name).where(task.c.pipeline_id == pipeline_id, task.c.status.in_(_TOO_LATE)).limit(5)
        )
    ).all()
    if names:
        raise AlreadyApplied(
            f"The change has started or is applied on {', '.join(names)}: file a new issue that follows this one."
        )


async def _refuse_other_prefix(
    conn: AsyncConnection, pipeline_id: int, old: Sequence[releases.Change], new: Sequence[releases.Change]
) -> None:
    applied = set(
        (
            await conn.scalars(
                sa.select(task_change.c.version)
                .join(task, task.c.id == task_change.c.task_id)
                .where(task.c.pipeline_id == pipeline_id, task_change.c.state.in_(_MAYBE_APPLIED))
                .distinct()
            )
        ).all()
    )
    prefix = max((n + 1 for n, c in enumerate(old) if c.version in applied), default=0)
    for n in range(prefix):
        if n >= len(new) or (new[n].version, new[n].digest) != (old[n].version, old[n].digest):
            raise Conflict(
                f"Change {n + 1} ({old[n].version}) is applied on some database, or may be,"
                " so the new revision must contain it unchanged, in the same place."
            )


async def _replace(
    conn: AsyncConnection, pipeline_id: int, old_release: int, release_id: int, changes: Sequence[releases.Change]
) -> None:
    """Give every task that applies the old release the new one.

    Raises:
        Conflict: a target has vanished since.
        ValidationFailed: a change is meant for another engine, or cannot be read by that of a target.
    """
    ids = (
        await conn.scalars(
            sa.update(task)
            .where(task.c.pipeline_id == pipeline_id, task.c.release_id == old_release)
            .values(release_id=release_id)
            .returning(task.c.database_id)
        )
    ).all()
    known = [t for t, _ in await issues.targets(conn, database_table.c.id.in_(ids))]
    if gone := len(set(ids)) - len(known):
        raise Conflict(f"{gone} target database(s) have vanished since the issue was filed: file a new issue.")
    plan([change.engine for change in changes], known)
    await asyncio.to_thread(check_for, {t.engine for t in known}, changes, "changes")
