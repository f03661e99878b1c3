"""The ledger inside a PostgreSQL target: its tables, its rows, and who may write it."""

from __future__ import annotations

from typing import Final

import asyncpg

from penstock.engines.base import ApplyRequest, Failure, LedgerProtection, LedgerRow, TargetUnavailable
from penstock.engines.postgres import journal
from penstock.engines.postgres.connect import OWN_SECONDS, STAMP, Link

WITHOUT_JOURNAL: Final = "penstock ledger 1"  # good enough for changes that run in one transaction
_GIVEN: Final = "project, version, name, change_digest, release_digest, deployment, statement_count, run, actor"
_COLUMNS: Final = f"{_GIVEN}, applied_at"
_SCHEMA: Final = "CREATE SCHEMA IF NOT EXISTS penstock"
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS penstock.ledger (
    project text NOT NULL,
    version text NOT NULL,
    name text NOT NULL,
    change_digest text NOT NULL,
    release_digest text NOT NULL,
    deployment text NOT NULL,
    statement_count integer NOT NULL,
    run text NOT NULL,
    actor text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (project, version)
)
""".strip()
_COMMENT: Final = f"COMMENT ON TABLE penstock.ledger IS '{STAMP}'"
_VALUES: Final = "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_UNLESS_JOURNALED: Final = """
    SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::integer, $8::text, $9::text
    WHERE NOT EXISTS (SELECT FROM penstock.journal WHERE project = $1 AND version = $2)
"""
# What a first look at the database would have found, looked for by the statement that relies on it.
_UNLESS_UNFAMILIAR: Final = f"""{_UNLESS_JOURNALED.rstrip()}
      AND pg_catalog.pg_backend_pid() = $10 AND current_user <> 'penstock'
      AND (SELECT d.description FROM pg_catalog.pg_description d
           WHERE d.objoid = 'penstock.ledger'::pg_catalog.regclass AND d.classoid = 1259 AND d.objsubid = 0)
          = '{STAMP}'
"""
_INSERT: Final = f"""
    INSERT INTO penstock.ledger ({_GIVEN}) {{rows}}
    ON CONFLICT (project, version) DO NOTHING
    RETURNING applied_at, pg_catalog.pg_current_xact_id()::text AS xid
"""
_INSERT_ANYHOW: Final = _INSERT.format(rows=_VALUES)
_INSERT_UNLESS_JOURNALED: Final = _INSERT.format(rows=_UNLESS_JOURNALED)
_INSERT_UNLESS_UNFAMILIAR: Final = _INSERT.format(rows=_UNLESS_UNFAMILIAR)
_READ: Final = f"SELECT {_COLUMNS} FROM penstock.ledger WHERE project = $1"
_PROTECTION: Final = """
    WITH place AS (
        SELECT c.oid, c.relowner, n.nspowner
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'penstock' AND c.relname IN ('ledger', 'journal') AND c.relkind = 'r'
    )
    SELECT pg_catalog.bool_and(
               pg_catalog.has_table_privilege(oid, 'INSERT') AND pg_catalog.has_table_privilege(oid, 'SELECT')
           ) AS usable,
           pg_catalog.bool_or(
               (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
               OR pg_catalog.pg_has_role(relowner, 'MEMBER') OR pg_catalog.pg_has_role(nspowner, 'MEMBER')
               OR pg_catalog.pg_has_role(
                      (SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()), 'MEMBER')
               OR pg_catalog.has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
           ) AS writable
    FROM place HAVING count(*) > 0
"""


async def create(connection: asyncpg.Connection) -> None:
    """Create schema and tables; in a transaction of the caller's, under the lock. Raises
    `asyncpg.PostgresError`."""
    for statement in (_SCHEMA, _TABLE, journal.TABLE, journal.INDEX, _COMMENT):
        await connection.execute(statement, timeout=OWN_SECONDS)


async def add_journal(connection: asyncpg.Connection) -> None:
    """Bring a ledger that has no journal to this version; as `create`."""
    for statement in (journal.TABLE, journal.INDEX, _COMMENT):
        await connection.execute(statement, timeout=OWN_SECONDS)


def check_stamp(link: Link) -> None:
    """Raises `TargetUnavailable` when the ledger there is not one that this version of Penstock can read."""
    if link.has_ledger and link.stamp not in (STAMP, WITHOUT_JOURNAL):
        raise TargetUnavailable(
            Failure(
                "infrastructure",
                "ledger_version",
                f"The table penstock.ledger is stamped {link.stamp!r}; known here is {STAMP!r}.",
                hint="A newer Penstock wrote it, or its comment was lost in a restore.",
            )
        )


async def insert(
    connection: asyncpg.Connection,
    request: ApplyRequest,
    statement_count: int,
    *,
    unless_journaled: bool = False,
    assumed_pid: int | None = None,
) -> tuple[LedgerRow, str] | None:
    """Add the row and answer it with the transaction's id; None when the key is there already.

    A row that another transaction has inserted and not committed makes this wait: the key is a lock too.

    Args:
        unless_journaled: answer None also when the journal knows of steps of this change.
        assumed_pid: answer None also when the session is not the server's session of this pid, or ledger and login are
            not what `connect.open_familiar` takes them for.
    """
    query = _INSERT_UNLESS_JOURNALED if unless_journaled else _INSERT_ANYHOW
    values = (
        request.project,
        request.version,
        request.name,
        request.change_digest,
        request.release_digest,
        request.deployment,
        statement_count,
        request.run_id,
        request.actor,
    )
    if assumed_pid is None:
        found = await connection.fetchrow(query, *values, timeout=OWN_SECONDS)
    else:
        found = await connection.fetchrow(_INSERT_UNLESS_UNFAMILIAR, *values, assumed_pid, timeout=OWN_SECONDS)
    return None if found is None else (LedgerRow(*values, found["applied_at"]), found["xid"])


async def read(connection: asyncpg.Connection, project: str) -> dict[str, LedgerRow]:
    """The rows of one project by version."""
    rows = await connection.fetch(_READ, project, timeout=OWN_SECONDS)
    return {row["version"]: LedgerRow(*row) for row in rows}


async def read_row(connection: asyncpg.Connection, project: str, version: str) -> LedgerRow | None:
    """The row of one change, if it is applied here."""
    row = await connection.fetchrow(_READ + " AND version = $2", project, version, timeout=OWN_SECONDS)
    return None if row is None else LedgerRow(*row)


async def protection(connection: asyncpg.Connection) -> LedgerProtection:
    """Whether this login could rewrite history: as owner of anything around it, or by privilege."""
    row = await connection.fetchrow(_PROTECTION, timeout=OWN_SECONDS)
    if row is None:
        return "absent"
    if row["writable"]:
        return "writable"
    return "protected" if row["usable"] else "unknown"


def grants(login: str) -> str:
    """SQL for an owner who is not ``login``: the ledger, and for ``login`` the right to read it and add to
    it."""
    role = '"' + login.replace('"', '""') + '"'
    return (
        "-- Run as an owner that the change login is neither nor is a member of.\n"
        f"{_SCHEMA};\n{_TABLE};\n{journal.TABLE};\n{journal.INDEX};\n{_COMMENT};\n"
        f"REVOKE ALL ON SCHEMA penstock FROM PUBLIC, {role};\n"
        f"REVOKE ALL ON TABLE penstock.ledger, penstock.journal FROM PUBLIC, {role};\n"
        f"GRANT USAGE ON SCHEMA penstock TO {role};\n"
        f"GRANT SELECT, INSERT ON TABLE penstock.ledger, penstock.journal TO {role};\n"
    )
