"""Ledger, journal and holders inside a MySQL or MariaDB server: their tables in the database ``penstock``, and rows.

One ledger serves the whole server, so every row names its database.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from penstock.engines.base import ApplyRequest, Failure, LedgerProtection, LedgerRow, TargetUnavailable
from penstock.engines.mysql.connect import Link
from penstock.engines.mysql.driver import Connection, text

STAMP: Final = "penstock ledger 1"
_DATABASE: Final = "CREATE DATABASE IF NOT EXISTS penstock CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_KEY: Final = (
    "    database_name VARCHAR(64) NOT NULL,\n    project VARCHAR(128) NOT NULL,\n    version VARCHAR(255) NOT NULL,\n"
)
_END: Final = "ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_LEDGER: Final = f"""CREATE TABLE IF NOT EXISTS penstock.ledger (
{_KEY}    name VARCHAR(255) NOT NULL,
    change_digest VARCHAR(80) NOT NULL,
    release_digest VARCHAR(80) NOT NULL,
    deployment VARCHAR(128) NOT NULL,
    statement_count INT NOT NULL,
    run VARCHAR(128) NOT NULL,
    actor VARCHAR(255) NOT NULL,
    applied_at DATETIME(6) NOT NULL,
    PRIMARY KEY (database_name, project, version)
) {_END} COMMENT = '{STAMP}'"""
_JOURNAL: Final = f"""CREATE TABLE IF NOT EXISTS penstock.journal (
{_KEY}    seq INT NOT NULL,
    statement_digest VARCHAR(80) NOT NULL,
    state VARCHAR(8) NOT NULL,
    before_fingerprint VARCHAR(80) NULL,
    expected_after VARCHAR(80) NULL,
    connection_id BIGINT UNSIGNED NOT NULL,
    run VARCHAR(128) NOT NULL,
    changed_at DATETIME(6) NOT NULL,
    PRIMARY KEY (database_name, project, version, seq, statement_digest)
) {_END} COMMENT = 'penstock journal 1'"""
_HOLDER: Final = f"""CREATE TABLE IF NOT EXISTS penstock.holder (
    database_name VARCHAR(64) NOT NULL,
    connection_id BIGINT UNSIGNED NOT NULL,
    application_name VARCHAR(64) NOT NULL,
    since DATETIME(6) NOT NULL,
    PRIMARY KEY (database_name)
) {_END} COMMENT = 'penstock holder 1'"""
_DEFINITION: Final = f"""CREATE TABLE IF NOT EXISTS penstock.definition (
{_KEY}    digest VARCHAR(80) NOT NULL,
    description MEDIUMTEXT NOT NULL,
    PRIMARY KEY (database_name, project, version, digest)
) {_END} COMMENT = 'penstock definition 1'"""
TABLES: Final = (_DATABASE, _LEDGER, _JOURNAL, _HOLDER, _DEFINITION)
_COLUMNS: Final = (
    "project, version, name, change_digest, release_digest, deployment, statement_count, run, actor, applied_at"
)
_READ: Final = f"SELECT {_COLUMNS} FROM penstock.ledger WHERE database_name = "
SCRATCH_PRIVILEGES: Final = (
    "SELECT", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES", "TRIGGER", "CREATE VIEW", "SHOW VIEW",
    "CREATE ROUTINE", "ALTER ROUTINE",
)  # fmt: skip
_GIVES_POWER: Final = frozenset({"ALL PRIVILEGES", "UPDATE", "DELETE", "DROP", "ALTER", "TRIGGER", "SUPER"})


async def create(connection: Connection) -> None:
    """Create what is missing. Raises as the server does."""
    for statement in TABLES:
        await connection.run(statement)


def check_stamp(link: Link) -> None:
    """Raises `TargetUnavailable` when the ledger there is not one that this version of Penstock can read."""
    if link.stamp is not None and link.stamp != STAMP:
        raise TargetUnavailable(
            Failure(
                "infrastructure",
                "ledger_version",
                f"The table penstock.ledger is stamped {link.stamp!r}; known here is {STAMP!r}.",
                hint="A newer Penstock wrote it, or its comment was lost in a restore.",
            )
        )


def too_long(request: ApplyRequest) -> Failure | None:
    """The failure when the key does not fit: a server that is not strict would cut it."""
    if len(request.version) <= 255 and len(request.project) <= 128:
        return None
    return Failure("statement", "version_too_long", "A version may have 255 characters, a project's name 128.")


async def insert(connection: Connection, database: str, request: ApplyRequest, statement_count: int) -> LedgerRow:
    """Add the row, within the transaction there is. Raises as the server does: 1062 when the key is there already."""
    row = LedgerRow(
        request.project,
        request.version,
        request.name[:255],
        request.change_digest,
        request.release_digest,
        request.deployment[:128],
        statement_count,
        request.run_id[:128],
        request.actor[:255],
        datetime.now(UTC),
    )
    strings = (database, row.project, row.version, row.name, row.change_digest, row.release_digest, row.deployment)
    await connection.run(
        f"INSERT INTO penstock.ledger (database_name, {_COLUMNS}) VALUES ({', '.join(map(text, strings))},"
        f" {row.statement_count}, {text(row.run)}, {text(row.actor)}, '{row.applied_at:%Y-%m-%d %H:%M:%S.%f}')"
    )
    return row


async def read(connection: Connection, database: str, project: str, version: str | None = None) -> dict[str, LedgerRow]:
    """The rows of one project by version, or that of one version."""
    only = f" AND version = {text(version)}" if version is not None else ""
    rows = await connection.fetch(f"{_READ}{text(database)} AND project = {text(project)}{only}")
    found = [LedgerRow(*row) for row in rows]
    return {row.version: replace(row, applied_at=row.applied_at.replace(tzinfo=UTC)) for row in found}


async def read_row(connection: Connection, database: str, project: str, version: str) -> LedgerRow | None:
    """The row of one change, if it is applied here."""
    return (await read(connection, database, project, version)).get(version)


def protection(grants: list[tuple[frozenset[str], str]], *, exists: bool) -> LedgerProtection:
    """Whether this login could rewrite history, by its (privileges, level) pairs."""
    if not exists:
        return "absent"
    ours = ("*.*", "penstock.*", "penstock.ledger")
    if any(level in ours and privileges & _GIVES_POWER for privileges, level in grants):
        return "writable"
    held = {privilege for privileges, level in grants if level in ours for privilege in privileges}
    return "protected" if {"SELECT", "INSERT"} <= held else "unknown"


def grants(login: str) -> str:
    """SQL for an owner who is not ``login``: the tables, and for ``login`` the right to read them and add to them."""
    user, _, host = login.partition("@")
    account = f"'{_quoted(user)}'@'{_quoted(host or '%')}'"
    tables = ";\n".join(TABLES)
    return (
        "-- Run as an account that the change login is not.\n"
        f"{tables};\n"
        f"GRANT SELECT, INSERT ON penstock.ledger TO {account};\n"
        f"GRANT SELECT, INSERT, UPDATE ON penstock.journal TO {account};\n"
        f"GRANT SELECT, INSERT, UPDATE ON penstock.holder TO {account};\n"
        f"GRANT SELECT, INSERT, DELETE ON penstock.definition TO {account};\n"
        "-- For empty copies, in which it is worked out what a definition will become.\n"
        f"GRANT {', '.join(SCRATCH_PRIVILEGES)}\n"
        f"    ON `penstock\\_scratch\\_%`.* TO {account};\n"
    )


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
