"""A database that only a preview uses: made, tried scripts on, dropped. No ledger, no lock: nothing in it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from penstock.engines.base import Failure, Target, TargetUnavailable, TrialFailure
from penstock.engines.mysql.connect import connect_failure, open_link
from penstock.engines.mysql.driver import BROKEN, is_answer
from penstock.engines.mysql.driver import name as quoted
from penstock.engines.mysql.failures import connection_lost, of_statement
from penstock.sql.statement import Statement


async def create(target: Target, name: str) -> None:
    """See `penstock.engines.base.Engine.create_database`."""
    await _do(target, f"CREATE DATABASE {quoted(name)}")


async def drop(target: Target, name: str) -> None:
    """See `penstock.engines.base.Engine.drop_database`."""
    await _do(target, f"DROP DATABASE IF EXISTS {quoted(name)}")


async def run(target: Target, scripts: Sequence[Sequence[Statement]], seconds: float) -> TrialFailure | None:
    """See `penstock.engines.base.Engine.try_scripts`."""
    link = await open_link(target)
    connection = link.connection
    number, statement = 0, None  # where we are
    try:
        with connection.watched():
            async with asyncio.timeout(seconds):
                for here in ((n, each) for n, script in enumerate(scripts) for each in script):
                    number, statement = here
                    await connection.run(statement.text)
        return None
    except TimeoutError:
        return TrialFailure(number, Failure("timeout", "timeout", f"The scripts took longer than {seconds:.0f} s."))
    except BROKEN as error:
        if statement is None or not is_answer(error):
            return TrialFailure(number, connection_lost(error))
        return TrialFailure(number, of_statement(error, statement))
    finally:
        connection.close()


async def _do(target: Target, statement: str) -> None:
    link = await open_link(replace(target, database=None))
    try:
        await link.connection.run(statement)
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        link.connection.close()
