"""Schedules: which instance is synced when, and a sync right now.  Firing them is the runtime's."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import schedule
from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import FieldError, NotFound, ValidationFailed
from penstock.store import instances, schedules
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

DEFAULT_CRON: Final = "*/15 * * * *"
# A thousand instances on one cron expression must not all be synced in the same second.
JITTER_SECONDS: Final = 300
SHOWN_SLOTS: Final = 5

FileSync: TypeAlias = Callable[[AsyncConnection, int, int | None], Awaitable[tuple[int, bool]]]
"""``(conn, instance_id, actor_id) -> (pipeline_id, already_running)``"""


class Schedules:
    """Schedules.

    Args:
        file_sync: files the pipeline that syncs an instance, unless one is already under way.
    """

    def __init__(self, database: Database, file_sync: FileSync) -> None:
        self._database = database
        self._file_sync = file_sync

    async def listing(self, cut: Cut) -> Slice:
        """Schedules by id."""
        async with self._database.connect() as conn:
            found = await schedules.listing(conn, cut)
        return Slice([_ahead(record) for record in found.records], found.next_key)

    async def get(self, schedule_id: int) -> Record:
        """One schedule.

        Raises:
            NotFound: there is no such schedule.
        """
        async with self._database.connect() as conn:
            return await _get(conn, schedule_id)

    async def slots(self, schedule_id: int, cut: Cut) -> Slice:
        """The slots that a schedule came to, the newest first.

        Raises:
            NotFound: there is no such schedule.
        """
        async with self._database.connect() as conn:
            await _get(conn, schedule_id)
            return await schedules.slots(conn, schedule_id, cut)

    async def create(
        self,
        principal: Principal,
        *,
        instance: str,
        kind: str,
        cron: str,
        time_zone: str,
        enabled: bool,
        jitter_seconds: int | None = None,
    ) -> Record:
        """Add a schedule; an instance has at most one of a kind.

        Args:
            jitter_seconds: how much later than its slots it acts; None: some seconds, so that not all act at once.

        Raises:
            ValidationFailed: no such instance or time zone, or an expression that never fires.
        """
        require(principal, "schedule.edit")

        async def work(conn: AsyncConnection) -> Record:
            found = await instances.lock(conn, instance)
            if found is None:
                message = f"There is no instance {instance}."
                raise ValidationFailed(errors=[FieldError("instance", message, "unknown_instance")])
            values = {"kind": kind, "instance_id": found["id"], "cron": cron, "time_zone": time_zone}
            schedule_id = await add(conn, values | {"enabled": enabled}, jitter_seconds)
            data = {"instance": instance, "cron": cron, "time_zone": time_zone, "enabled": enabled}
            await audit(conn, principal.id, "schedule.create", f"schedule:{schedule_id}", data)
            return await _get(conn, schedule_id)

        return await self._database.run(work)

    async def update(self, principal: Principal, schedule_id: int, changes: Mapping[str, Any]) -> Record:
        """Change when a schedule fires, or switch it on or off; slots missed while it was off do not fire.

        Raises:
            NotFound: there is no such schedule.
            ValidationFailed: no such time zone, or an expression that never fires.
        """
        require(principal, "schedule.edit")

        async def work(conn: AsyncConnection) -> Record:
            locked = _found(await schedules.lock(conn, schedule_id), schedule_id)
            wanted = locked | dict(changes)
            if wanted != locked:  # else a slot whose jitter has not passed yet would be lost
                times = await _times(conn, wanted["cron"], wanted["time_zone"], wanted["jitter_seconds"])
                await schedules.update(conn, schedule_id, {**changes, **times})
            await audit(conn, principal.id, "schedule.update", f"schedule:{schedule_id}", changes)
            return await _get(conn, schedule_id)

        return await self._database.run(work)

    async def delete(self, principal: Principal, schedule_id: int) -> None:
        """Remove a schedule; the pipelines that it filed stay."""
        require(principal, "schedule.edit")

        async def work(conn: AsyncConnection) -> None:
            locked = _found(await schedules.lock(conn, schedule_id), schedule_id)
            await schedules.delete(conn, schedule_id)
            data = {"instance": locked["instance_id"]}
            await audit(conn, principal.id, "schedule.delete", f"schedule:{schedule_id}", data)

        await self._database.run(work)

    async def sync_now(self, principal: Principal, slug: str) -> tuple[int, bool]:
        """File a sync of an instance without waiting for its schedule.

        Returns:
            the pipeline's id, and whether it was already under way.

        Raises:
            NotFound: there is no such instance.
        """
        require(principal, "instance.sync")

        async def work(conn: AsyncConnection) -> tuple[int, bool]:
            found = await instances.by_slug(conn, slug)
            if found is None:
                raise NotFound(f"There is no instance {slug}.")
            pipeline, already_running = await self._file_sync(conn, found["id"], principal.id)
            if not already_running:
                await audit(conn, principal.id, "instance.sync", f"instance:{slug}", {"pipeline": pipeline})
            return pipeline, already_running

        return await self._database.run(work)


async def add(conn: AsyncConnection, values: Mapping[str, Any], jitter_seconds: int | None = None) -> int:
    """Store a schedule with its first slot; answers its id.

    Args:
        values: kind, instance_id, cron, time_zone and enabled.
        jitter_seconds: None: one of its own.
    """
    # Spreads load, keeps no secret.
    jitter = random.randrange(JITTER_SECONDS) if jitter_seconds is None else jitter_seconds
    times = await _times(conn, values["cron"], values["time_zone"], jitter)
    return await schedules.insert(conn, {**values, "jitter_seconds": jitter, **times})


async def _times(conn: AsyncConnection, cron: str, time_zone: str, jitter: int) -> dict[str, dt.datetime]:
    now: dt.datetime = (await conn.execute(sa.select(sa.func.now()))).scalar_one()
    schedule.check(cron, time_zone, now)
    slot = schedule.next_slot(cron, time_zone, now)
    return {"next_slot": slot, "next_at": slot + dt.timedelta(seconds=jitter)}


async def _get(conn: AsyncConnection, schedule_id: int) -> Record:
    return _ahead(_found(await schedules.by_id(conn, schedule_id), schedule_id))


def _ahead(record: Record) -> Record:
    """A schedule with the slots that it comes to next; none while it is switched off."""
    first = record["next_slot"]
    more = schedule.next_slots(record["cron"], record["time_zone"], first, SHOWN_SLOTS - 1)
    return record | {"next_slots": [first, *more] if record["enabled"] else []}


def _found(record: Record | None, schedule_id: int) -> Record:
    if record is None:
        raise NotFound(f"There is no schedule {schedule_id}.")
    return record
