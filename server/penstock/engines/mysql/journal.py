"""The journal: which steps of a change are done, where a step cannot share a transaction with the ledger row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from penstock.engines.base import ApplyRequest
from penstock.engines.mysql.driver import Connection, text
from penstock.engines.mysql.fingerprint import digest
from penstock.sql.mysql.ddl import Object

# ``failed`` means that the step left nothing behind; one that may have left something stays ``intent``.
State = Literal["intent", "done", "failed"]
_NULL: Final = "NULL"
_BATCH: Final = 1_000_000  # characters in one message


@dataclass(frozen=True)
class Entry:
    """One row: step ``seq`` begins with the change's statement of that index."""

    seq: int
    digest: str
    state: State
    before: str | None
    expected: str | None


@dataclass(frozen=True)
class Mark:
    """A state to write; fingerprints are kept once written."""

    seq: int
    digest: str
    state: State
    before: str | None = None
    expected: str | None = None


@dataclass(frozen=True)
class Foreign:
    """A step of another change that was running when an attempt was lost."""

    project: str
    version: str
    entry: Entry


class Journal:
    """The rows of one change in one database, written on the connection that does the work."""

    def __init__(self, connection: Connection, database: str, request: ApplyRequest, pid: int) -> None:
        self._connection = connection
        self._database = database
        self._request = request
        self._pid = pid
        self.foreign: list[Foreign] = []
        self._kept: set[str] = set()

    async def read(self) -> list[Entry]:
        """All rows, in order; `foreign` is known then. Raises as the server does."""
        rows = await self._connection.fetch(
            "SELECT project, version, seq, statement_digest, state, before_fingerprint, expected_after"
            f" FROM penstock.journal WHERE database_name = {text(self._database)}"
            f" AND (state = 'intent' OR {self._mine()}) ORDER BY project, version, seq"
        )
        me = (self._request.project, self._request.version)
        self.foreign = [Foreign(row[0], row[1], Entry(*row[2:])) for row in rows if row[:2] != me]
        return [Entry(*row[2:]) for row in rows if row[:2] == me]

    async def write(self, *marks: Mark, provided: str = "") -> bool:
        """Write states of steps in one statement, within the transaction there is, if any.

        Args:
            provided: a condition; nothing is written when it is not true.

        Returns:
            Whether they were written.

        Raises:
            MySQLError, OSError: as the server and the network do.
        """
        rows = f"VALUES {', '.join(f'({self._values(mark)})' for mark in marks)}"
        if provided:
            head, *tail = (self._values(mark, named=not n) for n, mark in enumerate(marks))
            given = " UNION ALL SELECT ".join([head, *tail])
            # LIMIT: whatever sql_select_limit is.
            rows = f"SELECT * FROM (SELECT {given}) AS given_marks WHERE {provided} LIMIT {len(marks)}"
        answer = await self._connection.run(
            "INSERT INTO penstock.journal (database_name, project, version, seq, statement_digest, state,"
            f" before_fingerprint, expected_after, connection_id, run, changed_at) {rows}"
            " ON DUPLICATE KEY UPDATE state = VALUES(state), connection_id = VALUES(connection_id), run = VALUES(run),"
            " changed_at = VALUES(changed_at), expected_after ="
            " IF(VALUES(before_fingerprint) IS NULL, expected_after, VALUES(expected_after)),"
            " before_fingerprint = COALESCE(VALUES(before_fingerprint), before_fingerprint)"
        )
        return answer.rows > 0

    def _values(self, mark: Mark, *, named: bool = False) -> str:
        request = self._request
        before, expected = (text(value) if value is not None else _NULL for value in (mark.before, mark.expected))
        values = [*map(text, (self._database, request.project, request.version)), str(mark.seq), text(mark.digest)]
        values += [f"'{mark.state}'", before, expected, str(self._pid), text(request.run_id[:128])]
        values.append("UTC_TIMESTAMP(6)")
        return ", ".join(f"{value} AS given_{n}" for n, value in enumerate(values)) if named else ", ".join(values)

    async def keep(self, descriptions: Iterable[str], comparable: Mapping[str, Sequence[Object]]) -> None:
        """Keep the texts behind fingerprints, so that people can be shown what differs.

        Args:
            comparable: digests of steps that can be decided by what they define, and that.

        Raises:
            MySQLError, OSError: as the server and the network do.
        """
        new = {digest(description): description for description in descriptions}
        new |= {_objects_of(step): json.dumps(objects) for step, objects in comparable.items()}
        rows, size = list[str](), 0
        for found, description in new.items():
            if found in self._kept:
                continue
            if size + len(description) > _BATCH:
                await self._keep(rows)
                rows, size = [], 0
            rows.append(f"({self._key()}, {text(found)}, {text(description)})")
            size += len(description)
        await self._keep(rows)
        self._kept |= set(new)

    async def _keep(self, rows: list[str]) -> None:
        if rows:
            columns = "database_name, project, version, digest, description"
            values = ", ".join(rows)
            await self._connection.run(f"INSERT IGNORE INTO penstock.definition ({columns}) VALUES {values}")

    async def objects(self, found: Foreign) -> list[Object]:
        """What a step of another change defines; none when it cannot be decided by that. Raises as the server does."""
        kept = await self._connection.value(
            f"SELECT description FROM penstock.definition WHERE {self._of(found)}"
            f" AND digest = {text(_objects_of(found.entry.digest))}"
        )
        return [Object(*fields) for fields in json.loads(kept)] if kept else []

    async def decide(self, found: Foreign, state: State) -> None:
        """Write what is true of a step of another change. Raises as the server does."""
        await self._connection.run(
            f"UPDATE penstock.journal SET state = '{state}', changed_at = UTC_TIMESTAMP(6) WHERE {self._of(found)}"
            f" AND seq = {found.entry.seq} AND statement_digest = {text(found.entry.digest)} AND state = 'intent'"
        )

    async def description(self, fingerprint: str | None) -> str | None:
        """The text behind a fingerprint, where it was kept. Raises as the server does."""
        if fingerprint is None:
            return None
        found: str | None = await self._connection.value(
            f"SELECT description FROM penstock.definition WHERE {self._mine()} AND digest = {text(fingerprint)}"
        )
        return found

    async def forget(self) -> None:
        """Drop the texts, which a change that is applied needs no longer, within the transaction there is."""
        await self._connection.run(f"DELETE FROM penstock.definition WHERE {self._mine()}")

    def _key(self) -> str:
        return ", ".join(map(text, (self._database, self._request.project, self._request.version)))

    def _mine(self) -> str:
        return self._place(self._request.project, self._request.version)

    def _of(self, found: Foreign) -> str:
        return self._place(found.project, found.version)

    def _place(self, project: str, version: str) -> str:
        # Not as one comparison of rows: under sql_safe_updates those do not count as using the key.
        return f"database_name = {text(self._database)} AND project = {text(project)} AND version = {text(version)}"


def _objects_of(statement_digest: str) -> str:
    return f"{statement_digest}:objects"
