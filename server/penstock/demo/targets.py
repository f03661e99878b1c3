"""The demo's target databases: they are there before Penstock meets them, as any user's are.

One login per environment, none of them a superuser, each the owner of one database and shut out of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import asyncpg
from sqlalchemy.engine import make_url

from penstock.store.database import driver_dsn

_CONNECT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """An environment of the demo with its instance and database.

    Args:
        database: the name of the database, and of the login that owns it.
        customers: how many there are.
        twice: every how many of them registered twice; 0 for nobody.
    """

    environment: str
    environment_name: str
    tier: str
    instance: str
    database: str
    customers: int
    twice: int


PLACES: Final = (
    Place("dev", "Development", "open", "demo-dev", "shop_dev", customers=60, twice=0),
    Place("staging", "Staging", "standard", "demo-staging", "shop_staging", customers=240, twice=97),
    Place("prod", "Production", "critical", "demo-prod", "shop_prod", customers=480, twice=61),
)


@dataclass(frozen=True, slots=True)
class Server:
    """The server of the target databases, as Penstock's instances name it.

    Args:
        identity: the server's own id, which stays when its port changes.
    """

    host: str
    port: int
    identity: str


def read_sql(name: str) -> str:
    """The text of a packaged script."""
    return files("penstock.demo").joinpath("sql", name).read_text(encoding="utf-8")


async def look(url: str) -> Server:
    """Ask a server that runs who it is.

    Args:
        url: as an administrator.
    """
    parsed = make_url(url)
    assert parsed.host is not None and parsed.port is not None
    connection = await asyncpg.connect(driver_dsn(url), timeout=_CONNECT_SECONDS)
    try:
        identity = await connection.fetchval("SELECT system_identifier::text FROM pg_control_system()")
    finally:
        await connection.close()
    return Server(parsed.host, parsed.port, identity)


async def prepare(url: str, passwords: Mapping[str, str]) -> None:
    """Make what is missing of logins, databases and tables.

    Args:
        url: the server, as an administrator.
        passwords: database -> password of its owner.
    """
    connection = await asyncpg.connect(driver_dsn(url), timeout=_CONNECT_SECONDS)
    try:
        await connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
        for place in PLACES:
            await _make(connection, place, passwords[place.database])
    finally:
        await connection.close()
    server = make_url(url)
    for place in PLACES:
        as_owner = server.set(
            username=place.database, password=passwords[place.database], database=place.database
        ).render_as_string(hide_password=False)
        await _fill(as_owner, place)


async def _make(connection: asyncpg.Connection, place: Place, password: str) -> None:
    async def run(statement: str, *names: str) -> None:
        # These statements take no parameters: the server itself quotes what goes into them.
        quoted = await connection.fetchval(f"SELECT format('{statement}', VARIADIC $1::text[])", list(names))
        await connection.execute(quoted)

    name = place.database
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
        await run("CREATE ROLE %I LOGIN PASSWORD %L", name, password)
    if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        await run("CREATE DATABASE %I OWNER %I", name, name)
    await run("REVOKE CONNECT ON DATABASE %I FROM PUBLIC", name)


async def _fill(url: str, place: Place) -> None:
    """Tables and rows in one transaction, so that a database has all of them or none."""
    connection = await asyncpg.connect(driver_dsn(url), timeout=_CONNECT_SECONDS)
    try:
        async with connection.transaction():
            if await connection.fetchval("SELECT to_regclass('public.customers') IS NOT NULL"):
                return
            await connection.execute(read_sql("shop.sql"))
            for setting, value in (("shop.customers", place.customers), ("shop.twice", place.twice)):
                await connection.execute("SELECT set_config($1, $2, true)", setting, str(value))
            await connection.execute(read_sql("shop_data.sql"))
    finally:
        await connection.close()
