"""Issues: file, edit, discuss, cancel, reopen, resolve.  Their pipelines always end the transaction consistent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import Conflict, FieldError, InvalidTransition, NotFound, ValidationFailed
from penstock.domain.pipeline.fan_out import NONE, FanOut
from penstock.domain.pipeline.plan import TargetDatabase, plan
from penstock.domain.pipeline.spec import PipelineSpec, fan_out_mistakes
from penstock.services import explicit, filing, group_targets, views
from penstock.services.catalog_looks import CatalogLooks
from penstock.services.new_issues import Head, Stored, planned
from penstock.services.progress import Progress
from penstock.services.releases import NewChange, check, check_for, visible_project
from penstock.services.submission import Filing, submit
from penstock.store import issues, pipelines, releases
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice
from penstock.store.tables.accounts import project
from penstock.store.tables.changes import comment, issue
from penstock.store.tables.pipelines import pipeline


@dataclass(frozen=True, slots=True)
class NewIssue:
    """An issue as somebody files it.

    Args:
        targets: what its release is meant for: one stage per environment is made.
        pipeline: explicit stages instead of targets.
        fan_out: limits of every stage that the targets make.
        release_id, changes, statement: at most one; none only where every task of explicit stages brings its own.
    """

    project: str
    title: str
    targets: filing.Targets | None = None
    pipeline: PipelineSpec | None = None
    fan_out: FanOut = NONE
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    release_id: int | None = None
    changes: Sequence[NewChange] | None = None
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """An issue for a pipeline that has none yet."""

    project: str
    title: str
    pipeline_id: int
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of issues is narrowed to; None means "any"."""

    project: str | None = None
    status: str | None = None
    author: str | None = None
    environment: str | None = None
    label: str | None = None
    waiting_for_me: bool = False
    text: str | None = None


