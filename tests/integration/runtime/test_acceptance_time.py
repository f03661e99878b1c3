"""Acceptance scenarios of gates that place and time decide: windows, freezes, lower environments, bypass."""

from __future__ import annotations

import datetime as dt

from penstock.runtime.gatekeeper import Gatekeeper
from tests.builders import PROJECT, World, stage, task
from tests.hand import Hand

SQL = "CREATE TABLE t (id int)"
NEVER = {"cron": "0 0 29 2 *", "duration_minutes": 1}
ALWAYS = {"cron": "* * * * *", "duration_minutes": 60}


def soon(seconds: float) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).isoformat()


async def tier(world: World, environment: str, **rules: object) -> None:
    """Give an environment a tier of its own."""
    await world.ada.ok("POST", "/approval-tiers", slug=f"own-{environment}", name="Own", **rules)
    await world.ada.ok("PATCH", f"/environments/{environment}", tier=f"own-{environment}")


async def time_comes(world: World, statement: str) -> None:
    """Have what the gates wait for be now, and the wake-up that they asked for be due."""
    await world.sql(statement)
    await world.sql("UPDATE stage SET wake_at = now()")


async def blockers(world: World, issue: dict[str, object], name: str) -> list[tuple[str, str]]:
    return [(b["gate"], b["code"]) for b in (await world.stages(issue))[name]["blockers"]]


async def test_a_stage_that_waits_for_its_time_starts_by_itself(world: World) -> None:
    dev = await world.target()
    issue = await world.file_stages(SQL, stage("later", "dev", task(dev), not_before=soon(3600)))
    shown = (await world.stages(issue))["later"]
    assert [(b["gate"], b["code"]) for b in shown["blockers"]] == [("window", "not_before")]
    [(wake_at,)] = await world.sql("SELECT wake_at FROM stage")
    assert wake_at.isoformat() == shown["blockers"][0]["clears_at"] and not await dev.has("t")
    await time_comes(world, "UPDATE stage SET not_before = now()")
    await world.until(issue, "succeeded")
    assert await dev.has("t")


async def test_57_outside_its_window_a_stage_waits_and_says_until_when(world: World) -> None:
    await tier(world, "dev", windows=[NEVER])
    dev = await world.target()
    issue = await world.file(SQL, dev)
    [blocker] = (await world.stages(issue))["dev"]["blockers"]
    assert (blocker["gate"], blocker["code"], blocker["clears_at"][4:10]) == ("window", "closed", "-02-29")
    await world.ada.ok("PATCH", "/approval-tiers/own-dev", windows=[ALWAYS])
    await world.until(issue, "succeeded")


async def test_57_a_window_that_opens_wakes_the_stage(calm: World) -> None:
    await tier(calm, "dev", windows=[NEVER])
    issue = await calm.file(SQL, await calm.target())
    [(wake_at,)] = await calm.sql("SELECT wake_at FROM stage")
    assert wake_at.isoformat() == (await calm.stages(issue))["dev"]["blockers"][0]["clears_at"]


async def test_61_a_window_that_ends_before_the_claim_sends_nothing(calm: World) -> None:
    await tier(calm, "dev", windows=[ALWAYS])
    dev = await calm.target()
    issue = await calm.file(SQL, dev)
    assert await calm.statuses(issue) == ["ready"]
    # The window closes: the rules say so, the permit has run out, and nobody has asked the gates yet.
    await calm.sql("""UPDATE approval_tier SET rules = jsonb_set(rules, '{windows,0,cron}', '"0 0 29 2 *"')""")
    await calm.sql("UPDATE stage SET permit_valid_until = now() - interval '1 second', wake_at = now()")
    assert await (await Hand(calm.database).register()).take() == []
    await Gatekeeper(calm.database).round()
    assert await calm.statuses(issue) == ["waiting"] and await blockers(calm, issue, "dev") == [("window", "closed")]


async def test_a_release_reaches_prod_only_through_what_is_below(world: World) -> None:
    await tier(world, "prod", requires_lower_environments=True)
    dev, other, prod = await world.target(), await world.target(), await world.target("prod")
    release = await world.ana.ok(
        "POST", "/releases", project=PROJECT, changes=[{"version": "1", "name": "t", "statement": SQL}]
    )
    ahead = await world.file([], prod, release=release["id"])
    assert await blockers(world, ahead, "prod") == [("lower-environments", "not_applied")]
    # One of the project's databases below is enough, whichever issue applied it there.
    below = await world.file([], dev, release=release["id"])
    await world.until(below, "succeeded")
    await world.until(ahead, "succeeded")
    assert await prod.has("t") and not await other.has("t")


async def test_soak_counts_from_there(world: World) -> None:
    await tier(world, "prod", requires_lower_environments=True, soak=60)
    dev, prod = await world.target(), await world.target("prod")
    issue = await world.file(SQL, dev, prod)
    await world.until_task((await world.tasks(issue))[0]["id"], "succeeded")
    assert await blockers(world, issue, "prod") == [("soak", "too_early")]
    await world.sql("UPDATE task_run SET ended_at = ended_at - interval '1 hour'")
    await world.sql("UPDATE stage SET wake_at = now() WHERE name = 'prod'")
    await world.until(issue, "succeeded")


