"""Looks an installation over and says what to do: its own database, runners, clocks, instances, ledgers."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import sqlalchemy as sa

from penstock.domain.releases import known_as
from penstock.engines.base import Engine, EngineName, InstanceReport, Target, TargetUnavailable
from penstock.services.event_feed import AuditFeed
from penstock.services.secrets import SecretUnreadable
from penstock.services.targets import CredentialsMissing, Targets
from penstock.store import health
from penstock.store.database import Database
from penstock.store.rows import Record
from penstock.store.tables.records import deployment

T = TypeVar("T")
State = Literal["ok", "warning", "error"]

AT_ONCE: Final = 4
SECONDS: Final = 30.0  # for one question to a target
SKEW: Final = 2.0
LAG: Final = 30.0
SHOWN: Final = 10
_LEDGER: Final = "ledger of "
_SLOW: Final = f"It did not answer within {SECONDS:.0f} seconds."
_LATER: Final = "See whether the server is overloaded, then penstock doctor again."


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Args:
        name: what, for example ``runners`` or ``instance pg-main``.
        todo: what to do about it; None when all is well.
    """

    name: str
    state: State
    detail: str
    todo: str | None = None


class Doctor:
    """Looks only, changes nothing.

    Args:
        engine_for: the engines' registry.
        lease_seconds: of the runners.
    """

    def __init__(
        self,
        database: Database,
        targets: Targets | None,
        engine_for: Callable[[EngineName], Engine],
        *,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._targets = targets
        self._engine_for = engine_for
        self._lease_seconds = lease_seconds

    async def examine(self) -> list[Check]:
        """Everything, the most general first."""
        async with self._database.connect() as conn:
            now = await conn.scalar(sa.select(sa.func.clock_timestamp()))
            assert now is not None
            found = [_clock("clock", "the metadata database", now)]
            runners = await health.runners(conn)
            queue = await health.queue(conn, self._lease_seconds)
            found += _runners(runners, queue, self._lease_seconds)
            found.append(_unsettled(await health.unsettled(conn)))
            found += _lag(await health.lag(conn))
            places = await health.instances(conn)
            recorded = await health.recorded(conn)
            ours = str(await conn.scalar(sa.select(deployment.c.id)))
        audit = await AuditFeed(self._database).verify()
        todo = None if audit["ok"] else "Find out who has written to the table audit; compare with a backup."
        found.append(Check("audit", "ok" if audit["ok"] else "error", audit["message"], todo))
        return found + await self._instances(places, recorded, ours)

    async def ledgers(self) -> list[Check]:
        """The ledgers of all databases that we changed, and why those that cannot be read cannot."""
        async with self._database.connect() as conn:
            places = await health.instances(conn)
            recorded = await health.recorded(conn)
            ours = str(await conn.scalar(sa.select(deployment.c.id)))
        found = await self._instances(places, recorded, ours)
        return [check for check in found if check.name.startswith(_LEDGER) or check.state == "error"]

    async def _instances(self, places: Sequence[Record], recorded: Sequence[Record], ours: str) -> list[Check]:
        if self._targets is None:
            message = "There is no master key here, so stored passwords cannot be opened."
            todo = "Run this where penstock serve runs, with its data directory or PENSTOCK_MASTER_KEY."
            return [Check("master key", "error", message, todo)] if places else []
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(place: Record) -> list[Check]:
            async with limit:
                return await self._instance(place, [r for r in recorded if r["instance_id"] == place["id"]], ours)

        return [check for checks in await asyncio.gather(*map(one, places)) for check in checks]

    async def _instance(self, place: Record, recorded: Sequence[Record], ours: str) -> list[Check]:
        assert self._targets is not None
        name = f"instance {place['slug']}"
        engine = self._engine_for(place["engine"])
        try:
            async with self._database.connect() as conn:
                target = await self._targets.target_for(conn, place["id"])
            report = await _within(engine.test(target))
            found = [_reach(name, report)]
            if not report.authenticated:
                return found
            found.append(_clock(f"{name} clock", place["slug"], await _within(engine.clock(target))))
            for record in recorded:
                async with self._database.connect() as conn:
                    database = await self._targets.target_for(conn, place["id"], record["database"])
                found.append(await self._ledger(engine, database, place["slug"], record, ours))
            return found
        except (CredentialsMissing, SecretUnreadable, TargetUnavailable) as error:
            return [Check(name, "error", error.message, "Mend its settings, then penstock doctor again.")]
        except TimeoutError:
            return [Check(name, "error", _SLOW, _LATER)]

    async def _ledger(self, engine: Engine, target: Target, slug: str, record: Record, ours: str) -> Check:
        name = f"{_LEDGER}{slug}/{record['database']}, project {record['project']}"

        async def read() -> Check:
            async with engine.session(target) as session:
                rows = await session.read_ledger(record["project"])
            known = set(record["versions"])
            if lost := sorted(known - {known_as(version) for version in rows}):
                message = f"Lacks {len(lost)} changes that were applied: {_some(lost)}."
                todo = "Was it restored from an older backup? File these changes again, or adopt them with a baseline."
                return Check(name, "error", message, todo)
            if new := sorted(v for v, row in rows.items() if row.deployment == ours and known_as(v) not in known):
                message = f"Has {len(new)} changes of ours that we have no record of: {_some(new)}."
                todo = "Was Penstock's own database restored from an older backup? They will not be applied again."
                return Check(name, "warning", message, todo)
            return Check(name, "ok", f"{len(known)} changes, as recorded.")

        try:
            return await _within(read())
        except TargetUnavailable as error:
            return Check(name, "error", error.message, "See whether the database is there and lets us in.")
        except TimeoutError:
            return Check(name, "error", _SLOW, _LATER)


async def _within(work: Awaitable[T]) -> T:
    async with asyncio.timeout(SECONDS):
        return await work


def _clock(name: str, whose: str, theirs: dt.datetime) -> Check:
    skew = (dt.datetime.now(dt.UTC) - theirs).total_seconds()
    if abs(skew) <= SKEW:
        return Check(name, "ok", f"{whose} agrees with this machine within {SKEW:.0f} seconds.")
    ahead = "behind" if skew > 0 else "ahead of"
    message = f"{whose} is {abs(skew):.0f} seconds {ahead} this machine."
    todo = "Have both follow a time server. Leases go by the metadata database alone, times in logs and ledgers do not."
    return Check(name, "warning", message, todo)


def _runners(found: Sequence[Record], queue: Record, lease_seconds: float) -> list[Check]:
    alive = [r for r in found if r["silent"] <= lease_seconds and not r["draining"]]
    names = ", ".join(f"{r['host']}:{r['pid']} ({r['tasks']} tasks)" for r in alive[:SHOWN])
    checks = []
    if alive:
        checks.append(Check("runners", "ok", f"{len(alive)} alive: {names}."))
    else:
        state: State = "error" if queue["ready"] else "warning"
        todo = "Start penstock serve, or penstock runner, and look at its log."
        checks.append(Check("runners", state, f"None is alive; {queue['ready']} tasks are ready.", todo))
    if queue["stuck"]:
        message = f"{queue['stuck']} tasks belong to runners that are gone, and nobody has taken them back."
        todo = "Some process must run its loops: look for loop_failed in the logs of penstock serve."
        checks.append(Check("leases", "error", message, todo))
    else:
        checks.append(Check("leases", "ok", "Every task at work belongs to a runner that gives signs of life."))
    if queue["late"]:
        message = f"{queue['late']} tasks could have run for more than a minute."
        todo = "Runners are busy or gone: start more of them, or raise PENSTOCK_RUNNER_CONCURRENCY."
        checks.append(Check("queue", "warning", message, todo))
    return checks


def _unsettled(found: Sequence[Record]) -> Check:
    if not found:
        return Check("outcomes", "ok", "Every outcome is known.")
    names = _some([f"{r['name']} (task {r['id']})" for r in found])
    todo = "Look at these databases and settle the tasks: nothing else runs there until then."
    return Check("outcomes", "warning", f"Nobody knows how {len(found)} tasks ended: {names}.", todo)


def _lag(found: Record) -> list[Check]:
    checks = []
    for name, what in (("events", "events wait for their position"), ("audit", "audit entries wait for their seal")):
        count, age = found[name], found[f"{name}_age"]
        late = age > LAG
        todo = "The sequencer runs in penstock serve: start one, or look for loop_failed in its log." if late else None
        detail = f"{count} {what}, the oldest for {age:.0f} seconds." if count else f"No {what}."
        checks.append(Check(f"sequencer {name}", "error" if late else "ok", detail, todo))
    return checks


def _reach(name: str, report: InstanceReport) -> Check:
    if not report.authenticated:
        refused = next((step for step in report.steps if not step.ok), None)
        detail = f"{refused.name}: {refused.detail}" if refused else "It does not let us in."
        return Check(name, "error", detail, "Mend its settings or the network, then test the instance again.")
    privileges = ", ".join(report.privileges) or "none"
    detail = f"{report.flavour} {report.version}, privileges {privileges}, ledger {report.ledger}."
    if refused := next((step for step in report.steps if not step.ok), None):
        return Check(name, "error", f"{refused.name}: {refused.detail}", "See the operations page on target grants.")
    if report.ledger == "writable":
        todo = "A script could rewrite the ledger: have an owner run what penstock instance grants prints."
        return Check(name, "warning", detail, todo)
    return Check(name, "ok", detail)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
