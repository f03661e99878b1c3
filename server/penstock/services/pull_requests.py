"""Looks at pull requests: a preview while one is open, an issue once it is merged, nothing left behind at the end.

What a host told us only says where to look; what is done follows from how the pull request is now. So deliveries may
come twice, late or in any order, and a look that dies half-way is simply done again: every step finds out whether it
was taken.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal
from penstock.domain.errors import PayloadTooLarge, PenstockError, ValidationFailed
from penstock.domain.layouts.recognise import read
from penstock.domain.layouts.source import LayoutError, SourceChange, SourceFile
from penstock.domain.plugins import next_delay
from penstock.domain.releases import recorded_as
from penstock.domain.repositories import CONTEXT, Preview, System, new_issue_comment, scratch_name
from penstock.engines.base import Engine, EngineName, TargetUnavailable
from penstock.plugins.hosts.base import GitHost, HostError, Place, PullRequest
from penstock.services.filing import Targets as IssueTargets
from penstock.services.issues import Issues, NewIssue
from penstock.services.releases import NewChange, Releases, check
from penstock.services.repositories import Repositories
from penstock.services.secrets import SecretUnreadable
from penstock.services.targets import Targets
from penstock.sql.splitter import split
from penstock.store import accounts, outbox, releases, repositories
from penstock.store.database import Database
from penstock.store.rows import Record
from penstock.store.tables.records import deployment

log = structlog.get_logger(__name__)

TRIAL_SECONDS: Final = 300.0
_MOST_DATABASES: Final = 1_000
_LABEL: Final = "pull-request"
_SHOWN_FINDINGS: Final = 200


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one pull request.

    Args:
        record: what we know of it, under our lease.
        now: what its host says.
    """

    repository: Record
    record: Record
    host: GitHost
    place: Place
    now: PullRequest


