"""Database servers for browser tests to change: starts them, prints their addresses, ends with stdin.

Usage: target.py FOLDER KIND/NAME…, where a kind is postgres or mariadb, and a name that of a database to create.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from penstock.embedded.supervisor import EmbeddedPostgres
from tests.mariadb_server import MariaDbServer, find_server, own_server

POSTGRES_TABLES = """
CREATE TABLE customers (
  id bigint PRIMARY KEY,
  email text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers (id),
  total numeric(12, 2) NOT NULL CHECK (total >= 0)
);
CREATE INDEX orders_customer_idx ON orders (customer_id);
CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 1000;
"""
MARIADB_TABLES = (
    "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, sku varchar(40) NOT NULL, amount int NOT NULL)",
    "CREATE INDEX orders_sku_idx ON orders (sku)",
    "INSERT INTO orders (sku, amount) VALUES ('tea', 3), ('coffee', 5)",
)


@contextlib.asynccontextmanager
async def postgres(folder: Path, databases: list[str]) -> AsyncIterator[str]:
    """Run the PostgreSQL that comes with Penstock, and answer its URL."""
    server = EmbeddedPostgres(folder, fsync="off", full_page_writes="off", synchronous_commit="off")
    url = (await server.start()).replace("postgresql+asyncpg:", "postgresql:")
    try:
        for name in databases:
            admin = await asyncpg.connect(url)
            await admin.execute(f'CREATE DATABASE "{name}"')
            await admin.close()
            database = await asyncpg.connect(urlsplit(url)._replace(path=f"/{name}").geturl())
            await database.execute(POSTGRES_TABLES)
            await database.close()
        yield url
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def mariadb(folder: Path, databases: list[str]) -> AsyncIterator[str]:
    """Run a MariaDB of our own where it is installed, so that nobody else sees it; else use the one there is."""
    async with contextlib.AsyncExitStack() as stack:
        if shutil.which("mariadbd"):
            folder.mkdir()
            server = await stack.enter_async_context(own_server(folder))
        elif (found := await find_server()) is not None:
            server = found
        else:
            raise LookupError("MariaDB is not installed; set PENSTOCK_TEST_MARIADB, or apt-get install mariadb-server")
        for name in databases:
            await fill(server, name)
            stack.push_async_callback(server.drop_database, name)
        yield f"mysql://{server.user}:{server.password}@{server.host}:{server.port}/"


async def fill(server: MariaDbServer, name: str) -> None:
    """Create one database with its tables."""
    await server.drop_database(name)
    await server.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    for statement in MARIADB_TABLES:
        await server.execute(statement, name)


async def main(folder: Path, wanted: list[str]) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    names = {kind: [w.split("/")[1] for w in wanted if w.startswith(f"{kind}/")] for kind in ("postgres", "mariadb")}
    async with (
        postgres(folder / "postgres", names["postgres"]) as postgres_url,
        mariadb(folder / "mariadb", names["mariadb"]) as mariadb_url,
    ):
        print(postgres_url, mariadb_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