async def test_58_what_lower_environments_imply_must_not_run_in_a_circle(calm: World) -> None:
    await tier(calm, "prod", requires_lower_environments=True)
    dev, prod = await calm.target(), await calm.target("prod")
    body = {"project": PROJECT, "title": "Round", "statement": SQL}
    for relation in ({"needs": ["prod"]}, {"phase": 1}):
        stages = [stage("dev", "dev", task(dev), **relation), stage("prod", "prod", task(prod))]
        status, code, problem = await calm.ana.refused("POST", "/issues", **body, pipeline={"stages": stages})
        assert (status, code) == (422, "cyclic_needs")
        assert "dev needs prod" in problem["errors"][0]["message"], problem
    assert (await calm.ana.ok("GET", "/issues"))["items"] == []


async def test_a_freeze_stops_what_has_not_started_until_its_end(world: World) -> None:
    dev = await world.target()
    for path, by in (
        ("/environments/dev/freeze", world.dora),
        (f"/projects/{PROJECT}/freeze", world.bo),
        ("/workspace/stop", world.dora),
    ):
        await by.ok("PUT", path, reason="Sale")
        assert (await world.ana.ok("GET", path))["reason"] == "Sale"
        issue = await world.file("SELECT 1", dev)
        [(gate, code)] = await blockers(world, issue, "dev")
        assert (gate, code) == ("freeze", "stopped" if "stop" in path else "frozen")
        await by.ok("DELETE", path)
        assert (await world.ana.ok("GET", path))["frozen"] is False
        await world.until(issue, "succeeded")


async def test_a_freeze_ends_by_itself(world: World) -> None:
    frozen = await world.dora.ok("PUT", "/environments/dev/freeze", reason="Sale", until=soon(3600))
    issue = await world.file("SELECT 1", await world.target())
    assert await blockers(world, issue, "dev") == [("freeze", "frozen")]
    [(wake_at,)] = await world.sql("SELECT wake_at FROM stage")
    assert wake_at == dt.datetime.fromisoformat(frozen["until"])
    await time_comes(world, 'UPDATE "freeze" SET until = now()')
    await world.until(issue, "succeeded")


async def test_what_a_freeze_cannot_be(calm: World) -> None:
    freeze = "/environments/dev/freeze"
    assert (await calm.bo.refused("PUT", freeze, reason="Sale"))[:2] == (403, "forbidden")
    assert (await calm.person("robot").refused("PUT", "/workspace/stop", reason="Sale"))[:2] == (403, "forbidden")
    past = await calm.dora.refused("PUT", freeze, reason="Sale", until=soon(-5))
    assert past[0] == 422 and past[2]["errors"][0]["code"] == "in_the_past"
    assert (await calm.dora.refused("DELETE", freeze))[:2] == (409, "invalid_transition")
    assert (await calm.dora.refused("PUT", "/environments/moon/freeze", reason="Sale"))[0] == 404


async def test_a_bypass_passes_over_places_and_times_for_what_was_seen(world: World) -> None:
    await tier(world, "dev", windows=[NEVER])
    dev = await world.target()
    issue = await world.file(SQL, dev)
    path = f"/pipelines/{issue['pipeline']['id']}/stages/dev/bypass"
    for who in (world.bo, world.person("robot")):
        assert (await who.refused("POST", path, gates=["window"], reason="Outage"))[:2] == (403, "forbidden")
    assert (await world.dora.refused("POST", path, gates=["approval"], reason="Outage"))[0] in (400, 422)
    assert (await world.dora.refused("POST", path, gates=["window"]))[0] in (400, 422)
    assert "bypass" in (await world.dora.ok("GET", f"/issues/{issue['id']}"))["pipeline"]["stages"][0]["actions"]
    shown = await world.dora.ok("POST", path, gates=["window"], reason="Outage")
    assert shown["stages"][0]["bypassed"] == ["window"]
    await world.until(issue, "succeeded")
    assert [d for t, d in await world.events(issue) if t == "STAGE_BYPASSED"] == [
        {"stage": "dev", "gates": ["window"], "reason": "Outage"}
    ]


async def test_nobody_bypasses_the_gates_of_a_change_of_their_own(calm: World) -> None:
    await tier(calm, "dev", windows=[NEVER])
    issue = await calm.file(SQL, await calm.target(), by=calm.dora)
    path = f"/pipelines/{issue['pipeline']['id']}/stages/dev/bypass"
    assert (await calm.dora.refused("POST", path, gates=["window"], reason="Outage"))[:2] == (403, "forbidden")
    assert "bypass" not in (await calm.stages(issue))["dev"]["actions"]
    await calm.ada.ok("POST", path, gates=["window"], reason="Outage")
    assert await calm.statuses(issue) == ["ready"]


async def test_an_edit_asks_bypassed_gates_again(calm: World) -> None:
    await tier(calm, "dev", windows=[NEVER])
    issue = await calm.file(SQL, await calm.target())
    path = f"/pipelines/{issue['pipeline']['id']}/stages/dev/bypass"
    await calm.dora.ok("POST", path, gates=["window"], reason="Outage")
    assert await calm.statuses(issue) == ["ready"]
    await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement="SELECT 2")
    assert await calm.statuses(issue) == ["waiting"]
    assert (await calm.stages(issue))["dev"]["bypassed"] == []


async def test_tiers_refuse_what_could_never_open(calm: World) -> None:
    new = {"slug": "odd", "name": "Odd"}
    for rules, code in (
        ({"windows": [{"cron": "0 0 30 2 *", "duration_minutes": 5}]}, "bad_cron"),
        ({"windows": [{"cron": "* * * * *", "duration_minutes": 5, "time_zone": "Mars"}]}, "unknown_time_zone"),
        ({"soak": 5}, "soak_needs_lower_environments"),
    ):
        status, _, problem = await calm.ada.refused("POST", "/approval-tiers", **new, **rules)
        assert (status, problem["errors"][0]["code"]) == (422, code)
