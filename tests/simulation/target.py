"""A PostgreSQL server in memory, as far as the engine asks it anything: sessions, the lock, transactions, the ledger.

It goes on with what it was told after whoever told it has died, as the real one does.  Each script inserts rows into a
table without any key; those are the effects that are counted.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from penstock.engines.postgres import activity, connect, journal, ledger, line
from penstock.engines.postgres.connect import STAMP

if TYPE_CHECKING:
    from tests.simulation.world import World

Key = tuple[str, str]
Reply = Callable[[Any], None]
EFFECT: Final = "INSERT INTO effect"
LEDGER_COLUMNS: Final = (
    *("project", "version", "name", "change_digest", "release_digest", "deployment"),
    *("statement_count", "run", "actor", "applied_at"),
)
EPOCH: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
IDLE_SECONDS: Final = 8.0  # instead of a minute: idle_in_transaction_session_timeout


class Row(tuple[Any, ...]):
    """As the driver's records: values in order, and by name."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, **values: Any) -> Row:
        """A row of these columns."""
        row = cls(values.values())
        row.names = tuple(values)
        return row

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)


@dataclass
class Transaction:
    """What a session has done and not committed."""

    xid: int
    rows: dict[Key, Row] = field(default_factory=dict)
    effects: list[tuple[str, str]] = field(default_factory=list)
    failed: bool = False
    works: bool = False  # it has done anything about a change


