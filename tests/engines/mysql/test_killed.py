"""Processes that are killed while they apply: effects are counted in a table without a key, and none is there twice."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from pathlib import Path

from penstock.engines.base import Engine, Target
from penstock.engines.mysql.driver import Connection
from tests.engines.conftest import change
from tests.engines.mysql.test_once import versions
from tests.engines.mysql.victim import script
from tests.engines.recorder import Recorder

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("PENSTOCK_TEST_KILLS", "10"))


async def test_a_change_whose_runner_is_killed_is_applied_once(
    engine: Engine, target: Target, inside: Connection
) -> None:
    """Whatever moment it is: the next attempt finishes the change, or says that nobody can know."""
    await inside.run("CREATE TABLE effect (change_number int, what varchar(20))")
    chance = random.Random(KILLS)
    ends = Counter[str]()
    expected: dict[int, int] = {}
    for number in range(KILLS):
        await _kill_in_the_middle(target, number, chance.uniform(0, 0.12))
        request = change(script(number), str(number), task_id=number, attempt=2, run_id="second")
        result = await engine.apply(target, request, Recorder())
        ends[result.state] += 1
        if result.state == "unknown":
            assert result.failure is not None and result.failure.kind == "outcome_unknown"
            continue
        assert result.state in ("applied", "already_applied"), result.failure
        expected[number] = 3
    rows = await inside.fetch("SELECT change_number, what, count(*) FROM effect GROUP BY 1, 2")
    assert all(count == 1 for _, _, count in rows), rows
    found = Counter(number for number, _, _ in rows)
    assert {n: found[n] for n in expected} == expected
    assert sorted(await versions(inside, target.database or "")) == sorted(map(str, expected))
    assert ends["applied"] + ends["already_applied"] > 0


async def _kill_in_the_middle(target: Target, number: int, after: float) -> None:
    arguments = [target.host, str(target.port), target.username, target.password or "", target.database or ""]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "tests.engines.mysql.victim", *arguments, str(number)],
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