class Issues:
    """The collaboration side of changes.

    Args:
        looks: into the catalogs of databases.
        statement_limit: bytes that one script may have.
    """

    def __init__(self, database: Database, looks: CatalogLooks, *, statement_limit: int) -> None:
        self._database = database
        self._looks = looks
        self._limit = statement_limit

    async def create(self, principal: Principal, new: NewIssue) -> Record:
        """File an issue with its release, pipeline, stages and tasks, and open what may start; see `submission`.

        Raises:
            ValidationFailed: anything is wrong with it; then nothing is stored.
        """
        given = [new.release_id is not None, new.changes is not None, new.statement is not None]
        if sum(given) != 1 and (new.pipeline is None or any(given)):
            message = "Give exactly one of release (an id, or an object with changes) and statement."
            raise ValidationFailed(errors=[FieldError("release", message, "one_release")])
        if (new.targets is None) == (new.pipeline is None):
            message = "Say where to apply it: give either targets or a pipeline with stages."
            raise ValidationFailed(errors=[FieldError("targets", message, "no_targets")], code="no_targets")
        if new.fan_out != NONE and new.pipeline is not None:
            message = "Give each stage limits of its own: fan_out is for the stages that targets make."
            raise ValidationFailed(errors=[FieldError("fan_out", message, "fan_out_with_stages")])
        if wrong := fan_out_mistakes(new.fan_out, "fan_out"):
            raise ValidationFailed(errors=wrong)
        filed = new.changes if new.statement is None else [NewChange(new.statement)]
        where = "release.changes" if new.statement is None else "statement"

        async def prepare(conn: AsyncConnection) -> Filing[Stored]:
            project_id = await visible_project(conn, principal, new.project)
            require(principal, "issue.create", project_id)
            targets, columns = await _targets(conn, project_id, new.targets)
            kinds = {t.engine for t in targets}
            checked = None
            if filed is not None:
                engine = kinds.pop() if len(kinds) == 1 else None
                checked = await asyncio.to_thread(check, filed, limit=self._limit, engine=engine, field=where)
                await asyncio.to_thread(check_for, kinds, checked, where)
            release = await self._file_release(conn, principal, project_id, new.release_id, checked)
            order, fail_fast = "sequential", False
            if new.pipeline is not None:
                order, fail_fast = new.pipeline.order, new.pipeline.fail_fast
                stages = await explicit.stages(
                    conn,
                    project_id,
                    new.pipeline,
                    explicit.Filed(release["id"], release["digest"]) if release is not None else None,
                    author_id=principal.id,
                    statement_limit=self._limit,
                    any_instance=allowed(principal, "instance.read"),
                )
            else:
                assert new.targets is not None
                assert release is not None
                engines = [c["engine"] for c in await releases.headers_of(conn, release["id"])]
                places = plan(engines, targets)
                if checked is None:
                    known = await releases.changes_of(conn, release["id"])
                    await asyncio.to_thread(check_for, {t.engine for t in targets}, known, "release.changes")
                stages = filing.change_stages(places, release["id"], release["digest"], new.fan_out)
            head = Head(new.title, new.description, new.labels, release["id"] if release is not None else None, columns)
            return planned(principal, project_id, head, stages, order=order, fail_fast=fail_fast)

        stored = await submit(self._database, prepare)
        await self._looks.after_filing(stored.pipeline_id)
        return await self.get(principal, stored.issue_id)

    async def adopt(self, principal: Principal, new: Adoption) -> Record:
        """File an issue for a pipeline of the project that has none; from now on people can discuss and approve it.

        Raises:
            Conflict: it has an issue already.
            NotFound: there is no such pipeline in the project.
        """

        async def work(conn: AsyncConnection) -> int:
            project_id = await visible_project(conn, principal, new.project)
            require(principal, "issue.create", project_id)
            progress = await Progress.lock(conn, new.pipeline_id)
            if progress.head.project_id != project_id:
                raise NotFound(f"There is no pipeline {new.pipeline_id} in {new.project}.")
            if progress.head.issue_id is not None:
                raise Conflict(f"Pipeline {new.pipeline_id} belongs to issue {progress.head.issue_id}.")
            issue_id: int = (
                await conn.execute(
                    sa.insert(issue)
                    .values(
                        project_id=project_id,
                        pipeline_id=new.pipeline_id,
                        status=progress.head.status,
                        title=new.title,
                        description=new.description,
                        labels=dict(new.labels),
                        author_id=principal.id,
                        last_editor_id=principal.id,
                    )
                    .returning(issue.c.id)
                )
            ).scalar_one()
            progress = await Progress.begin(conn, new.pipeline_id)
            progress.event(events.ISSUE_CREATED, actor_id=principal.id, title=new.title)
            await progress.advance()
            await progress.finish()
            about = {"pipeline": new.pipeline_id, "adopted": True}
            await audit(conn, principal.id, "issue.create", f"issue:{issue_id}", about)
            return issue_id

        return await self.get(principal, await self._database.run(work))

    async def _file_release(
        self,
        conn: AsyncConnection,
        principal: Principal,
        project_id: int,
        release_id: int | None,
        changes: Sequence[releases.Change] | None,
    ) -> Record | None:
        """The release that an issue names, or a new one with the changes that it brings."""
        if changes is not None:
            release_id = await releases.create(conn, project_id, changes, principal.id)
        if release_id is None:
            return None
        found = await releases.by_id(conn, release_id)
        if found is None or found["project_id"] != project_id:
            message = f"The project has no release {release_id}."
            raise ValidationFailed(errors=[FieldError("release", message, "unknown_release")], code="unknown_release")
        return found

    async def get(self, principal: Principal, issue_id: int) -> Record:
        """An issue with its pipeline, as this caller sees it."""
        async with self._database.connect() as conn:
            return await views.issue(conn, principal, await self._visible(conn, principal, issue_id))

    async def _visible(
        self, conn: AsyncConnection, principal: Principal, issue_id: int, verb: str = "issue.read"
    ) -> Record:
        found = await issues.by_id(conn, issue_id)
        if found is None or not allowed(principal, "issue.read", found["project_id"]):
            raise NotFound(f"There is no issue {issue_id}.")
        require(principal, verb, found["project_id"])
        return found

    async def listing(self, principal: Principal, cut: Cut, wanted: Filter) -> Slice:
        """Issues that the caller sees, newest first."""
        async with self._database.connect() as conn:
            found = await issues.listing(conn, cut, _conditions(principal, wanted))
            loaded = await pipelines.load(conn, [r["pipeline_id"] for r in found.records], for_gates=False)
        return Slice([views.issue_summary(r, loaded[r["pipeline_id"]]) for r in found.records], found.next_key)

    async def edit(
        self,
        principal: Principal,
        issue_id: int,
        *,
        title: str | None = None,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Record:
        """Change the words of an issue; what it does is changed with ``revise``."""
        given = {
            "title": title,
            "description": description,
            "labels": dict(labels) if labels is not None else None,
        }
        values = {k: v for k, v in given.items() if v is not None}

        async def work(conn: AsyncConnection) -> None:
            found = await self._visible(conn, principal, issue_id, "issue.edit")
            if not values:
                return
            progress = await Progress.begin(conn, found["pipeline_id"])
            await conn.execute(
                sa.update(issue).where(issue.c.id == issue_id).values({**values, "updated_at": sa.func.now()})
            )
            progress.event(events.ISSUE_UPDATED, actor_id=principal.id, fields=sorted(values))
            await progress.finish()

        await self._database.run(work)
        return await self.get(principal, issue_id)

    async def comment(self, principal: Principal, issue_id: int, body: str) -> Record:
        """Add a comment and return it as an activity."""

        async def work(conn: AsyncConnection) -> None:
            found = await self._visible(conn, principal, issue_id, "issue.comment")
            progress = await Progress.begin(conn, found["pipeline_id"])
            comment_id = (
                await conn.execute(
                    sa.insert(comment)
                    .values(issue_id=issue_id, author_id=principal.id, body=body)
                    .returning(comment.c.id)
                )
            ).scalar_one()
            progress.event(events.COMMENTED, actor_id=principal.id, comment_id=comment_id)
            await progress.finish()

        await self._database.run(work)
        async with self._database.connect() as conn:
            return await issues.last_comment(conn, issue_id, principal.id)

    async def activity(self, principal: Principal, issue_id: int, cut: Cut) -> Slice:
        """Comments and events of an issue, oldest first."""
        async with self._database.connect() as conn:
            await self._visible(conn, principal, issue_id)
            return await issues.activity(conn, issue_id, cut)

    async def cancel(self, principal: Principal, issue_id: int) -> Record:
        """Cancel issue and pipeline at once; running tasks are told, and keep their true end.

        Raises:
            InvalidTransition: the issue is not open.
        """

        async def work(conn: AsyncConnection) -> None:
            found = await self._visible(conn, principal, issue_id, "issue.cancel")
            progress = await Progress.begin(conn, found["pipeline_id"])
            _require_status(progress, issue_id, "open")
            await _set_status(conn, progress, "canceled", by=principal.id)
            progress.event(events.ISSUE_CANCELED, actor_id=principal.id)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "issue.cancel", f"issue:{issue_id}")

        await self._database.run(work)
        return await self.get(principal, issue_id)

    async def reopen(self, principal: Principal, issue_id: int) -> Record:
        """Open a canceled issue again; what was canceled is not run again unasked.

        Raises:
            InvalidTransition: it is not canceled, or a task of it is still at work.
        """

        async def work(conn: AsyncConnection) -> None:
            found = await self._visible(conn, principal, issue_id, "issue.cancel")
            progress = await Progress.begin(conn, found["pipeline_id"])
            _require_status(progress, issue_id, "canceled")
            active = sum(s.counts[c] for s in progress.pipeline.stages for c in ("scheduled", "running", "canceling"))
            if active:
                raise InvalidTransition(
                    f"{active} task(s) of this issue are still being canceled: wait until they ended."
                )
            await _set_status(conn, progress, "open")
            progress.event(events.ISSUE_REOPENED, actor_id=principal.id)
            await progress.advance()
            await progress.finish()
            await audit(conn, principal.id, "issue.reopen", f"issue:{issue_id}")

        await self._database.run(work)
        return await self.get(principal, issue_id)

    async def resolve(self, principal: Principal, issue_id: int) -> Record:
        """Confirm that an issue is done: it becomes so by itself, so this only says why it is not.

        Raises:
            InvalidTransition: tasks that do not pass, by name; or the issue is canceled.
        """
        async with self._database.connect() as conn:
            found = await self._visible(conn, principal, issue_id, "issue.edit")
            if found["status"] == "canceled":
                raise InvalidTransition("The issue is canceled: reopen it first.")
            if found["status"] == "open":
                left = await views.not_passing(conn, found["pipeline_id"])
                names = ", ".join(f"{r['stage']}/{r['name']} ({r['status']})" for r in left)
                raise InvalidTransition(
                    f"The issue is done when every task passes. Not yet: {names}."
                    " Retry them, or skip them with a reason.",
                    tasks=[r["id"] for r in left],
                )
        return await self.get(principal, issue_id)


