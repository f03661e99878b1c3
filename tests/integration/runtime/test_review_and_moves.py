"""What keeps a stage closed besides people: findings of review; and what makes an approval stale besides an edit."""

from __future__ import annotations

import json

from tests.builders import World

CONCURRENT = "CREATE TABLE t (id int);\nCREATE INDEX CONCURRENTLY ON t (id);"


async def test_an_error_found_by_review_keeps_a_stage_closed_until_the_change_is_edited(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file(CONCURRENT, dev)
    shown = (await world.stages(issue))["dev"]
    assert [(b["gate"], b["code"]) for b in shown["blockers"]] == [("review", "findings")]
    findings = await world.ana.ok("GET", f"/issues/{issue['id']}/findings")
    [finding] = [f for f in findings if f["severity"] == "error"]
    assert (finding["rule"], finding["line"]) == ("unnamed-index", 2)
    assert {f["rule"] for f in findings} == {"unnamed-index", "several-steps", "non-transactional"}
    assert finding["change"]
    release = await world.ana.ok("GET", f"/releases/{issue['release']}")
    steps = release["changes"][0]["steps"]
    assert [(s["transactional"], s["statements"], s["line"]) for s in steps] == [(True, [0], 1), (False, [1], 2)]
    statement = CONCURRENT.replace(" CONCURRENTLY", "")
    await world.ana.ok("PUT", f"/issues/{issue['id']}/release", statement=statement)
    await world.until(issue, "succeeded")
    assert await dev.has("t")


async def test_a_tier_may_let_warnings_block(calm: World) -> None:
    dev = await calm.target("dev")
    await calm.ada.ok("PATCH", "/approval-tiers/open", blocking_severity="warning")
    try:
        issue = await calm.file("DROP TABLE IF EXISTS gone", dev)
        shown = (await calm.stages(issue))["dev"]
        assert [b["gate"] for b in shown["blockers"]] == ["review"]
    finally:
        await calm.ada.ok("PATCH", "/approval-tiers/open", blocking_severity="error")


async def test_review_without_an_issue(calm: World) -> None:
    found = await calm.ana.ok("POST", "/reviews", engine="postgres", statement="BEGIN;\nDROP TABLE t;")
    assert [(f["rule"], f["severity"]) for f in found["findings"]] == [
        ("transaction-nesting", "error"),
        ("destructive", "warning"),
    ]
    rules = await calm.ana.ok("GET", "/review-rules")
    assert {"transaction-nesting", "destructive", "nul-byte", "out-of-order"} <= {r["id"] for r in rules}


async def test_an_approval_is_of_the_place_too(calm: World) -> None:
    """An instance that is moved is another target: what was approved for the old place waits again."""
    await calm.ada.ok("POST", "/instances", **calm.site.instance("pg-moving", "staging"))
    staging = await calm.target("staging", instance="pg-moving")
    issue = await calm.file("SELECT 1", staging)
    await calm.decide(calm.bo, issue, "staging")
    before = (await calm.stages(issue))["staging"]
    assert before["blockers"] == []
    where = {"host": "localhost", "password": "moved"}
    await calm.ada.ok("PATCH", "/instances/pg-moving", **where)
    after = (await calm.stages(issue))["staging"]
    assert after["digest"] != before["digest"]
    assert [b["gate"] for b in after["blockers"]] == ["approval"]
    assert [a["state"] for a in after["approvals"]] == ["stale"]
    assert await calm.statuses(issue) == ["waiting"]


async def test_a_log_streams_until_its_run_has_ended(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file("SELECT 1;\nSELECT pg_sleep(0.6);\nSELECT 2;", dev)
    [task] = await world.tasks(issue)
    task = await world.until_task(task["id"], "running")
    path = f"/runs/{task['latest_run']}/log"
    frames: list[tuple[str, str]] = []
    async with world.ana.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                frames.append((event, line.removeprefix("data: ")))
    assert frames[-1] == ("end", "{}")
    streamed = [json.loads(body)["text"] for kind, body in frames if kind == "line"]
    assert streamed == await world.log(task["latest_run"])
    assert any("SELECT pg_sleep" in text for text in streamed)
