"""Reads from the catalog what a statement outside of a transaction is about, and decides whether it took effect.

What was there before the statement is kept in the journal: an object of the right name proves nothing by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import asyncpg
import msgspec

from penstock.engines.postgres.connect import OWN_SECONDS
from penstock.sql.outside import Outside, on_table, quoted

# Names are looked up as the script does; definitions are printed alike whatever it has set.
_PLAIN_PATH: Final = "SET LOCAL search_path = pg_catalog"
_RESOLVE: Final = """
    SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.to_regclass($1)
"""
_INDEX: Final = """
    SELECT x.oid::bigint AS oid, coalesce(i.indisvalid AND i.indisready AND i.indislive, true) AS valid,
           i.indrelid::bigint AS owner, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_catalog.pg_class x
    JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid
"""
_INDEX_BY_NAME: Final = _INDEX + "WHERE n.nspname = $1 AND x.relname = $2"
_INDEX_BY_OID: Final = _INDEX + "WHERE x.oid = $1::bigint::oid"
_PARTITION: Final = """
    SELECT inhrelid::bigint AS oid, NOT inhdetachpending AS valid, inhparent::bigint AS owner, 'attached' AS definition
    FROM pg_catalog.pg_inherits WHERE inhrelid = $1::bigint::oid AND inhparent = $2::bigint::oid
"""
_DATABASE: Final = """
    SELECT d.oid::bigint AS oid, d.datconnlimit <> -2 AS valid, 0::bigint AS owner, t.spcname::text AS definition
    FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
"""
_TABLESPACE: Final = "SELECT oid::bigint AS oid, true AS valid, 0::bigint AS owner, '' AS definition FROM pg_tablespace"
_LEFTOVERS: Final = """
    SELECT x.oid::bigint AS oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(x.relname) AS name
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
    WHERE NOT i.indisvalid AND x.relname ~ '_cc(new|old)[0-9]*$' AND n.nspname <> 'pg_toast'
      AND ($1::bigint IS NULL OR $1::bigint::oid IN (i.indrelid, i.indexrelid)
           OR i.indrelid = (SELECT o.indrelid FROM pg_catalog.pg_index o WHERE o.indexrelid = $1::bigint::oid))
"""
_NAME_OF: Final = "SELECT $1::bigint::oid::regclass::text"
_QUOTED: Final = "SELECT pg_catalog.quote_ident($1) AS schema, pg_catalog.quote_ident($2) AS table"
_CLONE: Final = "penstock_expected_definition"

Verdict = Literal["run", "applied", "drop", "finalize", "differs", "unknown"]


class Seen(msgspec.Struct, frozen=True):
    """One object as the catalog has it.

    Args:
        valid: an index that queries use; a partition that is not on its way out; a database that can be entered.
        owner: the table of an index, the parent of a partition.
        definition: what else tells it from another one of the same name.
    """

    oid: int
    valid: bool
    owner: int | None
    definition: str | None


class Before(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a statement is about, and how that was before it was sent.

    Args:
        schema, name: of an index that is to be created; ``name`` alone of what belongs to the whole server.
        subject, owner: oids: what is dropped or detached, and its table or parent.
        seen: the object, if it was there.
        expected: how the server will print the definition of an index; None when that could not be told beforehand.
        leftovers: indexes that earlier REINDEX CONCURRENTLY had left behind.
    """

    action: str
    schema: str = ""
    name: str = ""
    to: str = ""
    subject: int | None = None
    owner: int | None = None
    seen: Seen | None = None
    expected: str | None = None
    leftovers: tuple[int, ...] = ()

    @classmethod
    def read(cls, data: Mapping[str, Any] | None) -> Before:
        """From the journal."""
        return msgspec.convert(data or {"action": "undecidable"}, cls)

    def written(self) -> dict[str, Any]:
        """For the journal."""
        return dict(msgspec.to_builtins(self))


async def look(connection: asyncpg.Connection, found: Outside, text: str) -> Before:
    """What there is before a statement is sent. Raises as the server does."""
    action = found.action
    if action == "create_index":
        return await _before_an_index(connection, found, text)
    if action in ("drop_index", "reindex", "detach_partition"):
        subject = await _resolve(connection, found.name) if found.name else None
        parent = await _resolve(connection, found.table) if found.table else None
        before = Before(action, subject=subject and subject["oid"], owner=parent and parent["oid"])
    else:
        before = Before(action, name=found.name, to=found.to)
        if action.startswith("drop_"):
            there = await see(connection, before)
            before = msgspec.structs.replace(before, subject=there and there.oid)
    leftovers = tuple(oid for oid, _ in await left_behind(connection, before)) if action == "reindex" else ()
    return msgspec.structs.replace(before, seen=await see(connection, before), leftovers=leftovers)


