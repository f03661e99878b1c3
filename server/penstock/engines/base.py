"""What the runner and the services may ask of a target database, whatever its engine: the protocol and its
data.

Everything that is said to a target is said behind this protocol. Leases, permits, logs and metadata are not
known here: an engine reaches them only through the `RunPort` that the runner hands in.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from penstock.domain.errors import PenstockError, Unavailable
from penstock.domain.pipeline.creation import NewDatabase
from penstock.domain.pipeline.query import Answer
from penstock.schema.model import DatabaseSchema
from penstock.sql.statement import Statement

EngineName = Literal["postgres", "mysql", "mariadb"]
TlsMode = Literal["disable", "prefer", "require", "verify-full"]
Support = Literal["supported", "experimental"]
LedgerProtection = Literal["protected", "writable", "absent", "unknown"]
ApplyState = Literal["applied", "already_applied", "failed", "unknown", "canceled", "not_run"]
FailureKind = Literal[
    "statement", "check", "timeout", "version_conflict", "infrastructure", "tampered", "outcome_unknown"
]
FailureClass = Literal["failed", "error"]
Retry = Literal["no", "transaction", "connect", "proof"]
Proof = Literal["applied", "not_applied", "conflict", "unknown"]
LogLevel = Literal["debug", "info", "notice", "warning", "error"]

# Design 2.2: what the change did wrong is FAILED, what happened to the change is ERROR.
FAILURE_CLASS: Final[Mapping[FailureKind, FailureClass]] = {
    "statement": "failed",
    "check": "failed",
    "timeout": "failed",
    "version_conflict": "failed",
    "infrastructure": "error",
    "tampered": "error",
    "outcome_unknown": "error",
}

DEFAULT_APPLICATION_NAME: Final = "penstock"


class LeaseLost(PenstockError):
    """This runner no longer holds the task's lease or permit: it must stop without a word."""

    code = "lease_lost"
    status = 409


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can promise; callers branch on these flags, never on an engine's name.

    Args:
        transactional_ddl: one change is one transaction with its ledger row.
        ledger_scope: whether each database has a ledger of its own or one serves the whole server.
        server_identity: the server has an id of its own that survives a move (PostgreSQL's
            ``system_identifier``).
        journal: changes with non-transactional statements can run in journaled steps.
        takeover: a session of an older attempt can be found by its name and ended.
        blockers: the server can say which session another one waits for.
        support: ``experimental`` until the conformance suite has run on servers of that kind.
    """

    transactional_ddl: bool
    ledger_scope: Literal["database", "server"]
    server_identity: bool
    journal: bool
    takeover: bool
    blockers: bool
    support: Support


@dataclass(frozen=True, slots=True)
class Target:
    """One database (or, with ``database=None``, one instance) and how to sign in to it.

    Args:
        connect_timeout: seconds for one attempt to connect, from DNS to a finished login.
        application_name: what the server shows for our sessions; see `application_name`.
        maintenance_database: what leads to the instance as a whole, where a server cannot be entered but through a
            database.
        tls_ca: path of a PEM file with the authorities that ``verify-full`` trusts, else the system's.
    """

    engine: EngineName
    host: str
    port: int
    username: str
    password: str | None = field(default=None, repr=False)
    tls: TlsMode = "prefer"
    database: str | None = None
    application_name: str = DEFAULT_APPLICATION_NAME
    connect_timeout: float = 10.0
    maintenance_database: str = "postgres"
    tls_ca: str | None = None


@dataclass(frozen=True, slots=True)
class TestStep:
    """One step of an instance test: ``dns``, ``tcp``, ``tls``, ``login``, ``version`` or ``privileges``."""

    __test__ = False  # not a test case, whatever its name looks like to a test runner

    name: str
    ok: bool
    detail: str
    ms: float


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """What a test of an instance found; the first step that is not ok is the last one.

    Args:
        version: as the server spells it, for example ``15.20``; None when it was not reached.
        flavour: ``postgresql``, ``mariadb`` or ``mysql``.
        support: how far servers of that flavour are supported; None when it was not learned.
        privileges: stable labels such as ``superuser``, ``createdb``, ``create_in_database``,
            ``read_all_stats``.
        identity: the server's own id, which approvals cover; None where the server has none or does not tell.
    """

    reachable: bool
    authenticated: bool
    version: str | None = None
    flavour: str | None = None
    support: Support | None = None
    privileges: Sequence[str] = ()
    ledger: LedgerProtection = "unknown"
    identity: str | None = None
    steps: Sequence[TestStep] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """One session on the target server, as a person needs to see it.

    Args:
        started_at: with ``pid`` it names the session for good, since servers use pids again.
        waits_for: what it waits for, for example ``Lock: relation shop.orders (AccessExclusiveLock)``; None
            when it runs.
        blocked_by: pids of the sessions that it waits for.
        query: the beginning of its current or last statement.
    """

    pid: int
    username: str | None
    database: str | None
    application_name: str
    client: str | None
    state: str | None
    started_at: datetime | None
    transaction_started_at: datetime | None
    waits_for: str | None
    blocked_by: Sequence[int]
    query: str


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that a session holds or wants.

    Args:
        kind: ``penstock`` for ours on the database, else the server's word, for example ``relation`` or ``metadata``.
        granted: it has it; otherwise it waits for it.
    """

    kind: str
    object: str | None
    mode: str | None
    granted: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """A session that has to do with what a task waits for.

    Args:
        role: ``own``: the task's; ``holder``: has our lock on the database; ``blocker``: some of these wait for it.
        certain: False when the server does not tell who holds a lock, and this session might.
    """

    session: Session
    role: Literal["own", "holder", "blocker"]
    certain: bool = True
    locks: Sequence[Lock] = ()


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table as the server's catalog and statistics have it.

    Args:
        rows: an estimate; None when the server has none.
        bytes: on disk, with indexes and partitions.
        kind: what stores it: ``InnoDB``, ``Aria`` …; on PostgreSQL the kind of relation.
        transactional: what is written to it is taken back by ROLLBACK, and by a crash.
    """

    rows: int | None
    bytes: int
    kind: str
    transactional: bool


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the ledger: this change is in this database."""

    project: str
    version: str
    name: str
    change_digest: str
    release_digest: str
    deployment: str
    statement_count: int
    run: str
    actor: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change that another tool calls applied; see `penstock.engines.history`.

    Args:
        digest: ``sha256:<hex>`` of its bytes, where the tool kept them.
        checksum: the tool's own, as it spells it.
        upto: everything before it counts as applied, too.
        alias: a shorter name of the version.
    """

    tool: str
    version: str
    name: str
    digest: str | None = None
    checksum: str | None = None
    at: datetime | None = None
    upto: bool = False
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """One change to apply once.

    Args:
        deployment: id of this installation of Penstock, the same in every process.
        statement: the change's bytes as approved; verified against ``change_digest`` before anything is sent.
        change_digest: ``sha256:<hex>`` of ``statement``.
        run_id: public id of the task run, written into the ledger.
        task_id, attempt: name the session on the server, so that a later attempt can take over from an older
            one.
        lock_timeout: seconds that one statement may wait for a lock before the transaction is tried again.
        verify: queries that must hold after the change, before it commits: no rows, or one row with one true
            value.
    """

    deployment: str
    project: str
    version: str
    name: str
    statement: bytes = field(repr=False)
    change_digest: str
    release_digest: str
    run_id: str
    task_id: int
    attempt: int
    actor: str
    lock_timeout: float = 2.0
    verify: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a change is not applied, or not known to be.

    Args:
        code: the server's SQLSTATE or error number, or one of ours such as ``version_conflict``,
            ``transaction_control``.
        retry: design 4.3's class: ``transaction`` and ``connect`` may be tried again from the start,
            ``proof`` only after the target's lock and ledger have been read.
        statement_index: 0-based, into the change's statements.
        line, column: 1-based position in the change's text, column in characters.
        data: more that is known, as plain JSON, for whoever has to settle it, or the first rows of a query that found
            what it should not; never secrets.
    """

    kind: FailureKind
    code: str
    message: str
    retry: Retry = "no"
    statement_index: int | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None
    detail: str | None = None
    data: Mapping[str, Any] | None = None

    @property
    def failure_class(self) -> FailureClass:
        """FAILED or ERROR, as a pipeline counts it."""
        return FAILURE_CLASS[self.kind]


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """How one change ended, and how we know.

    Args:
        state: ``applied`` and ``already_applied`` were read from the target; ``failed`` and ``canceled`` leave
            nothing behind where ``transactional_ddl`` holds, else the statements that the journal calls done;
            ``unknown`` means that the proof could not be read, so it must be, before anything else is said, or,
            with retry ``no``, that there is none and a person must settle it.
        sent: whether any of the change's own SQL reached the server in this call.
        xid: the transaction's id on the server, if it had one.
        statements_run: statements that the server finished, in the last try.
        tries: how often the transaction was begun.
        duration: seconds, waiting for locks included.
        ledger: the row that proves ``applied`` and ``already_applied``, or that stands against a
            ``version_conflict``.
        kept: statements, from the first on, that stay in the database although the change is not applied.
    """

    state: ApplyState
    failure: Failure | None = None
    sent: bool = False
    xid: str | None = None
    statements_run: int = 0
    statements_total: int = 0
    tries: int = 0
    duration: float = 0.0
    ledger: LedgerRow | None = None
    kept: int = 0


