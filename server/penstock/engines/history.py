"""What other tools say they have done to a database: their history tables as plain entries.  Pure; engines fetch rows.

Flyway, Liquibase and Alembic keep theirs in the database itself, Bytebase (before it moved it to its own) in a database
named ``bytebase`` on the same server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Literal

from penstock.engines.base import HistoryEntry

Tool = Literal["flyway", "liquibase", "alembic", "bytebase"]
Row = Mapping[str, Any]

# table -> (tool, the columns that are read)
TABLES: Final[Mapping[str, tuple[Tool, Sequence[str]]]] = {
    "flyway_schema_history": (
        "flyway",
        ("installed_rank", "version", "description", "type", "checksum", "installed_on", "success"),
    ),
    "databasechangelog": (
        "liquibase",
        ("id", "author", "filename", "dateexecuted", "orderexecuted", "exectype", "md5sum"),
    ),
    "alembic_version": ("alembic", ("version_num",)),
}
BYTEBASE: Final = ("version", "description", "created_ts", "sequence", "digest")
_UI_VERSION: Final = re.compile(r"0000\.0000\.0000-(.+)")  # Bytebase's spelling of a version that is only a time
_LONGEST: Final = 200


def entries(tool: Tool, rows: Iterable[Row]) -> list[HistoryEntry]:
    """The changes that a tool's rows call applied, in the order in which it applied them."""
    return _READERS[tool](list(rows))


def _flyway(rows: list[Row]) -> list[HistoryEntry]:
    found: dict[str, HistoryEntry] = {}
    for row in sorted(rows, key=lambda r: r["installed_rank"]):
        version, kind = row["version"], str(row["type"])
        if version is None or not row["success"]:
            continue  # repeatable, or the mark of a schema's creation, or failed
        if kind.startswith("UNDO") or kind == "DELETE":
            found.pop(version, None)
            continue
        checksum = None if row["checksum"] is None else str(row["checksum"])
        upto = kind.endswith("BASELINE")
        found[version] = HistoryEntry(
            "flyway", version, row["description"] or "", checksum=checksum, at=row["installed_on"], upto=upto
        )
    return list(found.values())


def _liquibase(rows: list[Row]) -> list[HistoryEntry]:
    done = [r for r in rows if r["exectype"] in ("EXECUTED", "RERAN", "MARK_RAN")]
    return [
        HistoryEntry(
            "liquibase",
            f"{row['id']}::{row['author']}::{row['filename']}",
            str(row["filename"]),
            checksum=row["md5sum"],
            at=row["dateexecuted"],
            alias=str(row["id"]),
        )
        for row in sorted(done, key=lambda r: r["orderexecuted"])
    ]


def _alembic(rows: list[Row]) -> list[HistoryEntry]:
    """Only the newest revision is known: all before it were applied to get there."""
    return [HistoryEntry("alembic", str(row["version_num"]), "alembic head", upto=True) for row in rows]


def _bytebase(rows: list[Row]) -> list[HistoryEntry]:
    found = []
    for row in sorted(rows, key=lambda r: r["sequence"]):
        spelled = _UI_VERSION.fullmatch(str(row["version"]))
        version = spelled[1] if spelled else str(row["version"])
        at = datetime.fromtimestamp(row["created_ts"], UTC)
        found.append(HistoryEntry("bytebase", version, row["description"], digest=row["digest"], at=at))
    return found


_READERS: Final = {"flyway": _flyway, "liquibase": _liquibase, "alembic": _alembic, "bytebase": _bytebase}


def same_version(entry: HistoryEntry, version: str) -> bool:
    """Whether an entry speaks of a change's version: Flyway's 1, 1.0, V1 and 01 are one."""
    if entry.tool == "flyway":
        return _numbers(entry.version) == _numbers(version)
    return version in (entry.version, entry.alias)


def _numbers(version: str) -> tuple[str, ...]:
    parts = [part.lstrip("0") or "0" for part in re.split(r"[._]", version.lower().removeprefix("v"))]
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    return tuple(parts)


def said_to_be_there(history: Sequence[HistoryEntry], versions: Sequence[str]) -> set[str]:
    """Which versions of a release, in its order, these entries call applied."""
    there: set[str] = set()
    for entry in history:
        for place, version in enumerate(versions):
            if same_version(entry, version):
                there.update(versions[: place + 1] if entry.upto else (version,))
    return there


def ledger_version(entry: HistoryEntry) -> str:
    """The entry's version as a key of the ledger, which is not endless."""
    if len(entry.version) <= _LONGEST:
        return entry.version
    return f"{entry.version[: _LONGEST - 17]}~{sha256(entry.version.encode()).hexdigest()[:16]}"


def ledger_digest(entry: HistoryEntry) -> str:
    """What stands for the bytes of an entry: their digest where the tool kept them, else its own checksum."""
    return entry.digest or f"{entry.tool}:{entry.checksum or 'unknown'}"[:80]
