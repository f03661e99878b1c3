"""Runner processes are killed while they apply changes; afterwards every change has taken effect exactly once.

Effects are rows in a table without any unique constraint: nothing but Penstock keeps them from being there twice.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from penstock.runtime.loop import Signal, forever
from penstock.runtime.reaper import Reaper
from penstock.services import metrics
from tests.builders import PROJECT, Json, Site, Target, World, open_world
from tests.chaos.conftest import Chaos
from tests.chaos.runners import Runners
from tests.waiting import eventually

TARGETS: Final = 6
RUNNERS: Final = 3
OUTSTANDING: Final = 3  # issues that are kept in the works
PHASES: Final = ("claimed", "script", "commit")

# The commit takes its time too, so that kills land in it.
SCHEMA: Final = """
CREATE TABLE effect (change text);
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.15); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON effect DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION dawdle();
"""


class Shop:
    """Files changes and keeps count of them."""

    def __init__(self, world: World, targets: list[Target]) -> None:
        self.world = world
        self.targets = targets
        self.issues: list[Json] = []

    async def file(self) -> None:
        """File one change for every database."""
        version = f"c{len(self.issues)}"
        sql = f"INSERT INTO effect VALUES ('{version}'); SELECT pg_sleep(0.15)"
        self.issues.append(await self.world.file([{"version": version, "statement": sql}], *self.targets))

    async def keep_busy(self) -> None:
        """File changes for as long as this is not cancelled."""

        async def room() -> bool:
            return await self.world.sql(
                "SELECT count(*) < :most FROM issue WHERE status = 'open'", most=OUTSTANDING
            ) == [(True,)]

        while True:
            await eventually(room, 60, every=0.1, message="an issue is done")
            await self.file()

    async def over(self) -> bool:
        """Every task has ended; those that were given up for their many lost runners are tried once more."""
        for (task,) in await self.world.sql("SELECT id FROM task WHERE status = 'failed'"):
            await self.world.rita.ok("POST", f"/tasks/{task}/retry")
        return await self.world.sql("SELECT count(*) FROM task WHERE status <> 'succeeded'") == [(0,)]


@asynccontextmanager
async def beside(*works: object) -> AsyncIterator[None]:
    """Run coroutines beside the block; an error of theirs is an error of it."""
    tasks = [asyncio.ensure_future(w) for w in works]  # type: ignore[call-overload]  # coroutines
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


@pytest.mark.timeout(0)
async def test_a_killed_runner_neither_loses_nor_repeats_a_change(site: Site, chaos: Chaos, tmp_path: Path) -> None:
    choices = random.Random(chaos.seed)
    repairs = metrics.slot_repairs._value.get()
    async with open_world(site) as world:
        server = site.server
        password = f":{server.password}" if server.password else ""
        dsn = {"PENSTOCK_DSN_CHAOS": f"postgresql://{server.user}{password}@{server.host}:{server.port}"}
        body = {"slug": "pg-chaos", "engine": "postgres", "environment": "dev", "tls": "disable"}
        where = {"host": server.host, "port": server.port, "dsn_env": "PENSTOCK_DSN_CHAOS"}
        await world.ada.ok("POST", "/instances", **body, **where, options={"max_running_tasks": TARGETS})
        shop = Shop(world, [await world.target("dev", instance="pg-chaos") for _ in range(TARGETS)])
        for target in shop.targets:
            await target.execute(SCHEMA)
        runners = Runners(world, tmp_path, dsn)
        try:
            killed = await _kill_many(shop, runners, chaos, choices)
        finally:
            codes = await runners.stop()
        print(f"chaos: {len(shop.issues) * TARGETS} tasks, killed with tasks in phase {dict(killed)}")
        log = runners.log.read_text()
        assert await _wrong(shop) == [], f"--seed {chaos.seed}"
        assert set(codes) == {0}
        for word in ("slots_repaired", "40P01", "deadlock", "attempt_crashed", "end_not_written", "Traceback"):
            assert word not in log, log[-5000:]
        assert metrics.slot_repairs._value.get() == repairs
        if chaos.kills >= 20:
            assert all(killed[phase] for phase in PHASES)


async def _kill_many(shop: Shop, runners: Runners, chaos: Chaos, choices: random.Random) -> Counter[str]:
    """Kill, each time when some runner has a task in the phase that was drawn; returns the phases of what they held."""
    killed: Counter[str] = Counter()
    reaper = Reaper(shop.world.database, lease_seconds=1.0)  # one that lives: nobody else does for long
    looks = await asyncpg.connect(shop.world.site.server.url())
    try:
        async with beside(forever("reaper", reaper.round, Signal(), poll_seconds=0.5)):
            await asyncio.gather(*(runners.start() for _ in range(RUNNERS)))
            async with beside(shop.keep_busy()):
                replacements: list[asyncio.Task[int]] = []
                for _ in range(chaos.kills):
                    phase = choices.choice(PHASES)

                    async def victim(phase: str = phase) -> int:
                        return next((h.pid for h in await runners.held(looks) if h.phase == phase), 0)

                    pid = await eventually(victim, 30, every=0.005, message=f"a runner with a task in phase {phase}")
                    held = [h for h in await runners.held(looks) if h.pid == pid]
                    await runners.kill(pid)
                    killed.update(h.phase for h in held)
                    replacements.append(asyncio.create_task(runners.start()))
                await asyncio.gather(*replacements)
            await eventually(shop.over, 60, every=0.1, message="every task ends after the last kill")
    finally:
        await looks.close()
    return killed


async def _wrong(shop: Shop) -> list[str]:
    """Everything that is not as it must be: one effect ⇔ one ledger row ⇔ the task succeeded, and nothing is stuck."""
    wrong: list[str] = []
    statuses = await shop.world.sql(
        "SELECT d.name, c.version, t.status, t.lease IS NULL, NOT t.claimable FROM task t"
        " JOIN database d ON d.id = t.database_id"
        " JOIN release_change rc ON rc.release_id = t.release_id JOIN change c ON c.id = rc.change_id"
    )
    for target in shop.targets:
        effects = Counter(row[0] for row in await target.fetch("SELECT change FROM effect"))
        rows = Counter(
            row[0] for row in await target.fetch("SELECT version FROM penstock.ledger WHERE project = $1", PROJECT)
        )
        for name, version, *facts in statuses:
            if name == target.name and (facts, effects[version], rows[version]) != (["succeeded", True, True], 1, 1):
                wrong.append(f"{name} {version}: {facts}, {effects[version]} effects, {rows[version]} ledger rows")
        busy = await target.fetch(
            "SELECT application_name, state FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'penstock:%' AND xact_start IS NOT NULL"
        )
        wrong += [f"{target.name}: session {row}" for row in busy]
    if len(statuses) != len(shop.issues) * TARGETS:
        wrong.append(f"{len(statuses)} tasks")
    if open_ := await shop.world.sql("SELECT id, status FROM issue WHERE status <> 'done'"):
        wrong.append(f"issues {open_}")
    counters = await shop.world.sql(
        "SELECT count(*) FROM stage s WHERE n_succeeded <> (SELECT count(*) FROM task t WHERE t.stage_id = s.id)"
    )
    if counters != [(0,)]:
        wrong.append("stage counters")
    return wrong