@dataclass(frozen=True, slots=True)
class QueryResult:
    """How a query ended.

    Args:
        state: ``failed`` comes with a failure; its retry ``connect`` or ``transaction`` says that it may be asked
            again.
    """

    state: Literal["answered", "failed", "canceled"]
    answer: Answer | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class TrialFailure:
    """Why scripts did not run through; ``script`` is the number of the one that failed, from 0."""

    script: int
    failure: Failure


class TargetUnavailable(Unavailable):
    """The target database cannot be reached, or does not let us in."""

    code = "target_unavailable"

    def __init__(self, failure: Failure, **extra: Any) -> None:
        self.failure = failure
        super().__init__(failure.message, **extra)


class RunPort(Protocol):
    """The runner's side of one task run. The engine calls it from the runner's event loop."""

    cancel_requested: asyncio.Event
    deadline: float  # on the clock of `time.monotonic`

    async def still_mine(self) -> None:
        """Ask the metadata database for lease and permit.

        Raises `LeaseLost`. After the lock, and before COMMIT.
        """

    def may_start_statement(self) -> None:
        """Compare clocks only. Raises `LeaseLost` when the lease may have run out."""

    def log(self, level: LogLevel, text: str, statement_index: int | None = None) -> None:
        """Add a line to the run's log. Cheap; never waits."""

    def progress(self, statement_index: int, total: int, rows: int | None) -> None:
        """Statement ``statement_index`` of ``total`` is done and touched ``rows`` rows."""

    def waiting_on(self, sessions: Sequence[Session]) -> None:
        """These sessions hold us up right now; an empty list when nobody does any more."""


