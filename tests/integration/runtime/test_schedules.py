"""Schedules as time goes by, on a clock that the tests turn: slots, downtime, replicas, and what is forgotten."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass

import pytest

from penstock.runtime.janitor import Janitor
from penstock.runtime.scheduler import Scheduler
from tests.builders import Json, World
from tests.hand import Hand
from tests.waiting import eventually

NOON = dt.datetime(2030, 7, 1, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@dataclass
class Clock:
    """Stands still until somebody turns it."""

    now: dt.datetime = NOON

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def schedule(world: World, clock: Clock, cron: str = "0 * * * *", jitter: int = 0, zone: str = "UTC") -> Json:
    """A schedule of one instance that waits for a slot at what the clock says; no other instance has one."""
    await world.sql("DELETE FROM schedule")
    body = {"instance": "pg-dev", "cron": cron, "jitter_seconds": jitter, "time_zone": zone}
    made: Json = await world.dora.ok("POST", "/schedules", **body)
    await world.sql(
        "UPDATE schedule SET next_slot = CAST(:now AS timestamptz), next_at = CAST(:now AS timestamptz) + :jitter",
        now=clock.now,
        jitter=dt.timedelta(seconds=jitter),
    )
    return made


async def slots(world: World, made: Json) -> list[tuple[str, str]]:
    """The slots of a schedule with what became of them, the oldest first."""
    found = (await world.dora.ok("GET", f"/schedules/{made['id']}/slots?page_size=200"))["items"]
    return [(s["slot"][5:16].replace("T", " "), s["outcome"]) for s in reversed(found)]


async def fire(world: World, clock: Clock) -> int:
    """Let everything fire that is due; answers how many did."""
    scheduler, count = Scheduler(world.database, clock), 0
    while await scheduler.round():
        count += 1
    return count


async def end_syncs(world: World) -> None:
    """Have what was filed succeed."""
    hand = await Hand(world.database).register()
    while names := await hand.take():
        await hand.end(dict.fromkeys(names, "succeeded"))


async def test_a_slot_is_the_nominal_time_and_fires_after_its_jitter(calm: World, clock: Clock) -> None:
    made = await schedule(calm, clock, jitter=90)
    clock.now = NOON + dt.timedelta(seconds=89)
    assert await fire(calm, clock) == 0
    clock.now = NOON + dt.timedelta(seconds=90)
    assert await fire(calm, clock) == 1
    assert await slots(calm, made) == [("07-01 12:00", "fired")]
    shown = await calm.dora.ok("GET", f"/schedules/{made['id']}")
    assert (shown["next_at"], shown["next_slots"][0]) == ("2030-07-01T13:01:30Z", "2030-07-01T13:00:00Z")
    assert len(shown["next_slots"]) == 5 and shown["last_outcome"] == "fired" and shown["jitter_seconds"] == 90
    pipeline = await calm.dora.ok("GET", f"/pipelines/{shown['last_pipeline']}")
    assert (pipeline["issue"], pipeline["project"]) == (None, None)


async def test_after_downtime_only_the_latest_missed_slot_fires(calm: World, clock: Clock) -> None:
    made = await schedule(calm, clock)
    clock.now = NOON + dt.timedelta(hours=50, minutes=20)
    assert await fire(calm, clock) == 1
    assert await slots(calm, made) == [("07-03 14:00", "fired")]


async def test_a_slot_is_skipped_while_the_pipeline_before_has_not_ended(calm: World, clock: Clock) -> None:
    made = await schedule(calm, clock)
    for _ in range(3):
        assert await fire(calm, clock) == 1
        clock.now += dt.timedelta(hours=1)
    expected = [("07-01 12:00", "fired"), ("07-01 13:00", "skipped"), ("07-01 14:00", "skipped")]
    assert await slots(calm, made) == expected
    assert await calm.sql("SELECT count(*) FROM pipeline") == [(1,)]
    await end_syncs(calm)
    await fire(calm, clock)
    assert await slots(calm, made) == [*expected, ("07-01 15:00", "fired")]


async def test_replicas_never_fire_a_slot_twice(calm: World, clock: Clock) -> None:
    made = await schedule(calm, clock)
    for hour in range(5):
        clock.now = NOON + dt.timedelta(hours=hour)
        rounds = await asyncio.gather(*(Scheduler(calm.database, clock).round() for _ in range(8)))
        assert sum(rounds) == 1
        await end_syncs(calm)
    assert [outcome for _, outcome in await slots(calm, made)] == ["fired"] * 5
    assert await calm.sql("SELECT count(*) FROM pipeline") == [(5,)]


async def test_a_slot_that_was_recorded_files_nothing_again(calm: World, clock: Clock) -> None:
    """As after a restore, or when somebody sets the clock back: the constraint decides, not what the schedule says."""
    made = await schedule(calm, clock)
    await fire(calm, clock)
    await end_syncs(calm)
    await calm.sql("UPDATE schedule SET next_slot = :now, next_at = :now", now=NOON)
    assert await fire(calm, clock) == 1
    assert await slots(calm, made) == [("07-01 12:00", "fired")]
    assert await calm.sql("SELECT count(*) FROM pipeline") == [(1,)]
    [(next_slot,)] = await calm.sql("SELECT next_slot FROM schedule")
    assert next_slot == NOON + dt.timedelta(hours=1)


async def test_the_clock_of_the_time_zone_decides_through_the_change_of_clocks(calm: World, clock: Clock) -> None:
    """Berlin, on the night of 27 October 2030: three o'clock comes once, half past two comes twice, and counts once."""
    clock.now = dt.datetime(2030, 10, 26, 0, 30, tzinfo=dt.UTC)
    made = await schedule(calm, clock, "30 2 * * *", zone="Europe/Berlin")
    end = clock.now + dt.timedelta(days=2, hours=2)
    while clock.now < end:
        await fire(calm, clock)
        await end_syncs(calm)
        clock.now += 30 * MINUTE
    fired = await slots(calm, made)
    assert [when[:5] for when, _ in fired] == ["10-26", "10-27", "10-28"]
    assert fired[2] == ("10-28 01:30", "fired")  # an hour later in UTC than in summer


