"""The construction plan design: plans that are stored on submission, tasks that builders take, events, plugins.

A build is a pipeline, an architect is the scheduler, a builder is a runner, *building* is *running*.  "A collection of
stages to be built in order", each "a set of tasks that can run in parallel", is ``order: sequential`` with
``task_order: parallel``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import PROJECT, Json, World, stage, task
from tests.hand import Hand, Word
from tests.outside import receiver
from tests.waiting import eventually

PLAN = {"foundation": ("left", "right"), "walls": ("north", "south"), "roof": ("tiles",)}
# The design's eight; a build is a pipeline here.
EVENTS = [f"{what}_{word}" for what in ("BUILD", "TASK") for word in ("START", "COMPLETE", "SUCCESS", "FAIL")]


def translated(event: str) -> str:
    """The name that an event of the design has here."""
    return event.replace("BUILD", "PIPELINE")


async def submit(world: World, sql: dict[str, str] | None = None) -> Json:
    """File the plan; each task has a database of its own."""
    stages = [
        stage(
            name,
            "dev",
            *[task(await world.target(), (sql or {}).get(t, "SELECT 1"), name=t) for t in tasks],
            task_order="parallel",
        )
        for name, tasks in PLAN.items()
    ]
    await world.sql("UPDATE instance SET max_running_tasks = 64")
    return await world.file_stages(None, *stages, order="sequential")


async def states(world: World, issue: Json) -> dict[str, str]:
    """Task -> status, or why it was skipped."""
    return {t["name"]: t["skip_reason"] or t["status"] for t in await world.tasks(issue)}


async def test_the_plan_is_there_on_submission_and_its_first_stage_can_be_scheduled(calm: World) -> None:
    issue = await submit(calm)
    # "The build, stages and tasks from that plan are persisted": whoever asks sees all of it at once.
    shown = await calm.ana.ok("GET", f"/pipelines/{issue['pipeline']['id']}")
    assert [(s["name"], s["needs"]) for s in shown["stages"]] == [
        ("foundation", []),
        ("walls", ["foundation"]),
        ("roof", ["walls"]),
    ]
    assert await states(calm, issue) == {
        **dict.fromkeys(("left", "right"), "ready"),
        **dict.fromkeys(("north", "south", "tiles"), "waiting"),
    }
    hand = await Hand(calm.database).register()
    for ends, begins in (
        ([], ["left", "right"]),
        (["left"], []),  # "if other tasks in the stage are successful and there is a next stage"
        (["right"], ["north", "south"]),
        (["south", "north"], ["tiles"]),
    ):
        await hand.end(dict.fromkeys(ends, "succeeded"))
        assert await hand.take() == begins
    assert (await calm.issue(issue))["pipeline"]["result"] == "running"
    await hand.end({"tiles": "succeeded"})
    assert (await calm.issue(issue))["pipeline"]["result"] == "succeeded"


async def test_a_task_goes_from_waiting_to_its_end_and_back_to_ready_when_it_is_interrupted(calm: World) -> None:
    issue = await submit(calm)
    hand = await Hand(calm.database).register()

    async def left() -> str:
        return (await states(calm, issue))["left"]

    seen = [await left()]
    claims = {c.name: c for c in await hand.claim()}
    seen.append(await left())
    await hand.start(*claims.values())
    seen.append(await left())
    await hand.let_go(claims["left"])
    await hand.reap()
    seen.append(await left())
    assert seen == ["ready", "scheduled", "running", "ready"]
    # "If a task is interrupted, it needs to be rescheduled": another attempt; only the new one may say how it ended.
    assert await hand.take() == ["left"]
    assert not await hand.finish(claims["left"], "succeeded")
    await hand.end({"left": "succeeded"})
    [task_] = [t for t in await calm.tasks(issue) if t["name"] == "left"]
    assert (task_["attempts"], [r["outcome"] for r in task_["runs"]]) == (2, ["succeeded", "interrupted"])


@pytest.mark.parametrize(
    ("left", "right", "least"),
    [("succeeded", "failed", "failed"), ("failed", "error", "error"), ("error", "failed", "error")],
)
async def test_the_least_successful_task_is_the_result_of_the_build(
    calm: World, left: Word, right: Word, least: str
) -> None:
    issue = await submit(calm)
    hand = await Hand(calm.database).register()
    await hand.take()
    await hand.end({"left": left})
    assert (await calm.stages(issue))["foundation"]["status"] == "running"
    await hand.end({"right": right})
    assert (await calm.stages(issue))["foundation"]["status"] == least
    assert (await calm.issue(issue))["pipeline"]["result"] == least
    skipped = "upstream_error" if least == "error" else "upstream_failed"
    found = await states(calm, issue)
    assert found["north"] == found["south"] == skipped and found["tiles"].startswith("upstream_")


async def hook(world: World, url: str) -> Json:
    """A webhook for everything that the design names."""
    body = {"kind": "webhook", "name": "Commit status", "project": PROJECT, "url": url}
    made: Json = await world.bo.ok("POST", "/plugins", **body, types=[translated(e) for e in EVENTS])
    return made


async def test_a_plugin_hears_the_eight_events(world: World) -> None:
    async with receiver() as outside:
        await hook(world, outside.url)
        good = await submit(world)
        bad = await submit(world, {"left": "SELECT 1/0"})
        await world.until(good, "succeeded")
        await world.until(bad, "failed")
        expected = {good["pipeline"]["id"]: 2 + 1 + 3 * 5, bad["pipeline"]["id"]: 2 + 1 + 3 * 2}
        heard: dict[int, list[str]] = {pipeline: [] for pipeline in expected}
        while {p: len(types) for p, types in heard.items()} != expected:
            got = json.loads((await outside.next()).body)
            heard[got["data"]["pipeline"]].append(got["type"])
    assert {t for types in heard.values() for t in types} == {translated(e) for e in EVENTS}
    # A receiver may get two messages at once, so their order is that of the events, by version.
    for issue, end in ((good, "SUCCESS"), (bad, "FAIL")):
        types = [t for t, _ in await world.events(issue) if t in heard[issue["pipeline"]["id"]]]
        assert types[0] == "PIPELINE_START" and types[-2:] == [f"PIPELINE_{end}", "PIPELINE_COMPLETE"]
        assert sorted(types) == sorted(heard[issue["pipeline"]["id"]])
    assert heard[bad["pipeline"]["id"]].count("TASK_FAIL") == 1


async def test_a_plugin_that_errs_fails_no_build_and_is_known(world: World) -> None:
    async with receiver(*[(500, {}, b"out of order")] * 50) as outside:
        plugin = await hook(world, outside.url)
        issue = await submit(world)
        done = await world.until(issue, "succeeded")
        assert done["status"] == "done"

        async def known() -> list[Any]:
            return await world.sql(
                "SELECT data ->> 'error' FROM event WHERE type = 'PLUGIN_ERROR' AND (data ->> 'plugin')::bigint = :id",
                id=plugin["id"],
            )

        assert ("It answered 500.",) in await eventually(known)