class EngineSession(Protocol):
    """Work on one database over one connection, which is opened when first needed and again after it was
    lost."""

    async def apply(self, request: ApplyRequest, port: RunPort) -> ApplyResult:
        """Apply one change exactly once.

        Returns:
            how it ended: everything that the target or the network does is a result, not an exception.

        Raises:
            LeaseLost: from ``port``; the transaction has been rolled back.
        """

    async def read_ledger(self, project: str) -> dict[str, LedgerRow]:
        """The ledger's rows of one project by version; empty when there is no ledger. Raises
        `TargetUnavailable`."""

    async def record(self, request: ApplyRequest, *, wait: float = 60.0) -> LedgerRow:
        """Write the ledger row under the target's lock without running the change (settling, baseline).

        Returns:
            the row that is there now, which is an older one when the change was recorded before.

        Raises:
            TargetUnavailable: not reached, or the lock is not free after ``wait`` seconds.
        """

    async def disown(self, request: ApplyRequest, *, wait: float = 60.0) -> LedgerRow | None:
        """Under the target's lock, take back what the journal says of a change that a person settled as not applied.

        A step that was interrupted may run again.  When none was, nothing of the change counts as done any more.

        Returns:
            None, or the ledger's row: then the change is applied, whatever anybody says, and nothing was touched.

        Raises:
            TargetUnavailable: not reached, or the lock is not free after ``wait`` seconds.
        """

    async def proof(self, project: str, version: str, change_digest: str, *, wait: float = 60.0) -> Proof:
        """Take the lock, read the ledger, say what is true.

        ``unknown``: an attempt was lost in the midst of a statement of which nobody can tell whether it took effect.

        Raises `TargetUnavailable` when that was not possible.
        """


class Creation(Protocol):
    """The making of one database, by whoever holds the lock for it."""

    async def exists(self) -> bool:
        """Whether there is a database of that name, as far as this login sees. Raises `TargetUnavailable`."""

    async def create(self) -> None:
        """Make it.

        Raises:
            TargetUnavailable: with retry ``proof`` when nobody knows whether it was made; otherwise it was not.
        """


