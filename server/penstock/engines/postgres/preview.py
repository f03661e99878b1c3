"""A database that only a preview uses: made, tried scripts on, dropped. No ledger, no lock: nothing in it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import asyncpg

from penstock.engines.base import Failure, Target, TargetUnavailable, TrialFailure
from penstock.engines.postgres.connect import OWN_SECONDS, connect_failure, open_connection
from penstock.engines.postgres.failures import connection_lost, of_statement
from penstock.engines.postgres.line import BROKEN
from penstock.sql.statement import Statement

_LOCK_MILLISECONDS: Final = 5_000


async def create(target: Target, name: str) -> None:
    """See `penstock.engines.base.Engine.create_database`."""
    await _do(target, f"CREATE DATABASE {_quoted(name)}")


async def drop(target: Target, name: str) -> None:
    """See `penstock.engines.base.Engine.drop_database`."""
    await _do(target, f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")


async def run(target: Target, scripts: Sequence[Sequence[Statement]], seconds: float) -> TrialFailure | None:
    """See `penstock.engines.base.Engine.try_scripts`."""
    connection = await open_connection(target)
    number, statement = 0, None  # where we are
    try:
        async with asyncio.timeout(seconds):
            await connection.execute(f"SET statement_timeout = '{int(seconds * 1000)}'", timeout=OWN_SECONDS)
            await connection.execute(f"SET lock_timeout = '{_LOCK_MILLISECONDS}'", timeout=OWN_SECONDS)
            for here in ((n, each) for n, script in enumerate(scripts) for each in script):
                number, statement = here
                await connection.execute(statement.text)
        return None
    except TimeoutError:
        return TrialFailure(number, Failure("timeout", "timeout", f"The scripts took longer than {seconds:.0f} s."))
    except asyncpg.PostgresError as error:
        if statement is None or connection.is_closed():
            return TrialFailure(number, connection_lost(error))
        return TrialFailure(number, of_statement(error, statement))
    except BROKEN as error:
        return TrialFailure(number, connection_lost(error))
    finally:
        connection.terminate()


async def _do(target: Target, statement: str) -> None:
    connection = await open_connection(replace(target, database=None))
    try:
        await connection.execute(statement, timeout=OWN_SECONDS)
    except (asyncpg.PostgresError, *BROKEN) as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.terminate()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
