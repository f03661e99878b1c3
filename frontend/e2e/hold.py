"""Somebody in the way: opens a transaction in a PostgreSQL database, runs one statement, says so, and ends with stdin.

Usage: hold.py URL STATEMENT
"""

from __future__ import annotations

import asyncio
import sys

import asyncpg


async def main(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, server_settings={"application_name": "monthly report"})
    async with connection.transaction():
        await connection.execute(statement)
        print("holding", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
