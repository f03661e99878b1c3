"""Processes that are killed at any moment while they apply a change in steps: no effect is there twice or lost.

``PENSTOCK_TEST_KILLS=200 pytest tests/engines/postgres/test_killed.py`` for a longer run.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from pathlib import Path

import asyncpg
import msgspec

from penstock.engines.base import Engine, Target
from tests.engines.conftest import change
from tests.engines.postgres.victim import Death
from tests.engines.recorder import Recorder

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("PENSTOCK_TEST_KILLS", "8"))


def script(number: int) -> str:
    """Rows, an index that takes its time, rows again."""
    return f"""
        INSERT INTO effect VALUES ({number}, 'before');
        CREATE INDEX CONCURRENTLY big_{number} ON big (slow(a));
        INSERT INTO effect VALUES ({number}, 'between');
        DROP INDEX CONCURRENTLY big_{number};
        VACUUM effect;
        INSERT INTO effect VALUES ({number}, 'after') """


async def test_a_change_in_steps_whose_runner_is_killed_takes_effect_once(
    engine: Engine, target: Target, database: asyncpg.Connection
) -> None:
    await database.execute("""
        CREATE TABLE effect (number int, what text);
        CREATE TABLE big AS SELECT generate_series(1, 30) AS a;
        CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
            'BEGIN PERFORM pg_sleep(0.002); RETURN $1; END'""")
    chance = random.Random(KILLS)
    phases = Counter[str]()
    for number in range(1, KILLS + 1):
        await _kill_in_the_middle(target, number, chance.uniform(0, 0.5))
        phases[await _phase(database, number)] += 1
        request = change(script(number), str(number), task_id=number, attempt=2, run_id="second")
        result = await engine.apply(target, request, Recorder(seconds=60))
        assert result.state in ("applied", "already_applied"), result.failure
    print(f"killed: {dict(phases)}")
    rows = await database.fetch("SELECT number, what, count(*) AS times FROM effect GROUP BY 1, 2")
    assert len(rows) == 3 * KILLS and all(row["times"] == 1 for row in rows), rows
    assert await database.fetchval("SELECT count(*) FROM penstock.ledger") == KILLS
    assert await database.fetchval("SELECT count(*) FROM pg_index WHERE indrelid = 'big'::regclass") == 0


async def _phase(database: asyncpg.Connection, number: int) -> str:
    if await database.fetchval("SELECT to_regclass('penstock.journal')") is None:
        return "before the ledger"
    query = "SELECT step || ' ' || state FROM penstock.journal WHERE version = $1 ORDER BY entry DESC LIMIT 1"
    return str(await database.fetchval(query, str(number)) or "before the first step")


async def _kill_in_the_middle(target: Target, number: int, after: float) -> None:
    fields = ("engine", "host", "port", "username", "password", "database")
    death = Death({name: getattr(target, name) for name in fields}, script(number), "", version=str(number))
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "tests.engines.postgres.victim", msgspec.json.encode(death).decode()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=after)  # the moment, not a wait for something
    if process.returncode is None:
        process.kill()
    await process.communicate()
