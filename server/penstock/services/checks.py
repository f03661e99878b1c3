"""Status checks: other systems report what they think of a release, owners say which of them it cannot leave an
environment without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import checks as domain
from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import FieldError, NotFound, ValidationFailed
from penstock.services.versions import check_version
from penstock.store import check_facts, checks, environments, outbox, pipelines, projects
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report as another system sends it.

    Args:
        database: id or ``instance/name``; None: all of the release's databases in the environment.
        propagate, propogate: whether to send it on; two spellings of one thing.
        commit: what it is sent on for; the release's own if it is not given.
    """

    environment: str
    context: str
    state: str
    database: int | str | None = None
    target_url: str | None = None
    description: str = ""
    commit: str | None = None
    propagate: bool | None = None
    propogate: bool | None = None


class Checks:
    """Reports and requirements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, principal: Principal, release_id: int, new: NewReport) -> Record:
        """Take a report; one of the same context about the same database before it becomes history.

        Raises:
            NotFound: there is no such release that the caller may see.
            ValidationFailed: everything that is wrong with it.
        """

        async def work(conn: AsyncConnection) -> Record:
            release = _seen(await checks.lock_release(conn, release_id), principal, release_id)
            project_id = release["project_id"]
            require(principal, "check.report", project_id)
            wrong = domain.mistakes(_filed(new))
            environment_id, database_id, unknown = await _place(conn, project_id, new)
            if wrong := [*unknown, *wrong]:
                raise ValidationFailed(errors=wrong)
            assert environment_id is not None
            place = check_facts.Place(release_id, environment_id)
            before = await _standing(conn, place, new.context)
            values = {
                "project_id": project_id,
                "release_id": release_id,
                "environment_id": environment_id,
                "database_id": database_id,
                "context": new.context,
                "state": new.state,
                "target_url": new.target_url,
                "description": new.description,
                "commit": new.commit or release["commit"],
                "propagate": bool(new.propagate or new.propogate),
                "account_id": principal.id,
            }
            made = await checks.by_id(conn, await checks.insert(conn, values)) or {}
            await _ask_again(conn, project_id, place, before, await _standing(conn, place, new.context))
            keys = ("release", "environment", "database", "context", "state", "target_url", "description")
            about = {"report": made["id"], **{k: made[k] for k in (*keys, "commit", "propagate")}}
            await outbox.append(
                conn, [outbox.NewEvent(events.CHECK_REPORTED, project_id, actor_id=principal.id, data=about)]
            )
            return made

        return await self._database.run(work)

    async def of_release(
        self,
        principal: Principal,
        release_id: int,
        cut: Cut,
        *,
        environment: str | None,
        context: str | None,
        history: bool,
    ) -> Slice:
        """What was reported of a release, the newest first."""
        async with self._database.connect() as conn:
            project_id = await checks.project_of(conn, release_id)
            if project_id is None or not allowed(principal, "release.read", project_id):
                raise NotFound(f"There is no release {release_id}.")
            return await checks.of_release(
                conn, cut, release_id, environment_slug=environment, context=context, history=history
            )

    async def of_project(
        self, principal: Principal, slug: str, cut: Cut, *, environment: str | None, context: str | None
    ) -> Slice:
        """Every report in a project, the newest first."""
        async with self._database.connect() as conn:
            project_id = await _project(conn, principal, slug)
            return await checks.of_project(conn, cut, project_id, environment_slug=environment, context=context)

    async def matrix(self, principal: Principal, slug: str, cut: Cut) -> tuple[Slice, Record]:
        """Contexts of a project, each with how it stands in every environment for the release reported there last.

        Returns:
            One page of contexts, and what belongs to all: environments, and whether the caller may require.
        """
        async with self._database.connect() as conn:
            project_id = await _project(conn, principal, slug)
            found = await checks.contexts(conn, project_id, cut)
            places = await checks.environments(conn, project_id)
            required = {(r["environment"], r["context"]) for r in await checks.required(conn, project_id)}
            reports = await checks.newest(conn, project_id, [r["context"] for r in found.records])
        told: dict[tuple[str, str], list[Record]] = {}
        for report in reports:
            told.setdefault((report["environment"], report["context"]), []).append(report)
        records = [
            {
                "context": r["context"],
                "environments": [
                    _cell(r["context"], e["slug"], required, told.get((e["slug"], r["context"]), [])) for e in places
                ],
            }
            for r in found.records
        ]
        may = allowed(principal, "check.require", project_id)
        return Slice(records, found.next_key), {"environments": places, "can_require": may}

    async def required(self, principal: Principal, slug: str, environment: str) -> tuple[list[str], int]:
        """The contexts that are required in an environment of a project, and the project's version."""
        async with self._database.connect() as conn:
            project = await projects.by_slug(conn, principal, slug)
            project_id = await _project(conn, principal, slug)
            environment_id = await _environment(conn, environment)
            rows = await checks.required(conn, project_id, environment_id)
        return [row["context"] for row in rows], (project or {})["version"]

    async def require(
        self, principal: Principal, slug: str, environment: str, contexts: Sequence[str], expected: int | None
    ) -> tuple[list[str], int]:
        """Replace what is required.

        Raises:
            NotFound: there is no such project or environment.
            ValidationFailed: contexts that nobody ever reported in the project.
        """

        async def work(conn: AsyncConnection) -> tuple[list[str], int]:
            await _project(conn, principal, slug)
            locked = await projects.lock(conn, slug) or {}
            require(principal, "check.require", locked["id"])
            check_version(locked, expected)
            environment_id = await _environment(conn, environment)
            known = await checks.known_contexts(conn, locked["id"], contexts)
            unknown = [
                FieldError(f"contexts[{n}]", f"Nobody has reported {context} in {slug} yet.", "never_reported")
                for n, context in enumerate(contexts)
                if context not in known
            ]
            if unknown:
                raise ValidationFailed(errors=unknown[:100])
            await checks.require(conn, locked["id"], environment_id, contexts, principal.id)
            await projects.update(conn, locked["id"], {})
            await pipelines.environments_changed(conn, await checks.above(conn, locked["id"], environment_id))
            data = {"contexts": sorted(set(contexts))}
            await audit(conn, principal.id, "check.require", f"project:{slug}/{environment}", data)
            rows = await checks.required(conn, locked["id"], environment_id)
            return [row["context"] for row in rows], locked["version"] + 1

        return await self._database.run(work)


