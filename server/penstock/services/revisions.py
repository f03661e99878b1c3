"""A new revision of an issue's SQL, or of one task's: another release, other digests, so that approvals of the old
one no longer count."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

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
from penstock.domain.pipeline.spec import CHANGE
from penstock.domain.releases import is_repeatable
from penstock.services import digests, rewriting
from penstock.services.catalog_looks import CatalogLooks
from penstock.services.kept import first_difference
from penstock.services.progress import Progress
from penstock.services.releases import NewChange, check, check_for
from penstock.store import issues, releases, task_reads
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Record
from penstock.store.tables.catalog import database as database_table
from penstock.store.tables.catalog import instance as instance_table
from penstock.store.tables.changes import issue
from penstock.store.tables.pipelines import stage, task, task_change
from penstock.store.tasks import LOST

_MAYBE_APPLIED = ("applied", "already_applied", "unknown")
_TOO_LATE = ("scheduled", "running", "canceling", "succeeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRevision:
    """What replaces a release; exactly one is given.

    Args:
        statement: the corrected text of the only change, or a change without a version.
    """

    release_id: int | None = None
    changes: Sequence[NewChange] | None = None
    statement: str | None = None


class Revisions:
    """Replaces the release of an issue, or of one task, that has not been applied.

    Args:
        looks: into the catalogs of databases.
        statement_limit: bytes that one script may have.
    """

    def __init__(self, database: Database, looks: CatalogLooks, *, statement_limit: int) -> None:
        self._database = database
        self._looks = looks
        self._limit = statement_limit

    async def put(self, principal: Principal, issue_id: int, given: NewRevision) -> None:
        """Give an issue another release, and with it every task that applies the old one.

        Raises:
            AlreadyApplied: a task is scheduled, running, canceling or succeeded: a follow-up is a new issue.
            Conflict: a failed task applied a prefix that the new release does not begin with; or a runner was lost
                with a task, and nobody has read yet what it left behind.
        """

        async def work(conn: AsyncConnection) -> int:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            require(principal, "issue.edit", found["project_id"])
            progress = await Progress.begin(conn, found["pipeline_id"])
            if progress.pipeline.status != "open":
                raise InvalidTransition(
                    f"Issue {issue_id} is {progress.pipeline.status}: only an open one can be edited."
                )
            every = task.c.pipeline_id == progress.pipeline.id
            await _refuse_applied(conn, every)
            if found["release_id"] is None:
                raise Conflict("Every task of this issue has a release of its own, so there is none to replace.")
            new = await self._replace(conn, principal, progress, every, found["project_id"], found["release_id"], given)
            await digests.write(conn, progress.pipeline.id, old=found["release_id"], new=new)
            await _note(conn, principal, progress, issue_id, new, release_id=new)
            await progress.advance()
            await progress.finish()
            return progress.pipeline.id

        await self._looks.after_filing(await self._database.run(work))

    async def put_task(self, principal: Principal, task_id: int, given: NewRevision) -> None:
        """Give one task another release; the issue's later revisions then leave that task alone.

        Raises:
            AlreadyApplied, Conflict: as `put` does, for this task alone; or the task applies no release.
        """

        async def work(conn: AsyncConnection) -> int:
            found = await task_reads.by_id(conn, task_id)
            if found is None or not allowed(principal, "task.read", found["project_id"]):
                raise NotFound(f"There is no task {task_id}.")
            require(principal, "issue.edit", found["project_id"])
            progress = await Progress.begin(conn, found["pipeline_id"])
            if progress.pipeline.status != "open":
                raise InvalidTransition(f"The pipeline is {progress.pipeline.status}: only an open one can be edited.")
            this = task.c.id == task_id
            await _refuse_applied(conn, this)
            old = await conn.scalar(sa.select(task.c.release_id).where(this, task.c.type == CHANGE))
            if old is None:
                raise Conflict(f"{found['name']} applies no release: only a task of type {CHANGE} can get another one.")
            new = await self._replace(conn, principal, progress, this, found["project_id"], old, given)
            await rewriting.begin(conn, stage.c.id == found["stage_id"], new=new, task_id=task_id)
            if found["issue"] is not None:
                await _note(conn, principal, progress, found["issue"], new, of=found)
            await progress.advance()
            await progress.finish()
            return progress.pipeline.id

        await self._looks.after_filing(await self._database.run(work))

    async def _replace(
        self,
        conn: AsyncConnection,
        principal: Principal,
        progress: Progress,
        own: sa.ColumnElement[bool],
        project_id: int,
        old_release: int,
        given: NewRevision,
    ) -> int:
        """The id of the new release, which may take the old one's place in these tasks."""
        old = await releases.changes_of(conn, old_release)
        new_release, new = await self._given(conn, principal, project_id, old, given)
        await _refuse_other_prefix(conn, own, old, new)
        _refuse_unfinished(progress)
        await _refuse_targets(conn, own, old_release, new)
        return new_release

    async def _given(
        self,
        conn: AsyncConnection,
        principal: Principal,
        project_id: int,
        old: Sequence[releases.Change],
        given: NewRevision,
    ) -> tuple[int, Sequence[releases.Change]]:
        if sum(x is not None for x in (given.release_id, given.changes, given.statement)) != 1:
            message = "Give exactly one of release, changes and statement."
            raise ValidationFailed(errors=[FieldError("release", message, "one_release")])
        if given.release_id is not None:
            head = await releases.by_id(conn, given.release_id)
            if head is None or head["project_id"] != project_id:
                message = f"The project has no release {given.release_id}."
                raise ValidationFailed(
                    errors=[FieldError("release", message, "unknown_release")], code="unknown_release"
                )
            return given.release_id, await releases.changes_of(conn, given.release_id)
        filed, where = given.changes, "changes"
        if given.statement is not None:
            # The corrected text of a single change is the same change: it keeps its version.
            version, name = (old[0].version, old[0].name) if len(old) == 1 else (None, "")
            filed, where = [NewChange(given.statement, version=version, name=name)], "statement"
        assert filed is not None
        new = await asyncio.to_thread(check, filed, limit=self._limit, field=where)
        return await releases.create(conn, project_id, new, principal.id), new