class Engine(Protocol):
    """One kind of database server."""

    name: EngineName
    capabilities: Capabilities

    async def test(self, target: Target) -> InstanceReport:
        """Try dns, tcp, tls, login, version and privileges in turn. Never raises for what the target does."""

    async def introspect(self, target: Target, *, parallel: int = 4) -> list[DatabaseSchema]:
        """Every database of the instance that we may connect to, in canonical form and order.

        Args:
            parallel: how many databases are read at once.

        Raises:
            TargetUnavailable: the instance cannot be read; a single database that refuses us is listed
                unreadable.
        """

    def session(self, target: Target) -> AbstractAsyncContextManager[EngineSession]:
        """A session on ``target.database``; connects when first needed, closes its connections at the end."""

    async def apply(self, target: Target, request: ApplyRequest, port: RunPort) -> ApplyResult:
        """`EngineSession.apply` in a session of its own."""

    async def proof(
        self, target: Target, project: str, version: str, change_digest: str, *, wait: float = 60.0
    ) -> Proof:
        """`EngineSession.proof` in a session of its own."""

    async def sessions(self, target: Target, application_name: str) -> list[Session]:
        """Sessions of that name, followed by the sessions that they wait for. Raises `TargetUnavailable`."""

    async def waits(self, target: Target, application_name: str) -> list[Wait]:
        """Sessions of that name, who holds our lock on the database, and whom they wait for, with their locks.

        Raises `TargetUnavailable`.
        """

    async def clock(self, target: Target) -> datetime:
        """The server's time. Raises `TargetUnavailable`."""

    async def history(self, target: Target) -> list[HistoryEntry]:
        """What history tables of other tools in ``target.database`` call applied; empty when there are none.

        Raises `TargetUnavailable`.
        """

    async def table_facts(self, target: Target, names: Sequence[str]) -> dict[str, TableFacts]:
        """What the catalog of ``target.database`` says of some tables: one query, without the lock of any.

        Args:
            names: as a classification spells them, with or without a schema (on MySQL and MariaDB: a database).

        Returns:
            by name, without those that are no table there.

        Raises `TargetUnavailable`, also when the answer takes more than a few seconds.
        """

    async def query(self, target: Target, statement: Statement, port: RunPort) -> QueryResult:
        """Ask one query in a transaction that may not write, and read the first rows of its answer.

        Raises:
            TargetUnavailable: not reached.
            LeaseLost: from ``port``.
        """

    def creation(
        self, target: Target, new: NewDatabase, port: RunPort, *, wait: bool = False
    ) -> AbstractAsyncContextManager[Creation]:
        """Connect to the instance and take the lock under which that database is made.

        The lock belongs to the connection that makes it, so an attempt that was lost holds it as long as it can still
        make the database.

        Args:
            wait: a cancel must not end the waiting: an earlier attempt may have made it, and somebody has to find out.

        Raises:
            TargetUnavailable: not reached, or the lock was not free before the run's time was over or it was canceled
                (code ``target_busy``).
        """

    async def create_database(self, target: Target, name: str) -> None:
        """Make an empty database. Raises `TargetUnavailable`, also when there is one of that name or we may not."""

    async def drop_database(self, target: Target, name: str) -> None:
        """Drop a database if it is there, whoever is connected to it. Raises `TargetUnavailable`."""

    async def try_scripts(
        self, target: Target, scripts: Sequence[Sequence[Statement]], seconds: float
    ) -> TrialFailure | None:
        """Run scripts one after the other in a database that nobody else uses, statement by statement.

        Args:
            seconds: for all of them together.

        Returns:
            the first failure, or None.

        Raises:
            TargetUnavailable: not reached.
        """

    async def cancel(self, target: Target, application_name: str) -> int:
        """Cancel the running statements of that name's sessions; returns how many. Raises
        `TargetUnavailable`."""

    def grants(self, login: str) -> str:
        """SQL that an owner runs in a database so that ``login`` gets a ledger that it can add to but not
        rewrite."""


def application_name(deployment: str, task_id: int, attempt: int) -> str:
    """The name of a task attempt's sessions: ``penstock:<deployment>:<task>:a<attempt>``, at most 63 bytes.

    The server cuts longer names silently, and takeover relies on the tail, so the deployment is shortened
    here.
    """
    tail = f":{task_id}:a{attempt}"
    room = 63 - len("penstock:") - len(tail)
    return "penstock:" + re.sub(r"[^A-Za-z0-9_.-]", "_", deployment)[:room] + tail
