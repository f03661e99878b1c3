"""Opens connections to MySQL and MariaDB targets, and turns what can go wrong on the way into failures."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from typing import Final

import pymysql

from penstock.engines.base import Failure, Target, TargetUnavailable
from penstock.engines.mysql.codes import reaction
from penstock.engines.mysql.driver import BROKEN, Connection, code_of, connect, message_of
from penstock.engines.reaction import Reaction
from penstock.sql.mysql.settings import READING_MODES

OWN_SECONDS: Final = 30.0  # for statements of our own, which are all short
_HELLO: Final = """
    SELECT CONNECTION_ID(), @@SESSION.sql_mode, VERSION(), @@version_comment, @@SESSION.binlog_format <> 'STATEMENT',
           (SELECT COUNT(*) FROM information_schema.TABLES
            WHERE TABLE_SCHEMA = 'penstock' AND TABLE_NAME IN ('ledger', 'journal', 'holder', 'definition')),
           (SELECT TABLE_COMMENT FROM information_schema.TABLES
            WHERE TABLE_SCHEMA = 'penstock' AND TABLE_NAME = 'ledger')
"""
NAMES: Final = {"mariadb": "MariaDB", "mysql": "MySQL"}
_VERSION: Final = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)")


@dataclass
class Link:
    """One open connection, and what we know about it.

    Args:
        pid: the server's id of the session.
        flavour: ``mysql`` or ``mariadb``.
        logs_rows: a replica gets the rows that a statement has changed, where the statement might do something else
            there.
        has_ledger, stamp: as of connecting, or of creating it since.
    """

    connection: Connection = field(repr=False)
    pid: int
    flavour: str
    version: tuple[int, int, int]
    version_text: str
    logs_rows: bool
    has_ledger: bool
    stamp: str | None

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return bool(self.connection.closed)


async def open_connection(target: Target) -> Connection:
    """Connect and sign in.

    Raises:
        TargetUnavailable: with retry ``connect`` when trying later makes sense.
    """
    try:
        return await connect(
            timeout=target.connect_timeout,
            tls=tls_context(target),
            may_go_clear=target.tls == "prefer",
            host=target.host,
            port=target.port,
            user=target.username,
            password=target.password or "",
            db=target.database,
            program_name=target.application_name,
        )
    except (*BROKEN, ValueError, KeyError) as error:
        raise TargetUnavailable(connect_failure(target, error)) from error


async def open_link(target: Target) -> Link:
    """Connect, ask the server who we are, and have it read text the way the splitter did. Raises
    `TargetUnavailable`."""
    connection = await open_connection(target)
    connection.own_seconds = OWN_SECONDS
    try:
        [(pid, modes, version, comment, logs_rows, tables, stamp)] = await connection.fetch(_HELLO)
        if kept := without_reading_modes(modes):
            await connection.run(f"SET SESSION sql_mode = '{kept}'")
        elif modes:
            await connection.run("SET SESSION sql_mode = ''")
        flavour = "mariadb" if "mariadb" in f"{version} {comment}".lower() else "mysql"
        found = _VERSION.match(version)
        if found is None:
            raise pymysql.err.InternalError(2027, f"The server's version {version!r} cannot be read.")
        numbers = (int(found[1]), int(found[2]), int(found[3]))
        version_text = ".".join(found.groups())
        return Link(connection, pid, flavour, numbers, version_text, bool(logs_rows), tables == 4, stamp)
    except BROKEN as error:
        connection.close()
        raise TargetUnavailable(connect_failure(target, error)) from error
    except BaseException:
        connection.close()
        raise


def check_flavour(target: Target, link: Link) -> None:
    """Raises `TargetUnavailable` when the server is not what the instance was added as."""
    if link.flavour != target.engine:
        there, expected = NAMES[link.flavour], NAMES[target.engine]
        message = (
            f"{target.host}:{target.port} is {there} {link.version_text}, but the instance was added as {expected}:"
            " what was reviewed is not what this server would read, since comments like /*M! … */ and /*!80000 … */"
            f" hold SQL for one of the two only. Add it again as {there}."
        )
        raise TargetUnavailable(Failure("infrastructure", "other_flavour", message))


def without_reading_modes(modes: str) -> str:
    """A ``sql_mode`` without what changes how text is read."""
    return ",".join(mode for mode in modes.split(",") if mode and mode not in READING_MODES)


def connect_failure(target: Target, error: Exception) -> Failure:
    """Why connecting did not work, in words that name the place and never the password."""
    where = f"{target.host}:{target.port}"
    cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    if isinstance(cause, ssl.SSLError):
        return Failure("infrastructure", "tls_failed", f"TLS with {where} failed: {cause.reason or cause}")
    code = code_of(error)
    if code is None or code in (2002, 2003, 2006, 2013):
        reason = "no answer in time" if isinstance(error, TimeoutError) else message_of(error)
        if code is not None and error.__cause__ is not None:
            reason = str(error.__cause__) or reason
        return Failure("infrastructure", "target_unreachable", f"{where} cannot be reached: {reason}.", retry="connect")
    permanent = reaction(code) in (Reaction.FINAL, Reaction.INTERRUPTED) or code in (2026, 2027, 2059)
    message = f"{where} refused us: {message_of(error)}"
    return Failure("infrastructure", str(code), message, retry="no" if permanent else "connect")


def tls_context(target: Target) -> ssl.SSLContext | None:
    """How to encrypt, by the target's mode."""
    if target.tls == "disable":
        return None
    context = ssl.create_default_context(cafile=target.tls_ca)
    if target.tls != "verify-full":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