async def _note(
    conn: AsyncConnection,
    principal: Principal,
    progress: Progress,
    issue_id: int,
    new_release: int,
    *,
    of: Record | None = None,
    **values: int,
) -> None:
    """Write down who edited an issue, or the task `of` it, who then may not approve it any more."""
    await conn.execute(
        sa.update(issue)
        .where(issue.c.id == issue_id)
        .values(revision=issue.c.revision + 1, last_editor_id=principal.id, updated_at=sa.func.now(), **values)
    )
    about = {"release": new_release} if of is None else {"release": new_release, "task": of["id"]}
    named = {} if of is None else {"name": of["name"]}
    progress.event(events.ISSUE_UPDATED, actor_id=principal.id, fields=["release"], **about, **named)
    await audit(conn, principal.id, "issue.revise", f"issue:{issue_id}", about)


async def _refuse_applied(conn: AsyncConnection, own: sa.ColumnElement[bool]) -> None:
    names = (await conn.scalars(sa.select(task.c.name).where(own, task.c.status.in_(_TOO_LATE)).limit(5))).all()
    if names:
        raise AlreadyApplied(
            f"The change has started or is applied on {', '.join(names)}: file a new issue that follows this one."
        )
    names = (await conn.scalars(sa.select(task.c.name).where(own, LOST).limit(5))).all()
    if names:
        raise Conflict(
            f"The runner was lost that had {', '.join(names)}, so nobody knows yet what it applied there. The next"
            " attempt finds out: wait for its end, or say yourself what is true."
        )


