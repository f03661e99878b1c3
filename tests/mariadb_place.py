"""A MariaDB database of the project in the tests' world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.builders import PROJECT, World
from tests.mariadb_server import MariaDbServer

INSTANCE: Final = "maria-dev"


@dataclass(frozen=True)
class Place:
    """A MariaDB database that the project has."""

    id: int
    name: str
    server: MariaDbServer
    instance: str = INSTANCE

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        return await self.server.execute(query, self.name)


async def settle(world: World, server: MariaDbServer, name: str, environment: str = "dev") -> Place:
    """Make a database of a MariaDB server one of the project's, and the server an instance where it is none yet."""
    slug = f"maria-{environment}"
    if not await world.sql("SELECT 1 FROM instance WHERE slug = :slug", slug=slug):
        where = {"host": server.host, "port": server.port, "username": server.user}
        password = {"password": server.password} if server.password else {}
        body = {"slug": slug, "engine": "mariadb", "environment": environment, "tls": "disable", **where, **password}
        await world.ada.ok("POST", "/instances", **body)
    [(made,)] = await world.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, :name, p.id FROM instance i, project p"
        " WHERE i.slug = :instance AND p.slug = :project RETURNING id",
        name=name,
        instance=slug,
        project=PROJECT,
    )
    return Place(made, name, server, slug)


@pytest.fixture
async def place(world: World, mariadb_server: MariaDbServer, mariadb_database: str) -> Place:
    """A MariaDB instance in dev with one database of the project's."""
    return await settle(world, mariadb_server, mariadb_database)
