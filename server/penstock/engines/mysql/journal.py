"""The journal: which steps of a change are done, where a step cannot share a transaction with the ledger row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from penstock.engines.base import ApplyRequest
from penstock.engines.mysql.driver import Connection, text

# ``failed`` means that the step left nothing behind; one that may have left something stays ``intent``.
State = Literal["intent", "done", "failed"]
_NULL: Final = "NULL"


@dataclass(frozen=True)
class Entry:
    """One row: step ``seq`` begins with the change's statement of that index."""

    seq: int
    digest: str
    state: State
    before: str | None
    expected: str | None


class Journal:
    """The rows of one change in one database, written on the connection that does the work."""

    def __init__(self, connection: Connection, database: str, request: ApplyRequest, pid: int) -> None:
        self._connection = connection
        self._database = database
        self._request = request
        self._pid = pid

    async def read(self) -> list[Entry]:
        """All rows, in order. Raises as the server does."""
        request = self._request
        rows = await self._connection.fetch(
            "SELECT seq, statement_digest, state, before_fingerprint, expected_after FROM penstock.journal"
            f" WHERE database_name = {text(self._database)} AND project = {text(request.project)}"
            f" AND version = {text(request.version)} ORDER BY seq"
        )
        return [Entry(*row) for row in rows]

    async def write(
        self, seq: int, digest: str, state: State, *, before: str | None = None, expected: str | None = None
    ) -> None:
        """Write a step's state, within the transaction there is, if any; fingerprints are kept once written.

        Raises as the server does.
        """
        request = self._request
        key = ", ".join(map(text, (self._database, request.project, request.version)))
        prints = [text(value) if value is not None else _NULL for value in (before, expected)]
        kept = "" if before is None else f", before_fingerprint = {prints[0]}, expected_after = {prints[1]}"
        values = f"{key}, {seq}, {text(digest)}, '{state}', {prints[0]}, {prints[1]}, {self._pid}"
        run = text(request.run_id[:128])
        await self._connection.run(
            "INSERT INTO penstock.journal (database_name, project, version, seq, statement_digest, state,"
            " before_fingerprint, expected_after, connection_id, run, changed_at)"
            f" VALUES ({values}, {run}, UTC_TIMESTAMP(6))"
            f" ON DUPLICATE KEY UPDATE state = '{state}', connection_id = {self._pid}, run = {run},"
            f" changed_at = UTC_TIMESTAMP(6){kept}"
        )
