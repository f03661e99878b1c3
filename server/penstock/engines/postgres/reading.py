"""Runs one query on PostgreSQL in a transaction that may not write, and reads no more of its answer than is wanted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

import asyncpg

from penstock.domain.pipeline.query import MOST_ROW_BYTES, MOST_ROWS, Answer, Scalar, scalar
from penstock.engines.base import Failure, QueryResult, RunPort, Target
from penstock.engines.patience import Interrupted, Patience
from penstock.engines.postgres.connect import OWN_SECONDS, Link, open_link
from penstock.engines.postgres.failures import connection_lost, of_statement
from penstock.engines.postgres.line import BROKEN
from penstock.engines.postgres.watch import Watch
from penstock.engines.reading import LOCK_SECONDS, out_of_time, too_large
from penstock.sql.statement import Statement

# A row comes as one JSON text, whose size the server can tell before it sends it. The row's own alias can be the name
# of no column that somebody would choose; the line breaks keep a comment at the query's end to itself.
_BEFORE: Final = f"""DECLARE penstock_query NO SCROLL CURSOR FOR
SELECT CASE WHEN pg_catalog.octet_length(line) <= {MOST_ROW_BYTES} THEN line END
FROM (SELECT pg_catalog.to_json(penstock_row_of_query.*)::text AS line FROM (
"""
_AFTER: Final = "\n) AS penstock_row_of_query) AS penstock_lines"


async def read(target: Target, statement: Statement, port: RunPort) -> QueryResult:
    """See `penstock.engines.base.Engine.query`."""
    link = await open_link(target)
    watch = Watch(target, link, port, LOCK_SECONDS)
    try:
        await port.still_mine()
        return await _read(link, watch, statement, port)
    except Interrupted as error:
        return QueryResult("canceled") if error.reason == "canceled" else QueryResult("failed", failure=out_of_time())
    except asyncpg.PostgresError as error:
        if link.closed:
            return _lost(error)
        return QueryResult("failed", failure=_refused(error, statement))
    except BROKEN as error:
        return _lost(error)
    finally:
        await watch.close()
        link.connection.terminate()


async def _read(link: Link, watch: Watch, statement: Statement, port: RunPort) -> QueryResult:
    connection = link.connection
    # The runner's deadline comes first; the server's own is for a runner that dies.
    seconds = Patience.of(port).left + OWN_SECONDS
    await connection.execute(
        "BEGIN TRANSACTION READ ONLY;"
        f" SET LOCAL statement_timeout = '{int(seconds * 1000)}';"
        f" SET LOCAL lock_timeout = '{int(LOCK_SECONDS * 1000)}'",
        timeout=OWN_SECONDS,
    )
    port.may_start_statement()
    await watch.run(connection.execute(_BEFORE + statement.text + _AFTER))
    rows = await watch.run(connection.fetch(f"FETCH {MOST_ROWS + 1} FROM penstock_query"))
    lines = [row[0] for row in rows[:MOST_ROWS]]
    if any(line is None for line in lines):
        return too_large()
    read = [_pairs(line) for line in lines]
    columns = [name for name, _ in read[0]] if read else []
    answer = Answer(columns, [[value for _, value in row] for row in read], more=len(rows) > MOST_ROWS)
    return QueryResult("answered", answer)


def _pairs(line: str) -> list[tuple[str, Scalar]]:
    """The columns of a row in order; two may have one name."""
    return [(name, scalar(value)) for name, value in json.loads(line, object_pairs_hook=_Row).pairs]


class _Row(dict[str, object]):
    """A JSON object that remembers its members even when two have one name."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _refused(error: asyncpg.PostgresError, statement: Statement) -> Failure:
    """The server's no; the position is that in the query as it was written."""
    if error.position and error.position.isdigit():
        place = int(error.position) - len(_BEFORE)
        error.position = str(place) if 1 <= place <= len(statement.text) else None
    failure = of_statement(error, statement)
    if error.sqlstate == "57014":
        return replace(failure, kind="timeout", hint="Somebody, or a limit of the server, has stopped it.")
    if error.sqlstate == "25006":
        return replace(failure, kind="check", hint="A query task only reads: file an issue with a change instead.")
    return replace(failure, kind="check")


def _lost(error: BaseException) -> QueryResult:
    return QueryResult("failed", failure=replace(connection_lost(error), retry="connect"))