def _filed(new: NewReport) -> dict[str, Any]:
    return {
        "context": new.context,
        "state": new.state,
        "target_url": new.target_url,
        "commit": new.commit,
        "propagate": new.propagate,
        "propogate": new.propogate,
    }


def _seen(release: Record | None, principal: Principal, release_id: int) -> Record:
    if release is None or not allowed(principal, "release.read", release["project_id"]):
        raise NotFound(f"There is no release {release_id}.")
    return release


async def _project(conn: AsyncConnection, principal: Principal, slug: str) -> int:
    found = await projects.id_of(conn, slug)
    if found is None or not allowed(principal, "release.read", found):
        raise NotFound(f"There is no project {slug} that you may see.")
    return found


async def _environment(conn: AsyncConnection, slug: str) -> int:
    found = await environments.id_of(conn, slug)
    if found is None:
        raise NotFound(f"There is no environment {slug}.")
    return found


async def _place(
    conn: AsyncConnection, project_id: int, new: NewReport
) -> tuple[int | None, int | None, list[FieldError]]:
    """Environment and database that a report is about, and what is wrong with them."""
    environment_id = await environments.id_of(conn, new.environment)
    if environment_id is None:
        wrong = FieldError("environment", f"There is no environment {new.environment}.", "unknown_environment")
        return None, None, [wrong]
    if new.database is None:
        return environment_id, None, []
    found = await checks.find_database(conn, new.database)
    if found is None or found["project_id"] != project_id:
        message = f"The release's project has no database {new.database}."
        return environment_id, None, [FieldError("database", message, "unknown_database")]
    if found["environment_id"] != environment_id:
        message = f"The database {new.database} is not in {new.environment}."
        return environment_id, None, [FieldError("database", message, "other_environment")]
    return environment_id, found["id"], []


async def _standing(conn: AsyncConnection, place: check_facts.Place, context: str) -> domain.Check | None:
    """How a context stands for a release; None where it is not required."""
    found = (await check_facts.of_places(conn, [place])).get(place, ())
    return next((check for check in found if check.context == context), None)


async def _ask_again(
    conn: AsyncConnection,
    project_id: int,
    place: check_facts.Place,
    before: domain.Check | None,
    after: domain.Check | None,
) -> None:
    """Have gates asked again whose answer a report may have changed.

    What was red before, and cannot have been overridden, has closed every gate already: only what may have been open
    loses its permit.
    """
    if before is None or after is None:
        return
    if before.state in ("success", "error") and after.state != "success":
        await pipelines.environments_changed(conn, await checks.above(conn, project_id, place.environment_id))
    elif before.state != after.state:
        await pipelines.wake_above(conn, project_id)


def _cell(context: str, environment: str, required: set[tuple[str, str]], reports: Sequence[Record]) -> Record:
    """How a context stands in an environment, by the latest words about the release that was reported last."""
    words = [domain.Report(r["id"], context, r["database_id"], r["state"]) for r in reports]
    state, _, revision = domain.stand(context, (), words)
    return {
        "environment": environment,
        "required": (environment, context) in required,
        "state": state,
        "latest": next((r for r in reports if r["id"] == revision), None),
    }