class PullRequests:
    """Takes pull requests that are due, one at a time.

    Args:
        known: the repositories, which open their tokens.
        filed: the releases.
        hosts: by system.
        public_url: where people reach this installation, for links.
    """

    def __init__(
        self,
        database: Database,
        known: Repositories,
        filed: Releases,
        issues: Issues,
        targets: Targets,
        engine_for: Callable[[EngineName], Engine],
        hosts: Mapping[System, GitHost],
        public_url: str | None,
    ) -> None:
        self._database = database
        self._repositories = known
        self._releases = filed
        self._issues = issues
        self._targets = targets
        self._engine_for = engine_for
        self._hosts = hosts
        self._public_url = public_url.rstrip("/") if public_url else None

    async def round(self) -> bool:
        """Look at one; returns whether there was any."""
        record = await self._database.run(repositories.claim)
        if record is None:
            return False
        try:
            async with self._database.connect() as conn:
                repository = await repositories.by_id(conn, record["repository_id"])
            if repository is not None:
                await self._look(repository, record)
            await self._write(record, {"due_at": None, "lease": None, "failures": 0, "error": None})
        except (HostError, TargetUnavailable, SecretUnreadable) as error:
            await self._failed(record, str(error), error)
        return True

    async def _look(self, repository: Record, record: Record) -> None:
        host = self._hosts[repository["system"]]
        token = self._repositories.open(repository["id"], "token", repository["token"])
        place = Place(repository["api"], repository["path"], token)
        now = await host.pull_request(place, record["number"])
        if now.base != repository["branch"]:
            await self._drop_scratch(record)
            return
        look = Look(repository, record, host, place, now)
        await self._write(record, {"title": now.title[:500], "url": now.url[:2_000], "state": now.state})
        if now.state != "open":
            await self._drop_scratch(record)
        if now.state == "open" and (record["head"] != now.head or record["verdict"] is None):
            await self._preview(look)
        if now.state == "merged" and repository["environment_id"] is not None and record["issue_id"] is None:
            await self._deploy(look)

    async def _preview(self, look: Look) -> None:
        """Read, review and try what the branch has; say it in the comment and at the commit."""
        head = look.now.head
        await self._status(look, head, "pending", "Reading the migrations")
        await self._drop_scratch(look.record)
        preview = await self._previewed(look)
        link = f"{self._public_url}/settings/repositories" if self._public_url else None
        comment = await look.host.comment(
            look.place, look.record["number"], look.record["comment"], preview.markdown(link)
        )
        verdict = "success" if preview.ok else "failure"
        await self._status(look, head, verdict, preview.summary())
        await self._write(look.record, {"head": head, "verdict": verdict, "comment": comment})

    async def _previewed(self, look: Look) -> Preview:
        head, repository = look.now.head, look.repository
        try:
            changes = await self._read(look, head)
            filed = [_filed(change, repository["engine"]) for change in changes]
            limit, engine = self._releases.statement_limit, repository["engine"]
            checked = await asyncio.to_thread(check, filed, limit=limit, engine=engine)
        except LayoutError as error:
            return Preview(head, [f"{m.path}: {m.message}" for m in error.mistakes])
        except ValidationFailed as error:
            return Preview(head, [_named(e.field, e.message, changes) for e in error.errors] or [error.message])
        except PayloadTooLarge as error:
            return Preview(head, [error.message])
        async with self._database.connect() as conn:
            digests = {change.version: change.digest for change in checked}
            edited = await repositories.edited(conn, repository["project_id"], digests)
            pending = await self._pending(conn, repository, checked)
        paths = {change.version: change.path for change in changes}
        problems = [f"{paths[v]}: version {v} is applied somewhere with other contents; add a new one" for v in edited]
        new = {version for versions in (pending or {}).values() for version in versions}
        findings = [
            (f["severity"], change.version, f["line"], f["message"])
            for change in checked
            if pending is None or not pending or change.version in new
            for f in change.findings
        ]
        trial, skipped = await self._tried(look, changes) if not problems else (None, "there are problems")
        return Preview(
            commit=head,
            problems=problems,
            changes=[(change.version, change.name) for change in checked],
            pending=pending,
            findings=findings[:_SHOWN_FINDINGS],
            trial=trial,
            skipped=skipped,
            environment=repository["environment"],
        )

    async def _pending(
        self, conn: AsyncConnection, repository: Record, checked: Sequence[releases.Change]
    ) -> dict[str, list[str]] | None:
        if repository["environment_id"] is None:
            return None
        place = (repository["project_id"], repository["environment_id"])
        applied = await repositories.applied(conn, *place, _MOST_DATABASES)
        return {
            name: [c.version for c in checked if recorded_as(c.version, c.digest) not in has]
            for name, has in applied.items()
        }

    async def _tried(self, look: Look, changes: Sequence[SourceChange]) -> tuple[str | None, str | None]:
        """What went wrong with the scripts on a database of their own; or why they were not run."""
        repository, record = look.repository, look.record
        if repository["preview_instance_id"] is None:
            return None, "no preview instance is set"
        if look.now.foreign:
            return None, "the branch is in a fork, whose author may have no rights here"
        instance_id = repository["preview_instance_id"]
        async with self._database.connect() as conn:
            target = await self._targets.target_for(conn, instance_id)
            ours = await conn.scalar(sa.select(deployment.c.id))
        name = scratch_name(str(ours), record["id"], look.now.head)
        # Written first: whatever dies from here on, somebody knows what to drop.
        await self._write(record, {"scratch": name, "scratch_instance_id": instance_id})
        record |= {"scratch": name, "scratch_instance_id": instance_id}
        engine = self._engine_for(target.engine)
        await engine.drop_database(target, name)  # of a look that died
        await engine.create_database(target, name)
        scripts = [split(change.statement.encode(), target.engine) for change in changes]
        failed = await engine.try_scripts(replace(target, database=name), scripts, TRIAL_SECONDS)
        if failed is None:
            return None, None
        line = f", line {failed.failure.line}" if failed.failure.line else ""
        return f"{changes[failed.script].path}{line}: {failed.failure.message}", None

    async def _deploy(self, look: Look) -> None:
        """File the issue that brings what was merged to its environment."""
        repository, record, now = look.repository, look.record, look.now
        commit = now.merge or now.head
        try:
            principal = await self._acting(repository)
            issue_id, release_id = await self._issue(look, principal, commit)
        except LayoutError as error:
            return await self._undeployable(look, f"{error.mistakes[0].path}: {error.mistakes[0].message}")
        except PenstockError as error:
            if isinstance(error, TargetUnavailable):
                raise
            return await self._undeployable(look, error.message)
        await self._write(record, {"issue_id": issue_id, "release_id": release_id})
        shown = f"[issue {issue_id}]({self._public_url}/issues/{issue_id})" if self._public_url else f"issue {issue_id}"
        text = new_issue_comment(None, shown, repository["environment"])
        await look.host.comment(look.place, record["number"], None, text)

    async def _issue(self, look: Look, principal: Principal, commit: str) -> tuple[int, int]:
        repository, record, now = look.repository, look.record, look.now
        label = f"{repository['slug']}#{record['number']}"
        project_id, environment = repository["project_id"], repository["environment"]
        async with self._database.connect() as conn:
            # An earlier look may have died right after it had filed it.
            there = await repositories.issue_of(conn, project_id, principal.id, _LABEL, label)
        if there is not None:
            found = await self._issues.get(principal, there)
            return there, found["release"]
        changes = [_filed(change, repository["engine"]) for change in await self._read(look, commit)]
        release = await self._releases.create(principal, repository["project"], changes, commit)
        issue = await self._issues.create(
            principal,
            NewIssue(
                project=repository["project"],
                title=f"{now.title} (#{record['number']})"[:200],
                description=f"Merged from {now.url} by {now.author}.",
                labels={_LABEL: label},
                release_id=release["id"],
                targets=IssueTargets(environments=[environment]),
            ),
        )
        return issue["id"], release["id"]

    async def _undeployable(self, look: Look, why: str) -> None:
        """A merge from which no issue follows, since what was merged cannot be filed: said where it was merged."""
        text = f"Merged, but no issue was filed: {why}"
        comment = Preview(look.now.head, [text]).markdown(None)
        await look.host.comment(look.place, look.record["number"], None, comment)
        await self._tell(look.record, look.repository, text)

    async def _acting(self, repository: Record) -> Principal:
        async with self._database.connect() as conn:
            principal = await accounts.principal(conn, repository["account_id"])
        if principal is None:
            raise ValidationFailed(f"The service account of the repository {repository['slug']} is disabled.")
        return principal

    async def _read(self, look: Look, commit: str) -> list[SourceChange]:
        repository = look.repository
        files: list[SourceFile] = await look.host.files(look.place, commit, repository["directory"])
        how = {key: repository[key] for key in ("layout", "pattern", "engine")}
        return (await asyncio.to_thread(lambda: read(files, **how)))[1]

    async def _drop_scratch(self, record: Record) -> None:
        if record["scratch"] is None:
            return
        async with self._database.connect() as conn:
            target = await self._targets.target_for(conn, record["scratch_instance_id"])
        await self._engine_for(target.engine).drop_database(target, record["scratch"])
        await self._write(record, {"scratch": None, "scratch_instance_id": None})
        record |= {"scratch": None, "scratch_instance_id": None}

    async def _status(self, look: Look, commit: str, state: Any, description: str) -> None:
        link = f"{self._public_url}/settings/repositories" if self._public_url else None
        await look.host.status(look.place, commit, state, CONTEXT, description, link)

    async def _write(self, record: Record, values: Mapping[str, Any]) -> None:
        await self._database.run(lambda conn: repositories.write(conn, record, values))

    async def _failed(self, record: Record, message: str, error: Exception) -> None:
        failures = record["failures"] + 1
        again = not isinstance(error, HostError) or error.again
        after = error.after if isinstance(error, HostError) else None
        delay: dt.timedelta | None = next_delay(failures, after) if again else None
        due = None if delay is None else sa.func.statement_timestamp() + delay
        log.warning("pull_request_not_looked_at", pull_request=record["id"], error=message, again=delay is not None)
        await self._write(record, {"due_at": due, "lease": None, "failures": failures, "error": message[:2_000]})
        if delay is None or failures == 1:
            async with self._database.connect() as conn:
                repository = await repositories.by_id(conn, record["repository_id"])
            if repository is not None:
                await self._tell(record, repository, message)

    async def _tell(self, record: Record, repository: Record, message: str) -> None:
        data = {"name": repository["slug"], "pull_request": record["number"], "error": message[:2_000]}
        error = outbox.NewEvent(events.PLUGIN_ERROR, project_id=repository["project_id"], data=data)
        await self._database.run(lambda conn: outbox.append(conn, [error]))


def _filed(change: SourceChange, engine: str | None) -> NewChange:
    return NewChange(change.statement, change.version, change.name, engine, revert=change.revert)


def _named(field: str, message: str, changes: Sequence[SourceChange]) -> str:
    """A mistake with the file's path instead of its place in a request."""
    number = field.removeprefix("changes[").partition("]")[0]
    return f"{changes[int(number)].path}: {message}" if number.isdigit() else message
