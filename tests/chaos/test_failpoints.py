"""A runner process ends itself between two durable writes; another one finishes what it had in hand.

The engines' own tests do this at every point, once; here it is the whole process that ends: at some of the points, and
with ``--each 20`` as often at every point that a script comes to.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

import pytest

import penstock
from penstock.engines.mysql.points import Point as InMySql
from penstock.engines.postgres.points import Point as InPostgres
from penstock.runtime.points import Point
from tests.builders import Site, open_world
from tests.chaos.fronts import Front
from tests.chaos.runners import BEATS, LEASE_SECONDS

SCRIPTS: Final = {
    "postgres": """
        INSERT INTO effect VALUES ('c0');
        CREATE INDEX CONCURRENTLY effect_change ON effect (change);
        INSERT INTO effect VALUES ('c0')""",
    "mariadb": """
        INSERT INTO effect VALUES ('c0');
        ALTER TABLE stock ADD b int, ALGORITHM = COPY;
        INSERT INTO effect VALUES ('c0')""",
}
# One after the other, in as many processes.
OFTEN: Final = {
    "postgres": [*((point,) for point in Point), (InPostgres.STATEMENT_RUN,)],
    "mariadb": [(Point.END_WRITTEN,), (InMySql.STATEMENT_RUN,), (InMySql.LEDGER_SENT,)],
}
ELSEWHERE: Final = (InPostgres.JOURNAL_ADDED, InPostgres.LEFTOVER_DROPPED, InPostgres.INTENT_RESOLVED)
ALL: Final = {
    "postgres": [
        *((point,) for point in (*Point, *InPostgres) if point not in ELSEWHERE),
        (InPostgres.STATEMENT_RUN, InPostgres.INTENT_RESOLVED),
    ],
    "mariadb": [(point,) for point in (*Point, *InMySql)],
}
RUNNER: Final = """
import os, signal, sys
from penstock.cli.main import main
from penstock.domain import failpoints

def hook(point):
    if point == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

with failpoints.armed(hook):
    main(["runner"], prog_name="penstock")
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every point that is asked for."""
    each = metafunc.config.getoption("--each", default=1)
    chosen = OFTEN if each == 1 else ALL
    cases = [(engine, points) for engine in chosen for points in chosen[engine]]
    names = ["-".join([engine, *map(str, points)]) for engine, points in cases]
    metafunc.parametrize(("front", "points"), cases, indirect=["front"], ids=names)


@pytest.mark.timeout(0)
async def test_a_runner_that_ends_between_two_writes(
    front: Front,
    points: tuple[str, ...],
    own_site: Site,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with front.middle.listening(), open_world(own_site) as world:
        if front.engine == "mariadb":  # the ledger is made anew
            await front.own.server.execute("DROP DATABASE IF EXISTS penstock")
        try:
            places = await front.open(world, request.config.getoption("--each", default=1))
            environ = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")} | front.environ
            environ |= {
                "PYTHONPATH": str(Path(penstock.__file__).parents[1]),
                "PENSTOCK_DATABASE_URL": own_site.url,
                "PENSTOCK_DATA_DIR": str(tmp_path),
                "PENSTOCK_LEASE_SECONDS": str(LEASE_SECONDS),
                "PENSTOCK_HEARTBEAT_SECONDS": str(LEASE_SECONDS / BEATS),
            }
            for variable, value in front.environ.items():
                monkeypatch.setenv(variable, value)
            change = {"version": "c0", "statement": SCRIPTS[front.engine]}
            for n, place in enumerate(places):
                issue = await world.file([change], place, title=f"Change {n}")  # type: ignore[arg-type]  # it has an id
                for point in points:
                    dying = await asyncio.create_subprocess_exec(
                        *(sys.executable, "-c", RUNNER, str(point)), env=environ, stderr=asyncio.subprocess.DEVNULL
                    )
                    async with asyncio.timeout(120):
                        assert await dying.wait() == -signal.SIGKILL
                await world.start()
                await world.until(issue, "succeeded", timeout=60)
                await world.stop()
                assert await front.effects(place) == {"c0": 2} and await front.ledger(place) == {"c0": 1}
        finally:
            await front.close()
