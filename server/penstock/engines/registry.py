"""Which engine serves which kind of server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.domain.errors import ValidationFailed
from penstock.engines.base import Engine
from penstock.engines.mysql.engine import MySqlEngine
from penstock.engines.postgres.engine import PostgresEngine

ENGINES: Final[Mapping[str, Engine]] = {
    "postgres": PostgresEngine(),
    "mysql": MySqlEngine("mysql"),
    "mariadb": MySqlEngine("mariadb"),
}


def engine_for(name: str) -> Engine:
    """The engine of that name, the same object for every caller.

    Raises:
        ValidationFailed: ``unsupported_engine``.
    """
    engine = ENGINES.get(name)
    if engine is None:
        known = ", ".join(sorted(ENGINES))
        raise ValidationFailed(f"There is no engine {name!r}; there is {known}.", code="unsupported_engine")
    return engine
