"""``schema.sync``: reads every database of an instance and stores what it found.  It only ever reads the target."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.drift import reading
from penstock.engines.base import Engine, EngineName, Failure, InstanceReport, TargetUnavailable
from penstock.runtime.port import TaskPort
from penstock.runtime.work.base import failed
from penstock.schema.fingerprint import FORM, canonical, fingerprint
from penstock.schema.model import DatabaseSchema
from penstock.services.drifts import count_changes
from penstock.services.targets import Targets
from penstock.store import outbox, queue, runs, sync
from penstock.store.database import Database

TABLES = ("table", "partitioned_table")
PART: Final = 120  # databases that one transaction stores: a few rows for each


class SchemaSync:
    """Syncs instances."""

    type = "schema.sync"

    def __init__(self, database: Database, targets: Targets, engine_for: Callable[[EngineName], Engine]) -> None:
        self._database = database
        self._targets = targets
        self._engine_for = engine_for

    async def run(self, claimed: queue.Claimed, port: TaskPort) -> runs.End:
        """Read the instance and store the result; the schedule tries again, so a failure is said at once."""
        async with self._database.connect() as conn:
            target = await self._targets.target_for(conn, claimed.instance_id)
            began = await sync.now(conn)
        engine = self._engine_for(target.engine)
        try:
            report = await engine.test(target)
            refused = next((s for s in report.steps if not s.ok), None)
            if not report.authenticated:
                message = f"{refused.name}: {refused.detail}" if refused else "The instance does not let us in."
                raise TargetUnavailable(Failure("infrastructure", "unreachable", message))
            port.log("info", f"Connected to {report.flavour} {report.version}.")
            schemas = await engine.introspect(target)
        except TargetUnavailable as unavailable:
            failure = unavailable.failure
            port.log("error", failure.message)
            await self._database.run(lambda conn: sync.record_failure(conn, claimed.instance_id, failure.message))
            return failed(claimed, failure, sent=False)
        found = await self._store(claimed, port, schemas, report, began)
        for word, names in (
            ("appeared", found.appeared),
            ("changed", found.changed),
            ("vanished", found.vanished),
        ):
            if names:
                port.log("info", f"{len(names)} {word}: {', '.join(names[:20])}{' …' if len(names) > 20 else ''}")
        port.progress_text = f"{len(schemas)} databases"
        return runs.End(claimed, "succeeded")

    async def _store(
        self,
        claimed: queue.Claimed,
        port: TaskPort,
        schemas: list[DatabaseSchema],
        report: InstanceReport,
        began: dt.datetime,
    ) -> sync.Found:
        # A database that never let us in is none of our business; one that did before is kept, with what is known of
        # it.
        prints = {s.name: fingerprint(s) for s in schemas if s.unreadable is None}
        for schema in schemas:
            if schema.unreadable is not None:
                port.log("warning", f"{schema.name} cannot be read: {schema.unreadable}")

        async with self._database.connect() as conn:
            before = await sync.known_databases(conn, claimed.instance_id)
        kept = [s for s in schemas if s.unreadable is None or (s.name in before and before[s.name].there)]
        found = sync.compared(before, {s.name: prints.get(s.name) for s in kept})
        # Part by part: whoever comes after a process that died in between reads and stores the same again.
        how = reading(FORM, report.flavour, report.version)
        for start in range(0, len(kept), PART):
            await self._store_some(claimed, port, kept[start : start + PART], prints, began, how)
        for start in range(0, len(found.vanished), PART):
            names = found.vanished[start : start + PART]
            await port.still_mine()
            await self._database.run(partial(sync.record_vanished, instance_id=claimed.instance_id, names=names))

        async def end(conn: AsyncConnection) -> None:
            await sync.record_end(conn, claimed.instance_id, identity=report.identity, version=report.version)
            data = {
                "instance": claimed.name,
                "databases": len(kept),
                "appeared": found.appeared[:100],
                "changed": found.changed[:100],
                "vanished": found.vanished[:100],
            }
            await outbox.append(conn, [outbox.NewEvent(events.SYNC_COMPLETE, data=data)])

        await port.still_mine()
        await self._database.run(end)
        await count_changes(self._database, claimed.instance_id)
        return found

    async def _store_some(
        self,
        claimed: queue.Claimed,
        port: TaskPort,
        schemas: list[DatabaseSchema],
        prints: Mapping[str, str],
        began: dt.datetime,
        how: str,
    ) -> None:
        async def work(conn: AsyncConnection) -> None:
            stored = await sync.known_fingerprints(conn, [prints[s.name] for s in schemas if s.name in prints])
            compressor = zstandard.ZstdCompressor()
            rows = [
                sync.Synced(
                    name=s.name,
                    fingerprint=prints.get(s.name),
                    content=compressor.compress(canonical(s)) if prints.get(s.name) not in {None, *stored} else None,
                    tables=sum(r.kind in TABLES for n in s.schemas for r in n.relations)
                    if s.unreadable is None
                    else None,
                )
                for s in schemas
            ]
            await port.still_mine()
            await sync.record_some(conn, claimed.instance_id, rows, began=began, reading=how)

        await self._database.run(work)