async def test_what_is_switched_off_does_not_fire_and_catches_nothing_up(calm: World, clock: Clock) -> None:
    made = await schedule(calm, clock)
    path = f"/schedules/{made['id']}"
    assert (await calm.dora.ok("PATCH", path, enabled=False))["next_slots"] == []
    clock.now = NOON + dt.timedelta(days=3)
    assert await fire(calm, clock) == 0
    shown = await calm.dora.ok("PATCH", path, enabled=True)
    assert dt.datetime.fromisoformat(shown["next_at"]) > dt.datetime.now(dt.UTC)
    assert await slots(calm, made) == []


async def test_a_change_that_changes_nothing_loses_no_slot(calm: World, clock: Clock) -> None:
    """Its slot has come, its jitter has not passed."""
    made = await schedule(calm, clock, jitter=120)
    clock.now = NOON + MINUTE
    await calm.dora.ok("PATCH", f"/schedules/{made['id']}", enabled=True, cron="0 * * * *")
    clock.now = NOON + 2 * MINUTE
    assert await fire(calm, clock) == 1
    assert await slots(calm, made) == [("07-01 12:00", "fired")]


async def test_the_schedule_itself_fires_where_nobody_turns_the_clock(world: World) -> None:
    await world.sql("DELETE FROM schedule")
    made = await world.dora.ok("POST", "/schedules", instance="pg-dev", cron="* * * * *", jitter_seconds=0)
    await world.sql("UPDATE schedule SET next_slot = date_trunc('minute', now()), next_at = now()")
    started = await world.dora.ok("GET", f"/schedules/{made['id']}")

    async def look() -> list[tuple[str, str]]:
        return await slots(world, made)

    assert (await eventually(look))[0][1] == "fired" and started["enabled"]


