"""The journal inside a PostgreSQL target: how far a change has come that runs in several steps.

Rows are only ever added, since the login has no more right than that; the last one of a step says how it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import asyncpg
import msgspec

from penstock.engines.base import ApplyRequest
from penstock.engines.postgres.connect import OWN_SECONDS

# ``failed`` means that the step left nothing behind, or nothing that keeps it from running again.
State = Literal["intent", "done", "failed"]

TABLE: Final = """
CREATE TABLE IF NOT EXISTS penstock.journal (
    entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project text NOT NULL,
    version text NOT NULL,
    step integer NOT NULL,
    step_digest text NOT NULL,
    state text NOT NULL CHECK (state IN ('intent', 'done', 'failed')),
    before jsonb,
    run text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
)
""".strip()
INDEX: Final = "CREATE INDEX IF NOT EXISTS journal_version_idx ON penstock.journal (project, version, step, entry)"
_READ: Final = """
    SELECT DISTINCT ON (step) step, step_digest, state, before::text AS before
    FROM penstock.journal WHERE project = $1 AND version = $2 ORDER BY step, entry DESC
"""
_WRITE: Final = """
    INSERT INTO penstock.journal (project, version, step, step_digest, state, before, run)
    VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7) RETURNING pg_catalog.pg_current_xact_id()::text
"""
_EXISTS: Final = "SELECT pg_catalog.to_regclass('penstock.journal') IS NOT NULL"


@dataclass(frozen=True)
class Entry:
    """How one step stands.

    Args:
        before: of ``intent``: what the catalog held before the statement was sent.
    """

    step: int
    digest: str
    state: State
    before: Mapping[str, Any] | None = None


async def read(connection: asyncpg.Connection, project: str, version: str) -> list[Entry]:
    """How the steps of one change stand, in order. Raises as the server does."""
    rows = await connection.fetch(_READ, project, version, timeout=OWN_SECONDS)
    return [Entry(r["step"], r["step_digest"], r["state"], _decoded(r["before"])) for r in rows]


async def write(
    connection: asyncpg.Connection,
    request: ApplyRequest,
    step: int,
    digest: str,
    state: State,
    before: Mapping[str, Any] | None = None,
) -> str:
    """Say how a step stands, and answer the transaction's id. Raises as the server does."""
    text = None if before is None else msgspec.json.encode(before).decode()
    values = (request.project, request.version, step, digest, state, text, request.run_id)
    return str(await connection.fetchval(_WRITE, *values, timeout=OWN_SECONDS))


async def disown(connection: asyncpg.Connection, request: ApplyRequest) -> None:
    """A person says that the change is not applied: the interrupted step may run again; without one, all of them.

    For a transaction of the caller's that holds the lock. Raises as the server does.
    """
    if not await connection.fetchval(_EXISTS, timeout=OWN_SECONDS):
        return
    entries = await read(connection, request.project, request.version)
    open_ = [entry for entry in entries if entry.state == "intent"]
    for entry in open_ or [entry for entry in entries if entry.state == "done"]:
        await write(connection, request, entry.step, entry.digest, "failed")


def last_entries(entries: Sequence[Entry]) -> dict[int, Entry]:
    """By step."""
    return {entry.step: entry for entry in entries}


def _decoded(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
