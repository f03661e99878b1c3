"""Tests an instance in small steps, so that a person sees which one fails: name, port, TLS, login, version, rights."""

from __future__ import annotations

from typing import Final

from penstock.engines.base import Support, Target, TargetUnavailable
from penstock.engines.instance_steps import InstanceSteps, StepFailed
from penstock.engines.mysql import ledger
from penstock.engines.mysql.codes import DENIED
from penstock.engines.mysql.connect import NAMES, Link, check_flavour, open_link
from penstock.engines.mysql.driver import BROKEN, code_of, message_of
from penstock.engines.mysql.privileges import ALL, Grant, levels, parse_grants
from penstock.engines.mysql.scratch import PREFIX

SUPPORT: Final[dict[str, Support]] = {"mariadb": "supported", "mysql": "experimental"}
_OLDEST: Final = {"mariadb": (10, 6), "mysql": (8, 0)}
_TLS_ERRORS: Final = ("tls_failed", "2026")
_LABELS: Final = {
    "createdb": frozenset({"CREATE"}),
    "createrole": frozenset({"CREATE USER"}),
    "read_all_stats": frozenset({"PROCESS"}),
    "signal_backend": frozenset({"SUPER", "CONNECTION ADMIN", "CONNECTION_ADMIN"}),
}
# What every change does to the ledger's tables, without a row to do it to.
_PROBES: Final = (
    "INSERT INTO penstock.ledger SELECT * FROM penstock.ledger WHERE FALSE",
    "INSERT INTO penstock.journal SELECT * FROM penstock.journal WHERE FALSE",
    "UPDATE penstock.journal SET run = '' WHERE FALSE",
    "INSERT INTO penstock.holder SELECT * FROM penstock.holder WHERE FALSE",
    "UPDATE penstock.holder SET since = NULL WHERE FALSE",
    "INSERT INTO penstock.definition SELECT * FROM penstock.definition WHERE FALSE",
    "DELETE FROM penstock.definition WHERE FALSE",
)
_NO_SCRATCH: Final = (
    "This login may not create the databases penstock_scratch_…, in which it is worked out what a definition becomes:"
    " a definition that a crash interrupts is then undecidable, and a person has to look."
)
_HOW_TO_GRANT: Final = "Let an owner run the SQL that `penstock instance grants --engine {} {}` prints."


class InstanceTest(InstanceSteps):
    """One test of one instance. Use once."""

    broken = BROKEN

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._link: Link | None = None
        self._refused: TargetUnavailable | None = None

    def _support(self) -> Support | None:
        return SUPPORT[self._flavour] if self._flavour else None

    def _words(self, error: BaseException) -> str:
        return message_of(error)

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.connection.close()

    async def _tls(self) -> str:
        """The protocol negotiates TLS on the way to the login, so this step goes as far and keeps what it got."""
        try:
            self._link = await open_link(self._target)
        except TargetUnavailable as error:
            if error.failure.code in _TLS_ERRORS:
                raise
            if error.failure.code == "target_unreachable":
                raise StepFailed(f"The port answers, but not like MySQL: {error.message}") from error
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
        name = NAMES[link.flavour]
        check_flavour(self._target, link)
        if link.version < _OLDEST[link.flavour]:
            oldest = ".".join(map(str, _OLDEST[link.flavour]))
            raise StepFailed(f"{name} {self._version} is too old; {oldest} and later are supported.")
        await self._refuse_clusters()
        if link.flavour == "mysql":
            self._identity = await link.connection.value("SELECT @@server_uuid")
            return f"{name} {self._version}. MySQL is experimental: MariaDB is what this engine is tested on."
        return f"{name} {self._version}."

    async def _refuse_clusters(self) -> None:
        """GET_LOCK is per node: where several nodes take writes, nothing keeps two attempts apart."""
        connection = self._ours.connection
        if await connection.fetch("SHOW GLOBAL VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'"):
            raise StepFailed("This is a node of a Galera cluster, whose locks do not reach the other nodes.")
        if self._ours.flavour == "mysql" and await connection.fetch(
            "SELECT 1 FROM performance_schema.replication_group_members WHERE MEMBER_STATE = 'ONLINE'"
        ):
            raise StepFailed("This is a member of Group Replication, whose locks do not reach the other members.")
        # A proxy answers CONNECTION_ID() itself, or passes our statements to another session.
        pids = {int(await connection.value("SELECT CONNECTION_ID() + 0")) for _ in range(2)}
        if pids != {self._ours.pid} or self._ours.pid & 0xFFFFFFFF != connection.thread_id():
            raise StepFailed("A proxy is in front of the server; connect to the server itself.")

    async def _check_privileges(self) -> str:
        connection = self._ours.connection
        held = parse_grants([row[0] for row in await connection.fetch("SHOW GRANTS")])
        everywhere = {privilege for grant in held if grant.database == "*" for privilege in grant.privileges}
        labels = [label for label, any_of in _LABELS.items() if everywhere & (any_of | {ALL})]
        if ALL in everywhere:
            labels.insert(0, "superuser")
        if _may_create_in(self._target.database or "", held):
            labels.append("create_in_database")
        if may_rehearse(held):
            labels.append("scratch")
        if await connection.value("SELECT @@GLOBAL.read_only"):
            labels.append("read_only")
        self._privileges = tuple(labels)
        self._ledger = ledger.protection(levels(held, "penstock"), exists=self._ours.has_ledger)
        if "read_only" not in labels:
            await self._check_ledger(held)
        without = "" if "scratch" in labels else f" {_NO_SCRATCH}"
        return f"{', '.join(labels) or 'none beyond signing in'}; ledger {self._ledger}.{without}"

    async def _check_ledger(self, held: list[Grant]) -> None:
        """Without its rows in the ledger no change can be applied, so this is found out before the first one."""
        how = _HOW_TO_GRANT.format(self._target.engine, self._target.username)
        if not self._ours.has_ledger:
            if not _may_create_in("penstock", held):
                raise StepFailed(f"This login sees no ledger and may not create the database penstock. {how}")
            return
        for probe in _PROBES:
            try:
                await self._ours.connection.run(probe)
            except BROKEN as error:
                if code_of(error) not in DENIED:
                    raise
                raise StepFailed(f"This login may not write into the ledger: {message_of(error)}. {how}") from error

    @property
    def _ours(self) -> Link:
        assert self._link is not None  # the steps before opened it
        return self._link


def may_rehearse(held: list[Grant]) -> bool:
    """Whether a login with these grants may make scratch databases and work in them."""
    example = PREFIX + "0" * 16
    here = [grant for grant in held if grant.table == "*" and grant.reaches(example)]
    return all(any(grant.gives(privilege) for grant in here) for privilege in ledger.SCRATCH_PRIVILEGES)


def _may_create_in(database: str, held: list[Grant]) -> bool:
    return any(grant.table == "*" and grant.gives("CREATE") and grant.reaches(database) for grant in held)
