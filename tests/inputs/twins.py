"""Twins: databases that begin alike; one gets its changes from Penstock, the other from the server's own client.

What differs from engine to engine is behind `Twins`; `postgres_twins` and `mariadb_twins` implement it.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from tests.inputs.catalogs import Object
from tests.inputs.histories import Script
from tests.installation import Server


class Session(Protocol):
    """A session of the server's, for one statement after the other."""

    async def run(self, statement: str) -> bool:
        """Run a statement in a transaction, and commit.

        Returns:
            whether it left the transaction as it was; False when it ended it, or had to be run without one.
        """

    async def objects(self) -> frozenset[Object]:
        """What there is now."""


class Twins(Protocol):
    """Databases of one server, and the programs that its makers ship to work on them."""

    @property
    def engine(self) -> str:
        """Penstock's word for the dialect."""

    @property
    def server(self) -> Server: ...

    async def create(self) -> str:
        """An empty database; answers its name."""

    async def drop(self, database: str) -> None:
        """Drop a database, and what a ledger outside of it knows of it."""

    async def by_client(
        self, database: str, scripts: Sequence[Script], *, port: int | None = None, comments: bool = True
    ) -> None:
        """Apply scripts the way their authors do; the first error ends it.

        Args:
            port: through which to reach the server, when not its own.
            comments: False lets a client that can drop comments drop them.
        """

    async def schema_of(self, database: str) -> str:
        """The schema as the server's own program dumps it, without owners, privileges and Penstock's ledger."""

    async def ledger(self, database: str) -> list[str]:
        """Versions in the ledger, in the order in which they were applied."""

    def session(self, database: str) -> AbstractAsyncContextManager[Session]:
        """A session of its own."""


async def run(command: Sequence[str], environment: Mapping[str, str], text: str = "") -> str:
    """Run a client program and return what it prints; that it fails is a failure of the test."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)
    out, errors = await process.communicate(text.encode())
    assert process.returncode == 0, errors.decode()[:2000]
    return out.decode()
