"""A process that applies one change and is killed while it does: ``victim.py host port user password database n``."""

from __future__ import annotations

import asyncio
import sys

from penstock.engines.base import Target
from penstock.engines.registry import engine_for
from tests.engines.conftest import change
from tests.engines.recorder import Recorder


def script(number: int) -> str:
    """A change with rows, definitions and something to wait for."""
    return f"""
        SET @n = {number};
        INSERT INTO effect (change_number, what) VALUES (@n, 'rows');
        DO SLEEP(0.02);
        ALTER TABLE effect ADD c{number} int;
        INSERT INTO effect (change_number, what) SELECT @n, 'more rows' FROM (SELECT SLEEP(0.02)) s;
        DROP TABLE IF EXISTS nowhere;
        INSERT INTO effect (change_number, what) VALUES (@n, 'last');
    """


async def main(host: str, port: str, user: str, password: str, database: str, number: str) -> None:
    """Apply the change."""
    target = Target("mariadb", host, int(port), user, password, database=database)
    print("started", flush=True)
    await engine_for("mariadb").apply(target, change(script(int(number)), number, task_id=int(number)), Recorder())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
