"""A target that is gone for good cannot be asked: a person may settle without it, once it has been away for long."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.builders import Json, Target, World
from tests.hand import Hand
from tests.integration.runtime.test_settling import CHANGES, unknown

GONE = {"reason": "The machine burnt down.", "unreachable": True}


@asynccontextmanager
async def away(world: World) -> AsyncIterator[None]:
    """The instance does not answer."""
    await world.sql("UPDATE instance SET port = 1 WHERE slug = 'pg-dev'")
    try:
        yield
    finally:
        await world.sql("UPDATE instance SET port = :p WHERE slug = 'pg-dev'", p=world.site.server.port)


async def long_ago(world: World, task: Json, key: str = "unreachable_since") -> None:
    """It was first missed eleven minutes ago."""
    await world.sql(
        "UPDATE task SET failure = jsonb_set(failure, ARRAY[CAST(:key AS text)], to_jsonb(now() - interval '11 min'))"
        " WHERE id = :id",
        key=key,
        id=task["id"],
    )


async def in_doubt(world: World, target: Target) -> tuple[Json, Json]:
    """An issue whose only attempt was lost when something may have been sent, and its task, whose target is away."""
    issue = await world.file(CHANGES[:1], target)
    hand = await Hand(world.database, lease_seconds=0.01).register()
    (claimed,) = await hand.claim()
    await hand.start(claimed)
    await hand.let_go(claimed)
    await hand.reap()
    await world.sql(
        "UPDATE task SET failure = jsonb_build_object('kind', 'infrastructure', 'class', 'error', 'code',"
        " 'target_unreachable', 'message', 'Away.', 'statement_index', NULL, 'line', NULL, 'column', NULL,"
        " 'hint', NULL, 'since', now()) WHERE id = :id",
        id=claimed.id,
    )
    return issue, await world.task(claimed.id)


async def test_a_target_that_has_just_gone_away_may_return(calm: World) -> None:
    _, task = await unknown(calm, await calm.target())
    path = f"/tasks/{task['id']}/settle"
    async with away(calm):
        first = await calm.rita.refused("POST", path, outcome="applied", **GONE)
        assert first[:2] == (409, "target_may_return") and "with unreachable: true" in first[2]["detail"]
        times = [dt.datetime.fromisoformat(first[2][key]) for key in ("away_since", "settle_from")]
        assert times[1] - times[0] == dt.timedelta(minutes=10)
        without = await calm.rita.refused("POST", path, outcome="applied", reason="I looked.")
        assert without[:2] == (503, "target_unavailable") and without[2]["away_since"] == first[2]["away_since"]
        await long_ago(calm, task)
        still = await calm.rita.refused("POST", path, outcome="applied", reason="I looked.")
        assert still[:2] == (503, "target_unavailable"), "only who says that it is gone settles without it"
    assert (await calm.task(task["id"]))["settlements"] == []


async def test_settled_as_applied_without_its_ledger(calm: World) -> None:
    dev = await calm.target()
    issue, task = await unknown(calm, dev)
    path = f"/tasks/{task['id']}/settle"
    async with away(calm):
        await calm.rita.refused("POST", path, outcome="applied", **GONE)
        await long_ago(calm, task)
        settled = await calm.rita.ok("POST", path, outcome="applied", **GONE)
    assert settled["status"] == "succeeded" and settled["failure"] is None
    assert [(s["outcome"], s["unseen"]) for s in settled["settlements"]] == [("applied", True)]
    assert await dev.ledger() == []
    assert (await calm.issue(issue))["status"] == "done"
    [(unseen,)] = await calm.sql(
        "SELECT data->>'unseen' FROM audit WHERE action = 'task.settle' AND resource = :r", r=f"task:{task['id']}"
    )
    assert unseen == "true"
    assert ("TASK_SETTLED", "true") in [(t, str(d.get("unseen")).lower()) for t, d in await calm.events(issue)]


async def test_settled_as_not_applied_it_may_be_passed_over(calm: World) -> None:
    issue, task = await unknown(calm, await calm.target())
    path = f"/tasks/{task['id']}/settle"
    async with away(calm):
        await calm.rita.refused("POST", path, outcome="not_applied", **GONE)
        await long_ago(calm, task)
        settled = await calm.rita.ok("POST", path, outcome="not_applied", **GONE)
        assert settled["status"] in ("waiting", "ready")
        assert await calm.sql("SELECT sent, rescues FROM task WHERE id = :id", id=task["id"]) == [(False, 0)]
        skipped = await calm.rita.ok("POST", f"/tasks/{task['id']}/skip", reason="Its database is gone.")
    assert skipped["status"] == "skipped"
    assert (await calm.issue(issue))["status"] == "done"


async def test_a_target_that_answers_is_asked_all_the_same(calm: World) -> None:
    dev = await calm.target()
    _, task = await unknown(calm, dev)
    settled = await calm.rita.ok("POST", f"/tasks/{task['id']}/settle", outcome="applied", **GONE)
    assert [s["unseen"] for s in settled["settlements"]] == [False] and await dev.ledger() == ["1"]


async def test_a_target_that_answered_meanwhile_starts_the_time_anew(
    calm: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.services.settling.WAIT_SECONDS", 0.2)
    dev = await calm.target()
    _, task = await unknown(calm, dev)
    path = f"/tasks/{task['id']}/settle"
    async with away(calm):
        await calm.rita.refused("POST", path, outcome="applied", **GONE)
        await long_ago(calm, task)
    async with dev.locked_by_somebody():
        refused = await calm.rita.refused("POST", path, outcome="applied", **GONE)
        assert refused[:2] == (503, "target_unavailable") and "away_since" not in refused[2]
    async with away(calm):
        assert (await calm.rita.refused("POST", path, outcome="applied", **GONE))[:2] == (409, "target_may_return")


async def test_an_attempt_that_was_lost_is_settled_without_the_next_one(calm: World) -> None:
    for outcome, expected in (("applied", "succeeded"), ("not_applied", "ready")):
        issue, task = await in_doubt(calm, await calm.target())
        path = f"/tasks/{task['id']}/settle"
        refused = await calm.rita.refused("POST", path, outcome=outcome, reason="I think so.")
        assert refused[:2] == (409, "invalid_transition"), "while the target may return, its next attempt finds out"
        shown = f"/tasks/{task['id']}"
        assert "settle" not in (await calm.rita.ok("GET", shown))["actions"]
        async with away(calm):
            assert (await calm.rita.refused("POST", path, outcome=outcome, **GONE))[:2] == (409, "target_may_return")
            await long_ago(calm, task, "since")
            assert "settle" in (await calm.rita.ok("GET", shown))["actions"]
            assert "settle" not in (await calm.ana.ok("GET", shown))["actions"]
            settled = await calm.rita.ok("POST", path, outcome=outcome, **GONE)
        assert settled["status"] in (expected, "waiting"), settled
        assert [s["unseen"] for s in settled["settlements"]] == [True]
        await calm.ana.post(f"/issues/{issue['id']}/cancel")


async def test_an_attempt_that_was_lost_is_not_settled_while_its_target_answers(calm: World) -> None:
    _, task = await in_doubt(calm, await calm.target())
    refused = await calm.rita.refused("POST", f"/tasks/{task['id']}/settle", outcome="applied", **GONE)
    assert refused[:2] == (409, "conflict") and "answers again" in refused[2]["detail"]
    assert (await calm.task(task["id"]))["settlements"] == []
