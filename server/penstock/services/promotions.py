"""Promotions: the same release, the next environment, and always an issue that is reviewed and gated like any other."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import FieldError, ValidationFailed
from penstock.domain.pipeline import promotion
from penstock.domain.pipeline.fan_out import NONE, FanOut
from penstock.domain.pipeline.plan import PlannedStage, TargetDatabase, plan
from penstock.domain.pipeline.spec import fan_out_mistakes
from penstock.services import filing, leaving, new_issues
from penstock.services.catalog_looks import CatalogLooks
from penstock.services.new_issues import Stored
from penstock.services.releases import check_for, visible_project
from penstock.services.submission import Filing, submit
from penstock.store import environments, issues, promotions, releases
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Record
from penstock.store.tables.catalog import database, instance

Reference = int | str


@dataclass(frozen=True, slots=True)
class NewPromotion:
    """A promotion as somebody asks for it.

    Args:
        release_id: what to move; without it, what the source has now.
        source_environment, source_database: where it comes from; at most one.
        target_environment, target_databases: where it goes; at most one. Without either, every database of the project
            in the next environment.
        override: why errors of required checks are to be let pass.
        title: of the issue; one is made up without.
        fan_out: limits of the stage.
    """

    project: str
    release_id: int | None = None
    source_environment: str | None = None
    source_database: Reference | None = None
    target_environment: str | None = None
    target_databases: Sequence[Reference] | None = None
    override: str | None = None
    title: str | None = None
    description: str = ""
    fan_out: FanOut = NONE


@dataclass(frozen=True, slots=True)
class Choice:
    """What a promotion comes to.

    Args:
        release: id, digest and number of changes; its row is locked.
        targets: databases, all in the route's target.
        wanted: what was asked for.
    """

    project_id: int
    release: Record
    route: promotion.Route
    targets: Sequence[TargetDatabase]
    wanted: NewPromotion = field(repr=False)


class Promotions:
    """Moves releases on.

    Args:
        looks: looks into the targets once an issue is filed.
    """

    def __init__(self, database: Database, looks: CatalogLooks) -> None:
        self._database = database
        self._looks = looks

    async def create(self, principal: Principal, new: NewPromotion) -> Record:
        """File an issue that moves a release to the next environment.

        Returns:
            The ids of the issue, its pipeline and the release.

        Raises:
            ValidationFailed: what it names is not there, or the release may not go there from where it is.
            NotApplied: the source does not have it, or not everywhere it is meant for.
            AlreadyPlanned: an open issue holds it for one of the targets.
            Blocked: a required check holds it.
        """

        chosen: list[Choice] = []

        async def prepare(conn: AsyncConnection) -> Filing[Stored]:
            choice = await choose(conn, principal, new)
            await refuse_planned(conn, choice)
            await leaving.ask(
                conn, principal, choice.project_id, choice.release["id"], choice.route.source.id, new.override
            )
            chosen[:] = [choice]
            return await filed(conn, principal, choice)

        stored = await submit(self._database, prepare)
        await self._looks.after_filing(stored.pipeline_id)
        release = chosen[0].release
        return {
            "issue": stored.issue_id,
            "pipeline": stored.pipeline_id,
            "release": release["id"],
            "digest": release["digest"],
        }


async def choose(conn: AsyncConnection, principal: Principal, new: NewPromotion) -> Choice:
    """Look everything up and decide from where to where; locks the release.

    Raises:
        ValidationFailed, NotApplied: as `Promotions.create`.
    """
    project_id = await visible_project(conn, principal, new.project)
    require(principal, "issue.create", project_id)
    _refuse_unclear(new)
    source = await _named_source(conn, project_id, new)
    targets = await _named_targets(conn, project_id, new)
    release_id = new.release_id if new.release_id is not None else await _current(conn, project_id, new, source)
    release = await promotions.lock(conn, release_id)
    if release is None or release["project_id"] != project_id:
        message = f"The project has no release {release_id}."
        raise ValidationFailed(errors=[FieldError("release", message, "unknown_release")], code="unknown_release")
    rows = await promotions.standing(conn, project_id, release_id)
    places = _places(rows)
    empty = await promotions.without_databases(conn, [place.id for place in places])
    wish = promotion.Wish(
        source=source.environment if source is not None else new.source_environment,
        databases=frozenset({source.id} if source is not None else ()),
        target=targets[0].environment if targets else new.target_environment,
    )
    route = promotion.route(places, wish, empty)
    if not targets:
        there = sa.and_(database.c.project_id == project_id, instance.c.environment_id == route.target.id)
        targets = [t for t, _ in await issues.targets(conn, there, held=True)]
    return Choice(project_id, release, route, targets, new)


async def refuse_planned(conn: AsyncConnection, choice: Choice) -> None:
    """Refuse what an open issue does already; with the release locked, no other promotion plans it meanwhile.

    Raises:
        AlreadyPlanned: names the issue and its stage.
    """
    found = await promotions.planned(conn, choice.release["id"], [t.id for t in choice.targets])
    if found is not None:
        message = f"Issue {found['issue']} applies this release there already, in its stage {found['stage']}."
        raise promotion.AlreadyPlanned(message, issue=found["issue"], stage=found["stage"])


async def check_readable(conn: AsyncConnection, choice: Choice) -> Sequence[PlannedStage]:
    """The stage that applies the release to its targets.

    Raises:
        ValidationFailed: a change is meant for another engine, or cannot be read by that of a target.
    """
    changes = await releases.changes_of(conn, choice.release["id"])
    planned = plan([c.engine for c in changes], choice.targets)
    await asyncio.to_thread(check_for, {t.engine for t in choice.targets}, changes, "release.changes")
    return planned


async def filed(conn: AsyncConnection, principal: Principal, choice: Choice) -> Filing[Stored]:
    """The issue of a promotion that nothing stands against, of any size."""
    release, route, new = choice.release, choice.route, choice.wanted
    # The source, too: the promotion refers to it, and environments are locked in one order.
    await environments.hold(conn, {route.source.id, route.target.id})
    planned = await check_readable(conn, choice)
    stages = filing.change_stages(planned, release["id"], release["digest"], new.fan_out)
    about: dict[str, Any] = {
        "release": release["id"],
        "digest": release["digest"],
        "source": route.source.slug,
        "target": route.target.slug,
        "databases": len(choice.targets),
    }

    async def recheck(conn: AsyncConnection) -> None:
        await promotions.lock(conn, release["id"])
        await environments.hold(conn, {route.source.id, route.target.id})
        await refuse_planned(conn, choice)

    async def then(conn: AsyncConnection, stored: Stored) -> None:
        await promotions.record(
            conn,
            issue_id=stored.issue_id,
            release_id=release["id"],
            source_environment_id=route.source.id,
            sources=list(route.sources),
            targets=[t.id for t in choice.targets],
        )
        await audit(conn, principal.id, "promotion.create", f"issue:{stored.issue_id}", about)
        if new.override is not None:
            await leaving.override(conn, principal, stored.pipeline_id, [s.name for s in stages], new.override)

    head = new_issues.Head(new.title or _title(choice), new.description, release_id=release["id"])
    told = [new_issues.Told(events.PROMOTED, about)]
    return new_issues.planned(principal, choice.project_id, head, stages, told=told, recheck=recheck, then=then)


def _title(choice: Choice) -> str:
    source = promotion.some(name.partition("/")[2] for name in choice.route.sources.values())
    return f"Promote release {choice.release['id']} from {source} to {choice.route.target.slug}"[:200]


def _refuse_unclear(new: NewPromotion) -> None:
    errors = []
    if new.release_id is None and new.source_environment is None and new.source_database is None:
        message = "Say what to promote: a release, or the database or environment that has it."
        errors.append(FieldError("release", message, "no_source"))
    if new.source_environment is not None and new.source_database is not None:
        errors.append(FieldError("source", "Name a database or an environment, not both.", "one_source"))
    if new.target_environment is not None and new.target_databases is not None:
        errors.append(FieldError("targets", "Name databases or an environment, not both.", "one_target"))
    errors += fan_out_mistakes(new.fan_out, "fan_out")
    if errors:
        raise ValidationFailed(errors=errors)


async def _named_source(conn: AsyncConnection, project_id: int, new: NewPromotion) -> TargetDatabase | None:
    if new.source_environment is not None:
        await _in_use(conn, project_id, new.source_environment, "source.environment")
    if new.source_database is None:
        return None
    return (await _databases(conn, project_id, [new.source_database], "source.database"))[0]


async def _named_targets(conn: AsyncConnection, project_id: int, new: NewPromotion) -> Sequence[TargetDatabase]:
    if new.target_environment is not None:
        await _in_use(conn, project_id, new.target_environment, "targets.environment")
    if new.target_databases is None:
        return ()
    found = await _databases(conn, project_id, new.target_databases, "targets.databases")
    if len(places := sorted({t.environment for t in found})) > 1:
        message = f"These databases lie in {', '.join(places)}: a release moves one environment at a time."
        raise ValidationFailed(
            errors=[FieldError("targets.databases", message, "several_environments")], code="several_environments"
        )
    return found


async def _in_use(conn: AsyncConnection, project_id: int, slug: str, where: str) -> None:
    """Refuse an environment that is unknown, or in which the project has no database."""
    if slug not in await issues.environment_ids(conn, [slug]):
        message = f"There is no environment {slug}."
        raise ValidationFailed(errors=[FieldError(where, message, "unknown_environment")], code="unknown_environment")
    if not await promotions.uses(conn, project_id, slug):
        message = f"The project has no database in {slug}: assign one to it."
        raise ValidationFailed(errors=[FieldError(where, message, "empty_environment")], code="empty_environment")


async def _databases(
    conn: AsyncConnection, project_id: int, names: Sequence[Reference], where: str
) -> Sequence[TargetDatabase]:
    if not names:
        raise ValidationFailed(
            errors=[FieldError(where, "Name at least one database.", "no_targets")], code="no_targets"
        )
    return await filing.named(conn, project_id, names, where)


async def _current(conn: AsyncConnection, project_id: int, new: NewPromotion, source: TargetDatabase | None) -> int:
    """The release that the source has now.

    Raises:
        NotApplied: it has none.
        ValidationFailed: databases of the environment have different ones.
    """
    found = await promotions.current(
        conn,
        project_id,
        environment_slug=new.source_environment,
        database_id=source.id if source is not None else None,
    )
    known: dict[int, list[str]] = {}
    for row in found:
        if row["release_id"] is not None:
            known.setdefault(row["release_id"], []).append(row["name"])
    where = f"{source.instance}/{source.name}" if source is not None else new.source_environment
    if not known:
        raise promotion.NotApplied(f"{where} has no release of this project yet: apply one there first.")
    if len(known) > 1:
        listed = "; ".join(f"{release} on {promotion.some(names)}" for release, names in known.items())
        message = f"The databases of {where} have different releases ({listed}): name the release, or one database."
        raise ValidationFailed(errors=[FieldError("source", message, "several_releases")], code="several_releases")
    return next(iter(known))


def _places(rows: Sequence[Mapping[str, Any]]) -> list[promotion.Place]:
    heads: dict[int, tuple[str, int]] = {}
    holders: dict[int, dict[int, str]] = defaultdict(dict)
    lacking: dict[int, dict[int, str]] = defaultdict(dict)
    for row in rows:
        heads[row["environment_id"]] = (row["environment"], row["position"])
        if row["has"]:
            holders[row["environment_id"]][row["id"]] = row["name"]
        elif row["planned"]:
            lacking[row["environment_id"]][row["id"]] = row["name"]
    return [promotion.Place(number, *head, holders[number], lacking[number]) for number, head in heads.items()]