class Base:
    """One database."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ledger: dict[Key, Row] = {}
        self.effects: Counter[tuple[str, str]] = Counter()
        self.holder: Session | None = None
        self.sessions: dict[int, Session] = {}


@dataclass(frozen=True)
class Message:
    """One message of a client."""

    text: str
    args: tuple[Any, ...]
    reply: Reply


class Server:
    """One instance.

    Args:
        notices_death: it looks for dead clients in the midst of statements (``client_connection_check_interval``).
    """

    def __init__(self, world: World, *, notices_death: bool) -> None:
        self.world = world
        self.notices_death = notices_death
        self.bases: dict[str, Base] = {}
        self.up = True
        self.numbers = itertools.count(100)

    def base(self, name: str) -> Base:
        """A database, which is made when it is first asked for."""
        return self.bases.setdefault(name, Base(name))

    def free_pid(self) -> int:
        """A process id, which others may have had before."""
        used = {pid for base in self.bases.values() for pid in base.sessions}
        return self.world.chance.choice([pid for pid in range(100, 200) if pid not in used][:20])

    def restart(self, seconds: float) -> None:
        """Crash, and come back in a while: what is not committed is gone."""
        self.up = False
        self.world.trace("target", "crashes for {:.1f} s", seconds)
        for base in self.bases.values():
            for session in list(base.sessions.values()):
                session.end(asyncpg.exceptions.CrashShutdownError("the server crashed"))
        self.world.timeline.after(seconds, self._come_back)

    def _come_back(self) -> None:
        self.up = True
        self.world.trace("target", "is back")


class Session:
    """One server process.

    Args:
        name: its application name.
        owner: the machine at the other end.
        hang_up: called when it ends.
    """

    def __init__(self, server: Server, base: Base, name: str, owner: str, hang_up: Callable[[], None]) -> None:
        self.server, self.base, self.name, self.owner = server, base, name, owner
        self.world = server.world
        self.pid = server.free_pid()
        self.locked_at = self.world.timeline.now
        self.started_at = EPOCH + dt.timedelta(seconds=self.world.timeline.now)
        self.transaction: Transaction | None = None
        self.ended = False
        self.client_gone = False
        self.waits_for: Session | None = None
        self._inbox: deque[Message] = deque()
        self._current: Message | None = None
        self._canceled = False
        self._epoch = 0
        self._hang_up = hang_up
        base.sessions[self.pid] = self

    @property
    def active(self) -> bool:
        """A statement is under way."""
        return self._current is not None

    @property
    def doing(self) -> str:
        """The statement that is under way."""
        return self._current.text if self._current is not None else ""

    def receive(self, message: Message) -> None:
        """A message has arrived."""
        if self.ended:
            return
        self._inbox.append(message)
        self._next()

    def lose_client(self) -> None:
        """The client's FIN has arrived, behind all that it sent."""
        if self.ended or self.client_gone:
            return
        self.client_gone = True
        if self._current is None:
            self.end()
        elif self.server.notices_death and self._current.text != "COMMIT":
            self.world.timeline.after(2 * self.world.chance.random(), self.end)

    def cancel(self) -> None:
        """What pg_cancel_backend does: a statement ends with an error, a COMMIT that is being written does not."""
        if self._current is None or self.ended:
            return
        if self._current.text in ("COMMIT", "ROLLBACK"):
            return
        self._canceled = True
        self._finish(self._current, self._epoch)

    def end(self, error: Exception | None = None) -> None:
        """The session ends, and with it its transaction and its lock."""
        if self.ended:
            return
        if self._current is not None and self._current.text == "COMMIT" and self.world.chance.random() < 0.5:
            self._commit()  # it had been written; nobody will be told
        self.ended = True
        self._roll_back()
        del self.base.sessions[self.pid]
        message, self._current = self._current, None
        self.world.trace("target", "{} pid {} ends", self.base.name, self.pid)
        if message is not None and error is not None:
            message.reply(error)
        self._hang_up()

    def _next(self) -> None:
        if self._current is not None or self.ended:
            return
        if not self._inbox:
            if self.client_gone:
                self.end()
            elif self.transaction is not None:
                self.world.timeline.after(IDLE_SECONDS, self._idle, self._epoch)
            return
        message = self._current = self._inbox.popleft()
        self._epoch += 1
        self._canceled = False
        self.world.timeline.after(self.world.begins(self), self._finish, message, self._epoch)

    def _idle(self, epoch: int) -> None:
        if not self.ended and self._current is None and epoch == self._epoch:
            self.end()

    def _finish(self, message: Message, epoch: int) -> None:
        if self.ended or message is not self._current or epoch != self._epoch:
            return
        if self._canceled:
            answer: Any = self._error(asyncpg.exceptions.QueryCanceledError("canceling statement due to user request"))
        else:
            answer = self._execute(message)
            if answer is _WAIT:
                return
        self._current = self.waits_for = None
        message.reply(answer)
        self._next()

    def _go_on(self) -> None:
        """Whoever this session waited for has ended its transaction."""
        if self.waits_for is not None and self._current is not None:
            self.waits_for = None
            self._finish(self._current, self._epoch)

    def _error(self, error: asyncpg.PostgresError) -> asyncpg.PostgresError:
        if self.transaction is not None:
            self.transaction.failed = True
        return error

    # What the engine says, and what it means.

    def _execute(self, message: Message) -> Any:
        """Answers rows or a command tag, an error, or that it has to wait."""
        text = message.text
        if text == "COMMIT":
            return self._commit()
        if text == "ROLLBACK":
            self._roll_back()
            return "ROLLBACK"
        if text.startswith(EFFECT):
            return self._effect(text)
        if text.startswith("BEGIN "):
            self._roll_back()
            self.transaction = Transaction(next(self.server.numbers))
            if text.endswith(activity.TRY_LOCK):
                return self._try_lock()
            return "BEGIN"
        if self.transaction is not None and self.transaction.failed:
            return asyncpg.exceptions.InFailedSQLTransactionError("current transaction is aborted")
        handler = _HANDLERS.get(text)
        if handler is not None:
            return handler(self, message.args)
        if "pg_current_xact_id()" in text:
            return self._proof(text)
        raise AssertionError(f"the simulated server does not know this: {text}")

    def _try_lock(self) -> str:
        if self.base.holder is None:
            self.base.holder = self
            self.locked_at = self.world.timeline.now
            self.world.trace("target", "{} pid {} ({}) has the lock", self.base.name, self.pid, self.name)
        return "SELECT 1" if self.base.holder is self else "SELECT 0"

    def _hello(self, _: Any) -> list[Row]:
        return [
            Row.of(
                pid=self.pid,
                backend_start=self.started_at,
                has_ledger=True,
                stamp=STAMP,
                login="app",
                path="public",
            )
        ]

    def _insert(self, args: Any) -> Any:
        assert self.transaction is not None
        key = (args[0], args[1])
        for other in self.base.sessions.values():
            if other is not self and other.transaction is not None and key in other.transaction.rows:
                self.waits_for = other  # the key is a lock, too
                return _WAIT
        if key in self.base.ledger or key in self.transaction.rows:
            return []
        self._work()
        at = EPOCH + dt.timedelta(seconds=self.world.timeline.now)
        self.transaction.rows[key] = Row.of(**dict(zip(LEDGER_COLUMNS, (*args, at), strict=True)))
        return [Row.of(applied_at=at, xid=str(self.transaction.xid))]

    def _insert_unless_unfamiliar(self, args: Any) -> Any:
        *values, pid = args
        return self._insert(values) if pid == self.pid else []

    def _read_row(self, args: Any) -> list[Row]:
        rows = self.base.ledger | (self.transaction.rows if self.transaction else {})
        return [row for key, row in rows.items() if key == (args[0], args[1])]

    def _read(self, args: Any) -> list[Row]:
        return [row for (project, _), row in self.base.ledger.items() if project == args[0]]

    def _proof(self, text: str) -> Any:
        assert self.transaction is not None
        if f"'{self.transaction.xid}'" not in text:
            return self._error(asyncpg.exceptions.DivisionByZeroError("division by zero"))
        found = any(f"E'{version}'" in text for _, version in self.transaction.rows)
        return "SELECT 1" if found else "SELECT 0"

    def _effect(self, text: str) -> Any:
        if self.transaction is not None and self.transaction.failed:
            return asyncpg.exceptions.InFailedSQLTransactionError("current transaction is aborted")
        version, part = text.split("'")[1].split(".")
        self._work()
        self.world.laws.ran(self, version, part, text)
        if error := self.world.faults.statement_error():
            return self._error(error)
        if self.transaction is None:
            self._apply(Transaction(0, effects=[(version, part)]))
        else:
            self.transaction.effects.append((version, part))
        return "INSERT 0 1"

    def _work(self) -> None:
        if self.transaction is not None:
            self.transaction.works = True
        self.world.laws.works(self)

    def _commit(self) -> str:
        transaction, self.transaction = self.transaction, None
        if transaction is None or transaction.failed:
            self._release()
            return "ROLLBACK" if transaction else "COMMIT"
        self._apply(transaction)
        self._release()
        return "COMMIT"

    def _apply(self, transaction: Transaction) -> None:
        for (project, version), row in transaction.rows.items():
            self.base.ledger[project, version] = row
            zombie = ""
            if self.client_gone:
                zombie = " after its client's death"
                self.world.count("zombie commits")
            self.world.trace("target", "{} pid {} commits {}{}", self.base.name, self.pid, version, zombie)
        for effect in transaction.effects:
            self.base.effects[effect] += 1
        self.world.laws.committed(self, transaction)

    def _roll_back(self) -> None:
        if self.transaction is not None:
            if self.transaction.effects:
                self.world.trace("target", "{} pid {} rolls back", self.base.name, self.pid)
            self.transaction = None
        self._release()

    def _release(self) -> None:
        if self.base.holder is self:
            self.base.holder = None
        for other in list(self.base.sessions.values()):
            if other.waits_for is self:
                self.world.timeline.after(0.0, other._go_on)

    def _named(self, pid: int, started_at: dt.datetime) -> Session | None:
        session = self.base.sessions.get(pid)
        return session if session is not None and session.started_at == started_at else None

    def _shown(self) -> Row:
        return Row.of(
            pid=self.pid,
            usename="app",
            datname=self.base.name,
            application_name=self.name,
            client=None,
            state="active" if self.active else "idle in transaction" if self.transaction else "idle",
            backend_start=self.started_at,
            xact_start=None,
            query="",
            blocked_by=[self.waits_for.pid] if self.waits_for else [],
            waits_for=None,
        )

    def _holders(self, _: Any) -> list[Row]:
        return [self.base.holder._shown()] if self.base.holder is not None else []

    def _blockers(self, args: Any) -> list[Row]:
        session = self.base.sessions.get(args[0])
        return [session.waits_for._shown()] if session is not None and session.waits_for is not None else []

    def _state(self, args: Any) -> list[Row]:
        session = self._named(*args)
        return [Row.of(state="active" if session.active else "idle")] if session is not None else []

    def _started(self, args: Any) -> list[Row]:
        session, before = self.base.sessions.get(args[0]), self.world.timeline.now - args[1]
        if session is None or session.started_at > EPOCH + dt.timedelta(seconds=before):
            return []
        return [Row.of(backend_start=session.started_at)]

    def _cancel(self, args: Any) -> list[Row]:
        session = self._named(*args)
        if session is not None:
            session.cancel()
        return [Row.of(done=session is not None)] if session is not None else []

    def _terminate(self, args: Any) -> list[Row]:
        session = self._named(*args)
        if session is not None:
            self.world.count("session taken over")
            self.world.trace("target", "{} pid {} is ended by pid {}", self.base.name, session.pid, self.pid)
            session.end(asyncpg.exceptions.AdminShutdownError("terminating connection due to administrator command"))
        return [Row.of(done=True)] if session is not None else []

    def _nothing(self, _: Any) -> str:
        return "OK"

    def _no_rows(self, _: Any) -> list[Row]:
        return []


_WAIT: Final = object()
_HANDLERS: Final[dict[str, Callable[[Session, Any], Any]]] = {
    connect._HELLO: Session._hello,
    ledger._INSERT_ANYHOW: Session._insert,
    ledger._INSERT_UNLESS_JOURNALED: Session._insert,
    ledger._INSERT_UNLESS_UNFAMILIAR: Session._insert_unless_unfamiliar,
    ledger._READ: Session._read,
    ledger._READ + " AND version = $2": Session._read_row,
    journal._READ: Session._no_rows,
    activity._HOLDERS: Session._holders,
    activity._BLOCKERS: Session._blockers,
    activity._STARTED: Session._started,
    activity._STATE: Session._state,
    activity._CANCEL: Session._cancel,
    activity._TERMINATE: Session._terminate,
    line._UNLOCK: Session._nothing,
    "DISCARD ALL": Session._nothing,
}