async def see(connection: asyncpg.Connection, before: Before) -> Seen | None:
    """What there is now of that subject. Raises as the server does."""
    query: str
    args: list[Any]
    match before.action:
        case "create_index":
            query, args = _INDEX_BY_NAME, [before.schema, before.name]
        case "drop_index":
            query, args = _INDEX_BY_OID, [before.subject]
        case "detach_partition":
            query, args = _PARTITION, [before.subject, before.owner]
        case "create_database" | "move_database":
            query, args = _DATABASE + "WHERE d.datname = $1", [before.name]
        case "create_tablespace":
            query, args = _TABLESPACE + " WHERE spcname = $1", [before.name]
        case "drop_database" | "drop_tablespace":
            database = before.action == "drop_database"
            by_name = before.subject is None
            query = _DATABASE if database else _TABLESPACE
            column = ("d.datname" if database else "spcname") if by_name else ("d.oid" if database else "oid")
            query += f" WHERE {column} = $1{'' if by_name else '::bigint::oid'}"
            args = [before.name if by_name else before.subject]
        case _:
            return None
    async with connection.transaction():
        await connection.execute(_PLAIN_PATH, timeout=OWN_SECONDS)
        row = await connection.fetchrow(query, *args, timeout=OWN_SECONDS)
    return None if row is None else Seen(row["oid"], row["valid"], row["owner"], row["definition"])


def decide(before: Before, now: Seen | None) -> Verdict:
    """What became of a statement whose end nobody saw.

    Returns:
        ``run``: it did not take effect, or does no harm twice; ``drop``: it left an invalid index; ``finalize``: it
        left a partition half detached; ``differs``: something else is there now; ``unknown``: nobody can tell.
    """
    seen = before.seen
    same = seen is not None and now is not None and seen.oid == now.oid
    match before.action:
        case "create_index" | "create_database" | "create_tablespace":
            if now is None or same:
                return "run"
            if before.action != "create_index":
                return "applied" if now.valid else "differs"
            if now.owner != before.owner:
                return "differs"
            if not now.valid:
                return "drop"
            return "applied" if before.expected in (None, now.definition) else "differs"
        case "drop_index" | "drop_database" | "drop_tablespace":
            return "applied" if seen is not None and now is None else "run"
        case "detach_partition":
            if seen is not None and now is None:
                return "applied"
            half = now is not None and not now.valid and seen is not None and seen.valid
            return "finalize" if half else "run"
        case "move_database":
            return "applied" if now is not None and now.definition == before.to else "run"
        case "reindex" | "repeat":
            return "run"
    return "unknown"


async def left_behind(connection: asyncpg.Connection, before: Before) -> list[tuple[int, str]]:
    """Oid and name of invalid indexes that a REINDEX CONCURRENTLY which was interrupted leaves, but those of before."""
    rows = await connection.fetch(_LEFTOVERS, before.subject, timeout=OWN_SECONDS)
    return [(row["oid"], row["name"]) for row in rows if row["oid"] not in before.leftovers]


def index_name(before: Before) -> str:
    """Quoted and qualified."""
    return f"{quoted(before.schema)}.{quoted(before.name)}"


async def finalizing(connection: asyncpg.Connection, before: Before) -> str:
    """The statement that finishes a detachment. Raises as the server does."""
    partition = await connection.fetchval(_NAME_OF, before.subject, timeout=OWN_SECONDS)
    parent = await connection.fetchval(_NAME_OF, before.owner, timeout=OWN_SECONDS)
    return f"ALTER TABLE {parent} DETACH PARTITION {partition} FINALIZE"


async def _resolve(connection: asyncpg.Connection, name: str) -> asyncpg.Record | None:
    return await connection.fetchrow(_RESOLVE, name, timeout=OWN_SECONDS)


async def _before_an_index(connection: asyncpg.Connection, found: Outside, text: str) -> Before:
    table = await _resolve(connection, found.table)
    if table is None:  # the server will say so
        return Before(found.action)
    before = Before(found.action, schema=table["schema"], name=found.name, owner=table["oid"])
    before = msgspec.structs.replace(before, seen=await see(connection, before))
    if before.seen is not None:
        return before
    return msgspec.structs.replace(before, expected=await _expected(connection, table, text, found.name))


async def _expected(connection: asyncpg.Connection, table: asyncpg.Record, text: str, index: str) -> str | None:
    """How the server prints the definition of that index on an empty table of the same columns; nothing of it stays."""
    schema, real = quoted(table["schema"]), f"{quoted(table['schema'])}.{quoted(table['name'])}"
    clone = f"{schema}.{quoted(_CLONE)}"
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"CREATE TABLE {clone} (LIKE {real})", timeout=OWN_SECONDS)
        await connection.execute(on_table(text, clone), timeout=OWN_SECONDS)
        await connection.execute(_PLAIN_PATH, timeout=OWN_SECONDS)
        row = await connection.fetchrow(_INDEX_BY_NAME, table["schema"], index, timeout=OWN_SECONDS)
        names = await connection.fetchrow(_QUOTED, table["schema"], table["name"], timeout=OWN_SECONDS)
    except asyncpg.PostgresError as error:
        if error.sqlstate in ("55P03", "40P01", "57014") or connection.is_closed():
            raise
        return None  # too special to be tried out; what is certain without it is still compared
    finally:
        if not connection.is_closed():
            await transaction.rollback()
    was, is_ = (f" ON {names['schema']}.{name} " for name in (_CLONE, names["table"]))
    return str(row["definition"]).replace(was, is_, 1)
