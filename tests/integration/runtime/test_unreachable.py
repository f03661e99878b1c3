"""A target that is away: waited for ten minutes when nothing was sent, and without an end when something may be."""

from __future__ import annotations

import socket

import pytest

from tests.builders import Json, Target, World
from tests.waiting import eventually

SQL = "CREATE TABLE once (id int)"


@pytest.fixture
async def away(calm: World) -> Target:
    """A database of an instance that nobody answers for."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    await calm.ada.ok(
        "POST", "/instances", **calm.site.instance("pg-away", "dev") | {"host": "127.0.0.1", "port": port}
    )
    return await calm.target("dev", instance="pg-away")


async def come_home(world: World) -> None:
    """The instance answers again."""
    home = {"host": world.site.server.host, "port": world.site.server.port}
    await world.sql("UPDATE instance SET host = :host, port = :port WHERE slug = 'pg-away'", **home)


async def retrying(world: World, target: Target) -> tuple[Json, Json]:
    """An issue whose only task has found nobody there, and the task; nothing moves any more."""
    issue = await world.file(SQL, target)
    (task,) = await world.tasks(issue)
    await world.start()

    async def found() -> Json:
        latest = await world.task(task["id"])
        return latest if latest["status"] == "ready" and latest["failure"] else {}

    await eventually(found)
    await world.stop()
    return issue, await eventually(found)


async def long_ago(world: World, minutes: int, *, sent: bool) -> None:
    """It has been away for that long already, and is tried again now."""
    await world.sql(
        "UPDATE task SET run_at = now(), sent = :sent, failure = jsonb_set(failure, '{since}',"
        " to_jsonb(to_char((now() - make_interval(mins => :minutes)) AT TIME ZONE 'UTC',"
        ' \'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"\')))',
        minutes=minutes,
        sent=sent,
    )


async def test_people_see_what_it_waits_for_and_until_when(calm: World, away: Target) -> None:
    _, task = await retrying(calm, away)
    [blocker] = task["blockers"]
    assert (blocker["gate"], blocker["code"]) == ("target-unreachable", "retrying")
    assert blocker["waiting_for"] == ["instance:pg-away"] and blocker["clears_at"] is not None
    assert "gives up" in blocker["message"]
    assert task["failure"]["kind"] == "infrastructure" and task["run_at"] is not None


async def test_after_ten_minutes_without_anything_sent_it_fails(calm: World, away: Target) -> None:
    issue, task = await retrying(calm, away)
    await long_ago(calm, 9, sent=False)
    await calm.start()
    again = await eventually(lambda: _attempted(calm, task["id"], task["attempts"]))
    assert again["status"] != "failed"
    await calm.stop()
    await long_ago(calm, 11, sent=False)
    await calm.start()
    await calm.until(issue, "error")
    (failed,) = await calm.tasks(issue)
    assert (failed["failure"]["kind"], failed["failure"]["code"]) == ("infrastructure", "target_unreachable")
    await come_home(calm)
    await calm.rita.ok("POST", f"/tasks/{failed['id']}/retry")
    await calm.until(issue, "succeeded")
    assert await away.has("once")


async def _attempted(world: World, task: int, before: int) -> Json:
    found = await world.task(task)
    return found if found["attempts"] > before and found["status"] == "ready" and found["failure"] else {}


async def test_when_something_may_have_been_sent_it_waits_for_the_proof(calm: World, away: Target) -> None:
    issue, task = await retrying(calm, away)
    await long_ago(calm, 600, sent=True)
    await calm.start()
    again = await eventually(lambda: _attempted(calm, task["id"], task["attempts"]))
    [blocker] = again["blockers"]
    assert blocker["gate"] == "target-unreachable" and "tried until it can be asked" in blocker["message"]
    await come_home(calm)
    await calm.until(issue, "succeeded", timeout=40)
    assert await away.has("once") and len(await away.ledger()) == 1
