"""Whether a text is one query that only reads, as far as its text can tell; the server's read-only transaction is the
guard for everything that it cannot."""

from __future__ import annotations

from typing import Any, Final

from penstock.sql import parser
from penstock.sql.classify import find
from penstock.sql.dialects import classify
from penstock.sql.errors import SplitError
from penstock.sql.mysql.classify import MySqlClassification
from penstock.sql.splitter import split
from penstock.sql.statement import Statement

# What acts although the transaction may not write: on sessions, files, other servers, locks that outlive it.
_ACTS: Final = (
    *("dblink", "pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_promote"),
    *("pg_read_", "pg_ls_", "pg_stat_file", "pg_file_", "pg_advisory_", "pg_try_advisory_", "pg_switch_wal"),
    *("pg_create_", "pg_drop_", "pg_replication_", "pg_logical_", "pg_backup_", "pg_start_backup", "pg_stop_backup"),
    *("pg_notify", "lo_", "loread", "lowrite", "set_config", "query_to_xml", "cursor_to_xml", "database_to_xml"),
    *("pg_stat_reset", "pg_wal_replay_", "pg_export_snapshot", "pg_log_", "pg_import_", "pg_sync_replication"),
)
_MY_ACTS: Final = frozenset(
    {"outfile", "dumpfile", "load_file", "sys_exec", "sys_eval", "setval", "nextval", "lastval"}
)


class NotAQuery(Exception):
    """The text is not one query that only reads.

    Args:
        code: stable: ``not_a_query``, ``query_acts``, or that of the splitter.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def the_query(text: str, engine: str) -> Statement:
    """The one query in a text, without the comments and the semicolon around it.

    Args:
        engine: ``postgres``, ``mysql`` or ``mariadb``.

    Raises:
        NotAQuery: it is more, less, or something else.
    """
    try:
        found = split(text.encode("utf-8", "surrogatepass"), engine)
    except SplitError as error:
        raise NotAQuery(error.code, error.message) from error
    if len(found) != 1:
        raise NotAQuery("not_a_query", f"A query task has one SELECT, and this text has {len(found)} statements.")
    [statement] = found
    read = classify(statement, engine)
    if (
        read.kind != "select"
        or not read.parsed
        or read.refusal
        or read.opaque
        or read.writes
        or read.creates
        or read.drops
    ):
        what = read.kind if read.parsed else "something that its grammar does not know"
        if read.kind == "select":
            what = "a SELECT that does more than read"
        raise NotAQuery("not_a_query", f"A query task has one SELECT; this is {what.replace('_', ' ')}.")
    acts = _acting(statement.text) if engine == "postgres" else _my_acting(read)
    if acts is not None:
        message = f"{acts} does more than read the database: file an issue with a change for it."
        raise NotAQuery("query_acts", message)
    return statement


def _acting(text: str) -> str | None:
    [node] = parser.parse(text)
    if any(found.get("lockingClause") or found.get("intoClause") for found in find(node, "SelectStmt")):
        return "SELECT … INTO or FOR UPDATE"
    for call in find(node, "FuncCall"):
        name = _name(call)
        if name.startswith(_ACTS):
            return name
    return None


def _name(call: dict[str, Any]) -> str:
    parts = [part["String"].get("sval", "") for part in call.get("funcname", ()) if "String" in part]
    return str(parts[-1]).lower() if parts else ""


def _my_acting(read: object) -> str | None:
    assert isinstance(read, MySqlClassification)
    return next((name.upper() for name in sorted(_MY_ACTS & read.names)), None)