async def test_slots_are_kept_for_30_days_and_always_the_last_20(calm: World, clock: Clock) -> None:
    made = await schedule(calm, clock)
    other = await calm.dora.ok("POST", "/schedules", instance="pg-prod", cron="0 0 * * *")
    await calm.sql(
        "INSERT INTO schedule_fire (schedule_id, slot, outcome)"
        " SELECT :id, date_trunc('hour', now()) + interval '1 hour' - n * interval '1 day', 'skipped'"
        " FROM generate_series(1, 1100) n",
        id=made["id"],
    )
    await calm.sql(
        "INSERT INTO schedule_fire (schedule_id, slot, outcome)"
        " SELECT :id, date_trunc('hour', now()) - n * interval '10 days', 'skipped' FROM generate_series(1, 25) n",
        id=other["id"],
    )
    await Janitor(calm.database).round()
    kept = await calm.sql("SELECT schedule_id, count(*) FROM schedule_fire GROUP BY 1")
    assert dict(kept) == {made["id"]: 30, other["id"]: 20}


async def test_syncs_that_no_slot_refers_to_are_forgotten_with_all_they_left(calm: World, clock: Clock) -> None:
    made = await schedule(calm, clock)
    ids = []
    for _ in range(3):
        ids.append((await calm.dora.ok("POST", "/instances/pg-dev/sync"))["pipeline"])
        await end_syncs(calm)
    change = await calm.file("SELECT 1", await calm.target())
    await end_syncs(calm)
    running = (await calm.dora.ok("POST", "/instances/pg-prod/sync"))["pipeline"]
    old, kept, young = ids
    await calm.sql("UPDATE pipeline SET created_at = now() - interval '31 days' WHERE id <> :young", young=young)
    await calm.sql(
        "INSERT INTO schedule_fire (schedule_id, slot, outcome, pipeline_id)"
        " VALUES (:id, now() - interval '31 days', 'fired', :kept)",
        id=made["id"],
        kept=kept,
    )
    await calm.sql(
        "INSERT INTO run_log (run_id, seq, at, level, text)"
        " SELECT r.id, n, now(), 'info', 'A line' FROM task_run r, generate_series(1, 1000) n"
        " WHERE r.task_id IN (SELECT id FROM task WHERE pipeline_id = :old)",
        old=old,
    )
    assert (await calm.sql("SELECT count(*) FROM event WHERE pipeline_id = :id", id=old))[0][0] > 0
    await Janitor(calm.database).round()
    left = {row[0] for row in await calm.sql("SELECT id FROM pipeline")}
    assert left == {kept, young, running, change["pipeline"]["id"]}
    for table in ("event", "task", "stage"):
        assert {row[0] for row in await calm.sql(f"SELECT DISTINCT pipeline_id FROM {table}")} <= left | {None}
    assert await calm.sql("SELECT count(*) FROM run_log") == [(0,)]


async def test_slots_come_in_pages(calm: World, clock: Clock) -> None:
    made = await schedule(calm, clock)
    for _ in range(5):
        await fire(calm, clock)
        clock.now += dt.timedelta(hours=1)
    path = f"/schedules/{made['id']}/slots?page_size=2"
    seen, token = [], ""
    while True:
        page = await calm.dora.ok("GET", path + token)
        seen += [s["slot"][11:13] for s in page["items"]]
        if page["next_page_token"] is None:
            break
        token = f"&page_token={page['next_page_token']}"
    assert seen == ["16", "15", "14", "13", "12"]
    assert (await calm.dora.refused("GET", "/schedules/999999/slots"))[0] == 404
    assert (await calm.dora.refused("GET", "/schedules/999999"))[0] == 404
    assert (await calm.ana.refused("GET", path))[0] == 403


async def test_what_a_jitter_cannot_be(calm: World) -> None:
    await calm.sql("DELETE FROM schedule")
    for jitter in (-1, 3601, 1.5, "soon"):
        body = {"instance": "pg-dev", "cron": "0 * * * *", "jitter_seconds": jitter}
        assert (await calm.dora.refused("POST", "/schedules", **body))[0] == 422
    assert await calm.sql("SELECT 1 FROM schedule") == []
