"""Compares two schemas that syncs have read: of databases as they were last seen, or snapshots."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec
import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.domain.errors import FieldError, ValidationFailed
from penstock.schema.ddl import render
from penstock.schema.diff import EnginesDiffer, compare
from penstock.schema.fingerprint import restore
from penstock.schema.model import DatabaseSchema
from penstock.store import databases
from penstock.store.database import Database
from penstock.store.rows import Record

MOST_BYTES: Final = 16 * 1024 * 1024  # of one side's canonical form
MOST_CHANGES: Final = 5_000  # that are listed
_LARGEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Side:
    """What somebody wants compared: exactly one of the two.

    Args:
        database: its id, or ``instance/name``.
        snapshot: the fingerprint of a schema.
    """

    database: int | str | None = None
    snapshot: str | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """A schema as it is stored; ``place`` is the database's ``instance/name``."""

    place: str | None
    fingerprint: str
    content: bytes


class SchemaDiffs:
    """Differences between schemas, and the DDL that would end them. Nothing is stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def between(self, principal: Principal, left: Side, right: Side) -> Record:
        """What has to change on the left, for it to be like the right.

        Raises:
            ValidationFailed: a side is not there, cannot be read or is too large, or they cannot be compared.
        """
        async with self._database.connect() as conn:
            ours, theirs = [
                await _stored(conn, principal, field, side) for field, side in (("left", left), ("right", right))
            ]
        return await asyncio.to_thread(_compared, ours, theirs)


async def _stored(conn: AsyncConnection, principal: Principal, field: str, side: Side) -> _Stored:
    if side.database is None and side.snapshot is None:
        raise _wrong(field, "Name a database or a snapshot.", "side_missing")
    if side.database is not None and side.snapshot is not None:
        raise _wrong(field, "Name either a database or a snapshot, not both.", "side_twice")
    place, fingerprint = None, side.snapshot
    if side.database is not None:
        place, fingerprint = await _newest(conn, principal, field, side.database)
    assert fingerprint is not None
    content = await databases.visible_snapshot(conn, principal, fingerprint)
    if content is None:
        raise _wrong(f"{field}.snapshot", "There is no such snapshot that you may see.", "unknown_snapshot")
    if zstandard.frame_content_size(content) > MOST_BYTES:
        message = f"The schema has more than {MOST_BYTES // 1024 // 1024} MiB and is not compared."
        raise _wrong(field, message, "schema_too_large")
    return _Stored(place, fingerprint, content)


async def _newest(conn: AsyncConnection, principal: Principal, field: str, named: int | str) -> tuple[str, str]:
    instance, _, name = named.partition("/") if isinstance(named, str) else ("", "", "")
    found = None
    if isinstance(named, str) or 0 < named <= _LARGEST_ID:
        found = await databases.find(conn, principal, (instance, name) if isinstance(named, str) else named)
    if found is None:
        raise _wrong(f"{field}.database", "There is no such database that you may see.", "unknown_database")
    place = f"{found['instance']}/{found['name']}"
    if found["synced_at"] is None:
        message = f"{place} has not been synced yet: sync its instance first."
        raise _wrong(f"{field}.database", message, "never_synced")
    if found["fingerprint"] is None:
        message = f"The newest sync could not read {place}: the log of the sync says why."
        raise _wrong(f"{field}.database", message, "unreadable_schema")
    return place, found["fingerprint"]


def _compared(left: _Stored, right: _Stored) -> Record:
    ours, theirs = _restored("left", left), _restored("right", right)
    try:
        diff = compare(ours, theirs)
    except EnginesDiffer as error:
        raise _wrong("right", str(error), "engines_differ") from error
    script = render(diff)
    return {
        "left": _of_side(left, ours),
        "right": _of_side(right, theirs),
        "equal": not diff.changes,
        "changes": list(script.changes[:MOST_CHANGES]),
        "left_out": max(0, len(script.changes) - MOST_CHANGES),
        "unrendered": sum(change.unrendered is not None for change in script.changes),
        "ddl": script.text,
    }


def _restored(field: str, side: _Stored) -> DatabaseSchema:
    name = side.place.partition("/")[2] if side.place is not None else ""
    try:
        return restore(zstandard.decompress(side.content), name)
    except (msgspec.DecodeError, zstandard.ZstdError) as error:
        raise _wrong(field, "What is stored of this schema cannot be read: sync again.", "unreadable_schema") from error


def _of_side(side: _Stored, schema: DatabaseSchema) -> Record:
    return {"database": side.place, "snapshot": side.fingerprint, "engine": schema.engine}


def _wrong(field: str, message: str, code: str) -> ValidationFailed:
    return ValidationFailed(errors=[FieldError(field, message, code)], code=code)
