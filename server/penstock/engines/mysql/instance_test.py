"""Tests an instance in small steps, so that a person sees which one fails: name, port, TLS, login, version, rights."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Final

from penstock.engines.base import InstanceReport, LedgerProtection, Target, TargetUnavailable, TestStep
from penstock.engines.mysql import ledger
from penstock.engines.mysql.connect import Link, open_link
from penstock.engines.mysql.driver import BROKEN, message_of

_OLDEST: Final = {"mariadb": (10, 6), "mysql": (8, 0)}
_NAMES: Final = {"mariadb": "MariaDB", "mysql": "MySQL"}
_GRANT: Final = re.compile(r"GRANT (?P<privileges>.+?) ON (?P<level>\S+) TO ")
_TLS_ERRORS: Final = ("tls_failed", "2026")
_LABELS: Final = {
    "createdb": frozenset({"CREATE"}),
    "createrole": frozenset({"CREATE USER"}),
    "read_all_stats": frozenset({"PROCESS"}),
    "signal_backend": frozenset({"SUPER", "CONNECTION ADMIN", "CONNECTION_ADMIN"}),
}
_PRIVILEGE: Final = re.compile(r"\s*(?:\([^)]*\))?\s*(?:,|\Z)\s*")


class _Failed(Exception):
    """A step found what is wrong."""


class InstanceTest:
    """One test of one instance. Use once."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._steps: list[TestStep] = []
        self._link: Link | None = None
        self._refused: TargetUnavailable | None = None
        self._flavour: str | None = None
        self._version: str | None = None
        self._identity: str | None = None
        self._privileges: tuple[str, ...] = ()
        self._ledger: LedgerProtection = "unknown"

    async def run(self) -> InstanceReport:
        """Take the steps in order; the first that fails is the last."""
        steps: dict[str, Callable[[], Awaitable[str]]] = {
            "dns": self._dns,
            "tcp": self._tcp,
            "tls": self._tls,
            "login": self._login,
            "version": self._check_version,
            "privileges": self._check_privileges,
        }
        try:
            for name, step in steps.items():
                if not await self._take(name, step):
                    break
        finally:
            if self._link is not None:
                self._link.connection.close()
        passed = {step.name for step in self._steps if step.ok}
        return InstanceReport(
            reachable="tcp" in passed,
            authenticated="login" in passed,
            version=self._version,
            flavour=self._flavour,
            privileges=self._privileges,
            ledger=self._ledger,
            identity=self._identity,
            steps=tuple(self._steps),
        )

    async def _take(self, name: str, step: Callable[[], Awaitable[str]]) -> bool:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._target.connect_timeout + 1):  # connecting has a time of its own
                detail, ok = await step(), True
        except TimeoutError:
            detail, ok = f"No answer within {self._target.connect_timeout:g} s.", False
        except _Failed as error:
            detail, ok = str(error), False
        except TargetUnavailable as error:
            detail, ok = error.message, False
        except BROKEN as error:
            detail, ok = message_of(error), False
        self._steps.append(TestStep(name, ok, detail, round((time.monotonic() - started) * 1000, 1)))
        return ok

    async def _dns(self) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise _Failed(f"The name {self._target.host!r} cannot be resolved: {error}") from error
        return ", ".join(sorted({str(address[4][0]) for address in found}))

    async def _tcp(self) -> str:
        _, writer = await asyncio.open_connection(self._target.host, self._target.port)
        writer.close()
        return f"Port {self._target.port} answers."

    async def _tls(self) -> str:
        """The protocol negotiates TLS on the way to the login, so this step goes as far and keeps what it got."""
        try:
            self._link = await open_link(self._target)
        except TargetUnavailable as error:
            if error.failure.code in _TLS_ERRORS:
                raise
            if error.failure.code == "target_unreachable":
                raise _Failed(f"The port answers, but not like MySQL: {error.message}") from error
            self._refused = error
            return "The server went on to the login."
        if self._target.tls == "disable":
            return "Not used: everything, the password too, is readable on the way."
        if not self._link.connection.encrypted:
            return "The server offers none; going on in clear text, as `prefer` allows."
        if self._target.tls == "verify-full":
            return "Encrypted, and the certificate is valid for this name."
        return "Encrypted; the certificate is not checked."

    async def _login(self) -> str:
        if self._refused is not None:
            raise self._refused
        return f"Signed in as {await self._ours.connection.value('SELECT CURRENT_USER()')}."

    async def _check_version(self) -> str:
        link = self._ours
        self._flavour, self._version = link.flavour, link.version_text
        name = _NAMES[link.flavour]
        if link.version < _OLDEST[link.flavour]:
            oldest = ".".join(map(str, _OLDEST[link.flavour]))
            raise _Failed(f"{name} {self._version} is too old; {oldest} and later are supported.")
        await self._refuse_clusters()
        if link.flavour == "mysql":
            self._identity = await link.connection.value("SELECT @@server_uuid")
            return f"{name} {self._version}. MySQL is experimental: MariaDB is what this engine is tested on."
        return f"{name} {self._version}."

    async def _refuse_clusters(self) -> None:
        """GET_LOCK is per node: where several nodes take writes, nothing keeps two attempts apart."""
        connection = self._ours.connection
        if await connection.fetch("SHOW GLOBAL VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'"):
            raise _Failed("This is a node of a Galera cluster, whose locks do not reach the other nodes.")
        if self._ours.flavour == "mysql" and await connection.fetch(
            "SELECT 1 FROM performance_schema.replication_group_members WHERE MEMBER_STATE = 'ONLINE'"
        ):
            raise _Failed("This is a member of Group Replication, whose locks do not reach the other members.")
        # A proxy answers CONNECTION_ID() itself, or passes our statements to another session.
        pids = {int(await connection.value("SELECT CONNECTION_ID() + 0")) for _ in range(2)}
        if pids != {self._ours.pid} or self._ours.pid & 0xFFFFFFFF != connection.thread_id():
            raise _Failed("A proxy is in front of the server; connect to the server itself.")

    async def _check_privileges(self) -> str:
        connection = self._ours.connection
        held = parse_grants([row[0] for row in await connection.fetch("SHOW GRANTS")])
        everywhere = {privilege for privileges, level in held if level == "*.*" for privilege in privileges}
        labels = [label for label, any_of in _LABELS.items() if everywhere & (any_of | {"ALL PRIVILEGES"})]
        if "ALL PRIVILEGES" in everywhere:
            labels.insert(0, "superuser")
        here = {"*.*", f"{self._target.database}.*"}
        if any(level in here and privileges & {"CREATE", "ALL PRIVILEGES"} for privileges, level in held):
            labels.append("create_in_database")
        if await connection.value("SELECT @@GLOBAL.read_only"):
            labels.append("read_only")
        self._privileges = tuple(labels)
        self._ledger = ledger.protection(held, exists=self._ours.has_ledger)
        return f"{', '.join(labels) or 'none beyond signing in'}; ledger {self._ledger}."

    @property
    def _ours(self) -> Link:
        assert self._link is not None  # the steps before opened it
        return self._link


def parse_grants(lines: list[str]) -> list[tuple[frozenset[str], str]]:
    """Privileges and the level they hold on, as in ``*.*`` or ``shop.*``, from what SHOW GRANTS answers."""
    found = []
    for line in lines:
        if grant := _GRANT.match(line):
            privileges = frozenset(p.strip() for p in _PRIVILEGE.split(grant["privileges"]) if p.strip())
            level = grant["level"].replace("`", "").replace("\\_", "_")
            found.append((privileges, level))
    return found
