"""Statements that go straight to the driver: for what is said for every task, where building a statement and wrapping
its answer would cost more than the server takes to run it.  Everything else goes through SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"


class _SpellingCompiler(PGCompiler_asyncpg):
    """Constants are written out; what is given later stays a ``:name``, cast in a way that `sa.text` can read."""

    def visit_bindparam(self, bindparam: sa.BindParameter[Any], **options: Any) -> str:  # type: ignore[override]
        options["literal_binds"] = not bindparam.required
        return str(super().visit_bindparam(bindparam, **options))  # type: ignore[no-untyped-call]

    def render_bind_cast(self, type_: Any, dbapi_type: Any, sqltext: str) -> str:
        return f"CAST({sqltext} AS {self.dialect.type_compiler_instance.process(dbapi_type)})"


class _Spelling(PGDialect_asyncpg):
    statement_compiler = _SpellingCompiler
    supports_statement_cache = False


_SPELLING: Final = _Spelling(paramstyle="named")  # type: ignore[no-untyped-call]
_DRIVER: Final = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


def spelled(part: sa.ClauseElement) -> str:
    """A statement or condition as text with ``:named`` parameters, to stand inside a larger one."""
    return str(part.compile(dialect=_SPELLING))


class Statement:
    """One statement with ``:named`` parameters, each with a CAST where the server cannot tell its type."""

    def __init__(self, text: str) -> None:
        compiled = sa.text(text).compile(dialect=_DRIVER)
        self.text = str(compiled)
        self._names = tuple(compiled.positiontup or ())

    async def fetch(self, driver: asyncpg.Connection, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Send it and answer its rows.

        Raises:
            asyncpg.PostgresError, OSError: as the server and the network do.
        """
        rows: list[asyncpg.Record] = await driver.fetch(self.text, *[given[name] for name in self._names])
        return rows


class Wire:
    """One transaction that was begun with ``BEGIN`` on the driver's connection.

    Args:
        conn: the same connection for SQLAlchemy; what it executes is part of the transaction.

    ``last`` may be set to a statement that is sent along with COMMIT.
    """

    def __init__(self, conn: AsyncConnection, driver: asyncpg.Connection) -> None:
        self.conn = conn
        self.last = ""
        self._driver = driver

    async def fetch(self, statement: Statement, given: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Run a statement and answer its rows; raises as `Statement.fetch` does."""
        return await statement.fetch(self._driver, given)
