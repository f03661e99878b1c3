"""Runs one query on MySQL or MariaDB in a transaction that may not write, and reads no more of its answer than is
wanted."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Final

from penstock.domain.pipeline.query import MOST_ROW_BYTES, MOST_ROWS, Answer, Scalar, scalar
from penstock.engines.base import Failure, QueryResult, RunPort, Target
from penstock.engines.mysql.codes import reaction
from penstock.engines.mysql.connect import OWN_SECONDS, Link, check_flavour, open_link
from penstock.engines.mysql.driver import BROKEN, TooLarge, code_of, is_answer
from penstock.engines.mysql.failures import connection_lost, of_statement
from penstock.engines.mysql.watch import Watch
from penstock.engines.patience import Interrupted, Patience
from penstock.engines.reaction import Reaction
from penstock.engines.reading import LOCK_SECONDS, out_of_time, too_large
from penstock.sql.statement import Statement

_READ_ONLY: Final = 1792


async def read(target: Target, statement: Statement, port: RunPort) -> QueryResult:
    """See `penstock.engines.base.Engine.query`."""
    link = await open_link(target)
    watch = Watch(target, link, port, LOCK_SECONDS)
    try:
        check_flavour(target, link)
        await port.still_mine()
        return await _read(link, watch, statement, port)
    except Interrupted as error:
        return QueryResult("canceled") if error.reason == "canceled" else QueryResult("failed", failure=out_of_time())
    except TooLarge:
        return too_large()
    except BROKEN as error:
        if is_answer(error):
            return QueryResult("failed", failure=_refused(error, statement))
        return QueryResult("failed", failure=replace(connection_lost(error), retry="connect"))
    finally:
        await watch.close()
        link.connection.close()


async def _read(link: Link, watch: Watch, statement: Statement, port: RunPort) -> QueryResult:
    connection = link.connection
    # The runner's deadline comes first; the server's own is for a runner that dies.
    seconds = Patience.of(port).left + OWN_SECONDS
    limit = f"max_statement_time = {seconds:.3f}"
    if link.flavour == "mysql":
        limit = f"max_execution_time = {int(seconds * 1000)}"
    locks = f"lock_wait_timeout = {int(LOCK_SECONDS)}, innodb_lock_wait_timeout = {int(LOCK_SECONDS)}"
    await connection.run(f"SET SESSION sql_select_limit = DEFAULT, {locks}, {limit}")
    await connection.run("START TRANSACTION READ ONLY")
    port.may_start_statement()
    columns, rows = await watch.run(connection.head(statement.text, MOST_ROWS + 1, MOST_ROW_BYTES))
    found = [[_scalar(value) for value in row] for row in rows[:MOST_ROWS]]
    more = len(rows) > MOST_ROWS
    return QueryResult("answered", Answer(columns if found else (), found, more=more, booleans=False))


def _scalar(value: object) -> Scalar:
    if isinstance(value, Decimal) and value.is_finite():
        return scalar(int(value) if value.as_tuple().exponent == 0 else float(value))
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return scalar(value)


def _refused(error: BaseException, statement: Statement) -> Failure:
    """The server's no."""
    code = code_of(error)
    failure = replace(of_statement(error, statement), kind="check")
    if reaction(code) is Reaction.INTERRUPTED:
        return replace(failure, kind="timeout")
    if code == _READ_ONLY:
        return replace(failure, hint="A query task only reads: file an issue with a change instead.")
    return failure
