"""A PostgreSQL for browser tests to change: starts, creates the databases named as arguments, prints its address, ends with stdin."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from penstock.embedded.supervisor import EmbeddedPostgres

TABLES = """
CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers (id),
  total numeric(12, 2) NOT NULL CHECK (total >= 0)
);
CREATE INDEX orders_customer_idx ON orders (customer_id);
CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 1000;
"""


async def main(root: Path, databases: list[str]) -> None:
    postgres = EmbeddedPostgres(root, fsync="off", full_page_writes="off", synchronous_commit="off")
    url = (await postgres.start()).replace("postgresql+asyncpg:", "postgresql:")
    try:
        for name in databases:
            admin = await asyncpg.connect(url)
            await admin.execute(f'CREATE DATABASE "{name}"')
            await admin.close()
            database = await asyncpg.connect(urlsplit(url)._replace(path=f"/{name}").geturl())
            await database.execute(TABLES)
            await database.close()
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await postgres.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