async def _refuse_other_prefix(
    conn: AsyncConnection,
    own: sa.ColumnElement[bool],
    old: Sequence[releases.Change],
    new: Sequence[releases.Change],
) -> None:
    applied = set(
        (
            await conn.scalars(
                sa.select(task_change.c.version)
                .join(task, task.c.id == task_change.c.task_id)
                .where(own, task_change.c.state.in_(_MAYBE_APPLIED))
                .distinct()
            )
        ).all()
    )
    prefix = max((n + 1 for n, c in enumerate(old) if c.recorded_as in applied), default=0)
    for n in range(prefix):
        if n >= len(new) or (new[n].version, new[n].digest) != (old[n].version, old[n].digest):
            raise Conflict(
                f"Change {n + 1} ({old[n].version}) is applied on some database, or may be,"
                " so the new revision must contain it unchanged, in the same place."
            )
    await _refuse_other_beginning(conn, own, old, new)


async def _refuse_other_beginning(
    conn: AsyncConnection,
    own: sa.ColumnElement[bool],
    old: Sequence[releases.Change],
    new: Sequence[releases.Change],
) -> None:
    """A change that failed in the midst of its steps must begin again with those that are done."""
    rows = await conn.execute(
        sa.select(task_change.c.version, instance_table.c.engine, sa.func.max(task_change.c.kept).label("kept"))
        .join(task, task.c.id == task_change.c.task_id)
        .join(instance_table, instance_table.c.id == task.c.instance_id)
        .where(own, task_change.c.state == "failed", task_change.c.kept > 0)
        .group_by(task_change.c.version, instance_table.c.engine)
    )
    places = {change.recorded_as: n for n, change in enumerate(old)}
    for version, engine, kept in rows:
        n = places.get(version)
        if n is not None and is_repeatable(old[n].version):
            continue  # another text of it runs from its beginning
        if n is None or (n < len(new) and new[n].digest == old[n].digest):
            continue
        text = new[n].statement if n < len(new) and new[n].version == old[n].version else b""
        if place := await asyncio.to_thread(first_difference, old[n].statement, text, engine, kept):
            raise Conflict(
                f"The first {kept} statement(s) of change {n + 1} ({version}) are applied on some database, so the new"
                f" revision must begin with them byte for byte; it differs at line {place[0]}, column {place[1]}."
            )


def _refuse_unfinished(progress: Progress) -> None:
    if any(s.rewriting is not None for s in progress.pipeline.stages):
        raise Conflict("The last edit is still being written into the tasks: wait a moment, then try again.")


async def _refuse_targets(
    conn: AsyncConnection, tasks: sa.ColumnElement[bool], old_release: int, changes: Sequence[releases.Change]
) -> None:
    """Ask whether the targets of the old release can have the new one.

    Raises:
        Conflict: a target has vanished since, or every task has got another release.
        ValidationFailed: a change is meant for another engine, or cannot be read by that of a target.
    """
    own = (tasks, task.c.release_id == old_release, task.c.type == CHANGE)
    gone = await conn.scalar(
        sa.select(sa.func.count(sa.distinct(task.c.database_id)))
        .join(database_table, database_table.c.id == task.c.database_id)
        .where(*own, database_table.c.vanished_at.is_not(None))
    )
    if gone:
        raise Conflict(f"{gone} target database(s) have vanished since the issue was filed: file a new issue.")
    # One of each engine stands for all.
    first = (
        sa.select(sa.func.min(task.c.database_id))
        .join(instance_table, instance_table.c.id == task.c.instance_id)
        .where(*own)
        .group_by(instance_table.c.engine)
    )
    known = [t for t, _ in await issues.targets(conn, database_table.c.id.in_(first))]
    if not known:
        raise Conflict(
            "Every task of this issue has SQL of its own, so nothing applies the old release: edit the tasks."
        )
    plan([change.engine for change in changes], known)
    await asyncio.to_thread(check_for, {t.engine for t in known}, changes, "changes")
