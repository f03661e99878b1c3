"""What stores tables and how large they are, by the catalog of MySQL or MariaDB: for review, before anything runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from penstock.engines.base import TableFacts, Target, TargetUnavailable
from penstock.engines.mysql.connect import connect_failure, open_connection
from penstock.engines.mysql.driver import BROKEN, text

SECONDS: Final = 3.0
_FACTS: Final = """
    SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.ENGINE, t.TABLE_ROWS,
           COALESCE(t.DATA_LENGTH, 0) + COALESCE(t.INDEX_LENGTH, 0),
           COALESCE(e.TRANSACTIONS, 'NO') = 'YES'
    FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
    WHERE t.TABLE_TYPE = 'BASE TABLE' AND t.TABLE_SCHEMA IN ({schemas}) AND t.TABLE_NAME IN ({names})
    LIMIT 1000
"""


async def read(target: Target, names: Sequence[str]) -> dict[str, TableFacts]:
    """See `penstock.engines.base.Engine.table_facts`."""
    ways = {name: _ways(name, target.database or "") for name in names}
    if not ways:
        return {}
    connection = await open_connection(target)
    try:
        schemas = ", ".join(sorted({text(schema) for found in ways.values() for schema, _ in found}))
        tables = ", ".join(sorted({text(table) for found in ways.values() for _, table in found}))
        async with asyncio.timeout(SECONDS):
            rows = await connection.fetch(_FACTS.format(schemas=schemas, names=tables))
    except BROKEN as error:
        raise TargetUnavailable(connect_failure(target, error)) from error
    finally:
        connection.close()
    # Whether cases of names matter is a setting of the server's, which has found them its way.
    exact = {(row[0], row[1]): row for row in rows}
    folded = {(row[0].lower(), row[1].lower()): row for row in rows}
    answer = {}
    for name, found in ways.items():
        row = next((exact[way] for way in found if way in exact), None)
        row = row or next((folded[w] for w in ((s.lower(), t.lower()) for s, t in found) if w in folded), None)
        if row is not None:
            size, transactional = int(row[4]), bool(row[5])
            answer[name] = TableFacts(None if row[3] is None else int(row[3]), size, row[2] or "unknown", transactional)
    return answer


def _ways(name: str, database: str) -> list[tuple[str, str]]:
    """What a name may mean, since either part of it may hold a dot."""
    return [(database, name), *((name[:at], name[at + 1 :]) for at, letter in enumerate(name) if letter == ".")]
