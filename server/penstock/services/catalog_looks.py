"""Asks the catalogs of databases on behalf of review: a few tables each, a few databases at once, and not for long.

No transaction of ours is open meanwhile. What could not be asked in time is said to be unknown.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.errors import PenstockError
from penstock.engines.base import Engine, EngineName, TableFacts
from penstock.review.in_catalog import Look, Reviewed, asks
from penstock.review.reach import Size
from penstock.review.rule import MYSQL
from penstock.services import catalog_review, filing, stage_facts
from penstock.services.catalog_review import Place
from penstock.services.progress import Progress
from penstock.services.targets import Targets
from penstock.store.database import TROUBLE, Database
from penstock.store.tables.catalog import approval_tier, environment, instance
from penstock.store.tables.pipelines import stage

log = structlog.get_logger(__name__)

MOST: Final = 500  # databases
FILING_SECONDS: Final = 4.0  # for all of them, while somebody waits for the answer
AT_ONCE: Final = 8
PER_INSTANCE: Final = 2
LEAST_ROW_BYTES: Final = 32  # so that rows which nobody has counted are rather thought too many than too few
_BY_SIZE: Final = ("rows_over", "table_bytes_over")


@dataclass(frozen=True, slots=True)
class _Stage:
    """A stage that has something to start yet.

    Args:
        names: of all tables that its changes reach.
        by_size: sizes may ask for more approvals.
    """

    id: int
    digest: str
    changes: Sequence[Reviewed]
    places: Sequence[Place]
    names: Sequence[str]
    by_size: bool

    def asks(self, place: Place, *, everything: bool) -> list[str]:
        """The tables of which one of its databases is asked."""
        sizes = self.names if everything or self.by_size else ()
        return list(dict.fromkeys([*asks(self.changes, place.engine), *sizes]))


Answer = Mapping[str, TableFacts] | str  # or why there is none


class CatalogLooks:
    """Looks into databases.

    Args:
        engine_for: the engines' registry.
    """

    def __init__(self, database: Database, targets: Targets, engine_for: Callable[[EngineName], Engine]) -> None:
        self._database = database
        self._targets = targets
        self._engine_for = engine_for
        self._instances: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_INSTANCE))

    async def after_filing(self, pipeline_id: int) -> None:
        """Look where something depends on it.  What is filed is filed: while we do not answer, nobody has looked."""
        try:
            await self.into_stages(pipeline_id, seconds=FILING_SECONDS, everything=False)
        except TROUBLE as error:
            log.warning("catalogs_not_read", pipeline=pipeline_id, error=repr(error)[:200])

    async def into_stages(self, pipeline_id: int, *, seconds: float, everything: bool) -> None:
        """Look into the databases of stages that may still start something, and store what follows for their gates.

        Args:
            seconds: for all of it.
            everything: measure tables even where nothing depends on it, and store anew what review says of every stage.
        """
        async with self._database.connect() as conn:
            if not everything and not await _depends(conn, pipeline_id):
                return
            stages = await _stages(conn, pipeline_id)
        wanted: dict[Place, dict[str, None]] = {}
        for found in stages:
            for place in found.places:
                if names := found.asks(place, everything=everything):
                    wanted.setdefault(place, {}).update(dict.fromkeys(names))
        answers = await self.ask({place: list(names) for place, names in wanted.items()}, seconds)
        for found in stages:
            if everything or any(place in answers for place in found.places):

                async def work(conn: AsyncConnection, found: _Stage = found) -> None:
                    await _store(conn, pipeline_id, found, answers)

                await self._database.run(work)

    async def ask(self, wanted: Mapping[Place, Sequence[str]], seconds: float) -> dict[Place, Answer]:
        """What catalogs say of some tables; why not, where that could not be learned."""
        chosen = list(wanted)[:MOST]
        answers: dict[Place, Answer] = dict.fromkeys(wanted, f"more than {MOST} databases are not looked into at once.")
        answers |= dict.fromkeys(chosen, "it did not answer in time.")
        places = asyncio.Semaphore(AT_ONCE)

        async def one(place: Place) -> None:
            async with self._instances[place.instance_id], places:
                answers[place] = await self._one(place, wanted[place])

        if not chosen:
            return answers
        asking = [asyncio.create_task(one(place)) for place in chosen]
        try:
            await asyncio.wait(asking, timeout=seconds)
        finally:
            for task in asking:
                task.cancel()
        for ended in await asyncio.gather(*asking, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        return answers

    async def _one(self, place: Place, names: Sequence[str]) -> Answer:
        try:
            async with self._database.connect() as conn:
                target = await self._targets.target_for(conn, place.instance_id, place.name)
            return await self._engine_for(target.engine).table_facts(target, names)
        except PenstockError as error:
            return error.message


def look(place: Place, answer: Answer) -> Look:
    """An answer, as far as review has use for it."""
    if isinstance(answer, str):
        return Look(str(place), place.engine, None, answer)
    outside = {name: facts.kind for name, facts in answer.items() if not facts.transactional}
    return Look(str(place), place.engine, outside)


async def _depends(conn: AsyncConnection, pipeline_id: int) -> bool:
    """Whether anything may depend on a catalog: few pipelines pay for more than this question."""
    rows = await conn.execute(
        sa.select(approval_tier.c.rules, instance.c.engine)
        .select_from(stage)
        .join(environment, environment.c.id == stage.c.environment_id)
        .join(approval_tier, approval_tier.c.id == environment.c.tier_id)
        .join(instance, instance.c.environment_id == environment.c.id)
        .where(stage.c.pipeline_id == pipeline_id, ~stage.c.read_only)
    )
    return any(r.engine in MYSQL or _by_size(r.rules) for r in rows)


async def _stages(conn: AsyncConnection, pipeline_id: int) -> list[_Stage]:
    rows = await conn.execute(
        sa.select(stage.c.id, stage.c.digest, approval_tier.c.rules)
        .join(environment, environment.c.id == stage.c.environment_id)
        .join(approval_tier, approval_tier.c.id == environment.c.tier_id)
        .where(stage.c.pipeline_id == pipeline_id, stage.c.n_waiting + stage.c.n_ready > 0)
        .order_by(stage.c.position)
    )
    return [
        _Stage(
            r.id,
            r.digest,
            await catalog_review.changes_of(conn, r.id),
            await catalog_review.places_of(conn, r.id),
            list((await stage_facts.reached(conn, r.id)).names),
            _by_size(r.rules),
        )
        for r in rows.all()
    ]


def _by_size(rules: Mapping[str, Any]) -> bool:
    """Whether a tier asks for more approvals because of how large tables are."""
    return any(e["when"].get(key) is not None for e in rules.get("escalations", ()) for key in _BY_SIZE)


async def _store(conn: AsyncConnection, pipeline_id: int, found: _Stage, answers: Mapping[Place, Answer]) -> None:
    progress = await Progress.begin(conn, pipeline_id)
    if not any(s.id == found.id and s.digest == found.digest for s in progress.pipeline.stages):
        return  # it was revised meanwhile, and is looked at by whoever did that
    given = {place: answers[place] for place in found.places if place in answers}
    measured = {
        str(place): _sizes(found.names, answer) for place, answer in given.items() if not isinstance(answer, str)
    }
    sizes = measured if len(measured) == len(found.places) else None
    await filing.review_stage(conn, found.id, [look(place, answer) for place, answer in given.items()], sizes)
    await progress.reload()
    await progress.advance()
    await progress.finish()


def _sizes(names: Sequence[str], facts: Mapping[str, TableFacts]) -> dict[str, Size | None]:
    found: dict[str, Size | None] = {}
    for name in names:
        known = facts.get(name)
        rows = None if known is None else known.rows if known.rows is not None else known.bytes // LEAST_ROW_BYTES
        found[name] = Size(rows, known.bytes) if known is not None and rows is not None else None
    return found