async def _targets(
    conn: AsyncConnection, project_id: int, wanted: filing.Targets | None
) -> tuple[Sequence[TargetDatabase], Mapping[str, Any]]:
    """The databases that an issue is for, and what its row remembers of how they were chosen."""
    if wanted is None:
        return [], {}
    if wanted.group is not None and wanted.databases is None and wanted.environments is None:
        chosen = await group_targets.choose(conn, project_id, wanted.group, held=True)
        return chosen.targets, chosen.columns
    return await filing.resolve(conn, project_id, wanted), {}


def _require_status(progress: Progress, issue_id: int, status: str) -> None:
    if progress.pipeline.status != status:
        raise InvalidTransition(f"Issue {issue_id} is {progress.pipeline.status}, not {status}.")


async def _set_status(conn: AsyncConnection, progress: Progress, status: str, *, by: int | None = None) -> None:
    values = {"status": status, "canceled_by": by}
    await conn.execute(sa.update(pipeline).where(pipeline.c.id == progress.pipeline.id).values(values))


def _conditions(principal: Principal, wanted: Filter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if not principal.sees_all_projects:
        found.append(issues.visible(list(principal.projects)))
    if wanted.project is not None:
        found.append(project.c.slug == wanted.project)
    if wanted.status is not None:
        found.append(issue.c.status == wanted.status)
    if wanted.author == "me":
        found.append(issue.c.author_id == principal.id)
    elif wanted.author is not None:
        found.append(issues.by_author(wanted.author))
    if wanted.environment is not None:
        found.append(issues.in_environment(wanted.environment))
    if wanted.label is not None:
        key, _, value = wanted.label.partition(":")
        found.append(issues.labelled(key, value))
    if wanted.text:
        found.append(issues.matches(wanted.text))
    if wanted.waiting_for_me:
        roles: dict[str, list[int]] = {}
        for project_id, role in principal.projects.items():
            roles.setdefault(role, []).append(project_id)
        runs = [p for p in principal.projects if allowed(principal, "stage.advance", p)]
        may_run = sa.true() if allowed(principal, "stage.advance") else issues.visible(runs)
        found.append(issues.waiting_for(principal.id, _labels(principal), roles, may_run))
    return found


def _labels(principal: Principal) -> list[str]:
    """What blockers call a person, wherever she is."""
    labels = [f"user:{principal.email}", *(f"group:{slug}" for slug in sorted(principal.groups))]
    if principal.workspace_role in ("dba", "admin"):
        labels.append("role:workspace:dba")
    if principal.workspace_role == "admin":
        labels.append("role:workspace:admin")
    return labels
