"""Acceptance scenarios of status checks: what other systems say of a release, and how that holds it where it is."""

from __future__ import annotations

from typing import Any

from penstock.runtime.gatekeeper import Gatekeeper
from tests.builders import PROJECT, Client, Json, World
from tests.hand import Hand

SQL = "CREATE TABLE t (id int)"
RED = ("pending", "failure", "error")
CI = "ci/circle"
LOAD = "load/k6"


async def release(world: World, version: str = "1", **more: Any) -> int:
    """Store a release."""
    change = {"version": version, "name": "t", "statement": SQL}
    made = await world.ana.ok("POST", "/releases", project=PROJECT, changes=[change], **more)
    return int(made["id"])


async def report(
    who: Client, release_id: int, state: str, context: str = CI, environment: str = "dev", **more: Any
) -> Json:
    """Report a check."""
    body = {"environment": environment, "context": context, "state": state, **more}
    found: Json = await who.ok("POST", f"/releases/{release_id}/statuses", **body)
    return found


async def require(world: World, *contexts: str, environment: str = "dev") -> None:
    """Require checks; their systems introduce themselves with a release of their own."""
    first = await release(world, "introduction")
    for context in contexts:
        await report(world.ana, first, "success", context)
    path = f"/projects/{PROJECT}/environments/{environment}/required-checks"
    await world.bo.ok("PUT", path, contexts=list(contexts))


async def blockers(world: World, issue: Json, stage: str = "staging") -> list[tuple[str, str]]:
    return [(b["gate"], b["code"]) for b in (await world.stages(issue))[stage]["blockers"]]


async def open_tier(world: World, environment: str) -> None:
    """Let an environment ask for nobody's approval, and for nothing below."""
    await world.ada.ok("POST", "/approval-tiers", slug=f"own-{environment}", name="Own")
    await world.ada.ok("PATCH", f"/environments/{environment}", tier=f"own-{environment}")


async def gates_are_asked(world: World) -> None:
    while await Gatekeeper(world.database).round():
        pass


async def test_a_required_check_holds_a_release_until_it_is_green(calm: World) -> None:
    await open_tier(calm, "staging")
    await calm.target()
    staging = await calm.target("staging")
    await require(calm, CI)
    wanted = await release(calm)
    issue = await calm.file([], staging, release=wanted)
    for state in RED:
        assert (await blockers(calm, issue))[0][0] == "status-check"
        await report(calm.ana, wanted, state)
        await gates_are_asked(calm)
        assert await blockers(calm, issue) == [("status-check", state)]
        assert await calm.statuses(issue) == ["waiting"]
    await report(calm.ana, wanted, "success")
    await gates_are_asked(calm)
    assert await blockers(calm, issue) == [] and await calm.statuses(issue) == ["ready"]


async def ready_to_promote(world: World, *contexts: str, version: str = "1") -> int:
    """A release that is applied in dev, from which it cannot go on without some checks."""
    await open_tier(world, "staging")
    dev = await world.target()
    await world.target("staging")
    await require(world, *contexts)
    wanted = await release(world, version)
    await world.until(await world.file([], dev, release=wanted), "succeeded")
    return wanted


def promotion(wanted: int, override: str | None = None) -> Json:
    about: Json = {"project": PROJECT, "release": wanted, "source": {"environment": "dev"}}
    return about if override is None else about | {"override": {"reason": override}}


async def held(who: Client, body: Json) -> list[tuple[str, str]]:
    """What holds a promotion that is refused."""
    status, code, problem = await who.refused("POST", "/promotions", **body)
    assert (status, code) == (409, "blocked")
    return [(b["gate"], b["code"]) for b in problem["blockers"]]


async def test_49_what_is_missing_pending_or_failed_holds_whoever_says_what(world: World) -> None:
    wanted = await ready_to_promote(world, CI)
    for state in ("missing", "pending", "failure"):
        if state != "missing":
            await report(world.ana, wanted, state)
        for override in (None, "Never mind"):
            assert await held(world.rita, promotion(wanted, override)) == [("status-check", state)]
    await report(world.ana, wanted, "success")
    made = await world.rita.ok("POST", "/promotions", **promotion(wanted))
    assert (await world.issue({"id": made["issue"]}))["release"] == wanted


async def test_50_an_error_holds_unless_a_person_with_the_right_lets_it_pass(world: World) -> None:
    wanted = await ready_to_promote(world, CI)
    error = await report(world.ana, wanted, "error")
    assert await held(world.rita, promotion(wanted)) == [("status-check", "error")]
    for who in (world.person("robot"), world.ana):
        status, code, _ = await who.refused("POST", "/promotions", **promotion(wanted, "The checker is down"))
        assert (status, code) == (403, "forbidden")
    assert not await world.sql("SELECT 1 FROM check_override")
    made = await world.rita.ok("POST", "/promotions", **promotion(wanted, "The checker is down"))
    issue = {"id": made["issue"], "pipeline": {"id": made["pipeline"]}}
    assert [(t, d["reason"]) for t, d in await world.events(issue) if t == "CHECK_OVERRIDDEN"] == [
        ("CHECK_OVERRIDDEN", "The checker is down")
    ]
    [(data,)] = await world.sql("SELECT data FROM audit WHERE action = 'check.override' ORDER BY id DESC LIMIT 1")
    known = {"release": wanted, "environment": "dev", "context": CI, "report": error["id"]}
    assert data == {"checks": [known], "reason": "The checker is down"}
    await world.until(issue, "succeeded")


async def test_51_an_error_beside_a_failure_cannot_be_let_pass(world: World) -> None:
    wanted = await ready_to_promote(world, CI, LOAD)
    await report(world.ana, wanted, "error", CI)
    await report(world.ana, wanted, "failure", LOAD)
    gates = [("status-check", "error"), ("status-check", "failure")]
    assert sorted(await held(world.rita, promotion(wanted, "Never mind"))) == gates
    assert not await world.sql("SELECT 1 FROM check_override")


async def test_52_a_check_that_turns_red_holds_what_has_not_started(calm: World) -> None:
    await calm.start()
    wanted = await ready_to_promote(calm, CI)
    await calm.stop()
    for _ in range(2):
        await calm.target("staging")
    await report(calm.ana, wanted, "success")
    made = await calm.rita.ok("POST", "/promotions", **promotion(wanted), fan_out={"max_parallel": 2})
    issue = {"id": made["issue"], "pipeline": {"id": made["pipeline"]}}
    hand = await Hand(calm.database).register()
    [ended, scheduled] = await hand.claim(2)
    await hand.start(ended)
    assert await hand.finish(ended, "succeeded")
    assert sorted(await calm.statuses(issue)) == ["ready", "scheduled", "succeeded"]
    await report(calm.ana, wanted, "failure")
    # From this moment on, whoever is asked first: the claim or the gates.
    assert await hand.claim() == []
    await gates_are_asked(calm)
    assert sorted(await calm.statuses(issue)) == ["scheduled", "succeeded", "waiting"]
    assert await blockers(calm, issue) == [("status-check", "failure")]
    status, *_ = await calm.rita.refused("POST", "/promotions", **promotion(wanted))
    assert status == 409
    await report(calm.ana, wanted, "success")
    await gates_are_asked(calm)
    assert await blockers(calm, issue) == []
    assert scheduled.id in {t["id"] for t in await calm.tasks(issue)}


async def test_53_what_cannot_be_reported_or_required(calm: World) -> None:
    wanted = await release(calm)
    path = f"/releases/{wanted}/statuses"
    fine = {"environment": "dev", "context": CI, "state": "success"}
    staging = await calm.target("staging")
    for change, field, code in (
        ({"state": "green"}, "state", "bad_state"),
        ({"target_url": "ftp://example.com/1"}, "target_url", "bad_url"),
        ({"target_url": "javascript:alert(1)"}, "target_url", "bad_url"),
        ({"context": "circle"}, "context", "bad_context"),
        ({"environment": "moon"}, "environment", "unknown_environment"),
        ({"database": 10**9}, "database", "unknown_database"),
        ({"database": staging.id}, "database", "other_environment"),
        ({"propagate": True, "propogate": False}, "propagate", "contradiction"),
    ):
        status, _, problem = await calm.ana.refused("POST", path, **{**fine, **change})
        assert (status, [(e["field"], e["code"]) for e in problem["errors"]]) == (422, [(field, code)])
    status, _, problem = await calm.ana.refused("POST", path, environment="moon", context="x", state="y")
    assert {e["field"] for e in problem["errors"]} == {"environment", "context", "state"}
    assert (await calm.ana.ok("GET", path))["items"] == [] and not await calm.sql("SELECT 1 FROM check_context")
    required = f"/projects/{PROJECT}/environments/dev/required-checks"
    await report(calm.ana, wanted, "success", LOAD, environment="staging")
    status, _, problem = await calm.bo.refused("PUT", required, contexts=[LOAD, CI])
    assert (status, [(e["field"], e["code"]) for e in problem["errors"]]) == (422, [("contexts[1]", "never_reported")])
    assert (await calm.ana.ok("GET", required))["contexts"] == []
    # One that was reported anywhere in the project may be required in any of its environments.
    assert (await calm.bo.ok("PUT", required, contexts=[LOAD]))["contexts"] == [LOAD]


async def test_who_may_report_require_and_look(calm: World) -> None:
    wanted = await release(calm)
    await report(calm.person("robot"), wanted, "success")
    path, required = f"/releases/{wanted}/statuses", f"/projects/{PROJECT}/environments/dev/required-checks"
    fine = {"environment": "dev", "context": CI, "state": "success"}
    assert (await calm.person("eve").refused("POST", path, **fine))[0] in (403, 404)
    assert (await calm.person("eve").refused("GET", path))[0] == 404
    for who in ("ana", "rita", "robot"):
        assert (await calm.person(who).refused("PUT", required, contexts=[CI]))[:2] == (403, "forbidden")
    await calm.bo.ok("PUT", required, contexts=[CI])


async def test_two_who_require_at_the_same_time_do_not_undo_each_other(calm: World) -> None:
    await report(calm.ana, await release(calm), "success")
    path = f"/projects/{PROJECT}/environments/dev/required-checks"
    seen = (await calm.bo.get(path)).headers["ETag"]
    first = await calm.bo.put(path, json={"contexts": [CI]}, headers={"If-Match": seen})
    assert first.status_code == 200
    second = await calm.otto.put(path, json={"contexts": []}, headers={"If-Match": seen})
    assert second.status_code == 412
    assert (await calm.ana.ok("GET", path))["contexts"] == [CI]


async def test_the_same_context_again_updates_and_the_history_stays(calm: World) -> None:
    wanted = await release(calm)
    dev = await calm.target()
    one = f"{dev.instance}/{dev.name}"
    for state in ("pending", "success"):
        await report(calm.ana, wanted, state, description=state.title())
    await report(calm.ana, wanted, "failure", database=dev.id, target_url="https://ci.example.com/1")
    path = f"/releases/{wanted}/statuses"
    latest = (await calm.ana.ok("GET", path))["items"]
    assert [(r["database"], r["state"]) for r in latest] == [(one, "failure"), (None, "success")]
    history = (await calm.ana.ok("GET", f"{path}?history=true&context={CI}"))["items"]
    assert [r["state"] for r in history] == ["failure", "success", "pending"]
    assert (history[0]["target_url"], history[1]["description"]) == ("https://ci.example.com/1", "Success")
    assert history[0]["reported_by"]["name"] == "Ana"
    assert (await calm.ana.ok("GET", f"{path}?environment=staging"))["items"] == []
    told = await calm.sql("SELECT data ->> 'state' FROM event WHERE type = 'CHECK_REPORTED' ORDER BY id")
    assert told == [("pending",), ("success",), ("failure",)]
    matrix = await calm.ana.ok("GET", f"/projects/{PROJECT}/checks")
    assert [e["slug"] for e in matrix["environments"]] == ["dev"] and matrix["can_require"] is False
    [row] = matrix["items"]
    # All databases are fine but for one.
    assert (row["context"], row["environments"][0]["state"], row["environments"][0]["required"]) == (
        CI,
        "failure",
        False,
    )
    assert row["environments"][0]["latest"]["database"] == one


async def test_the_worst_database_counts_whichever_issue_it_got_the_release_by(world: World) -> None:
    wanted = await ready_to_promote(world, CI)
    [(first,)] = await world.sql("SELECT database_id FROM task WHERE release_id = :r", r=wanted)
    await report(world.ana, wanted, "success", database=first)
    second = await world.target()
    await world.until(await world.file([], second, release=wanted), "succeeded")
    status, _, problem = await world.rita.refused("POST", "/promotions", **promotion(wanted))
    assert status == 409 and f"{second.instance}/{second.name}" in problem["blockers"][0]["message"]
    await report(world.ana, wanted, "success", database=second.id)
    await world.rita.ok("POST", "/promotions", **promotion(wanted))


async def test_an_override_is_for_what_was_known_and_for_one_stage(calm: World) -> None:
    await open_tier(calm, "staging")
    await calm.target()
    await require(calm, CI)
    wanted = await release(calm)
    await report(calm.ana, wanted, "error")
    issues = [await calm.file([], await calm.target("staging"), release=wanted) for _ in range(2)]
    override = {"override": {"reason": "The checker is down"}}
    path = f"/pipelines/{issues[0]['pipeline']['id']}/stages/staging/advance"
    assert "override" in (await calm.rita.ok("GET", f"/issues/{issues[0]['id']}"))["pipeline"]["stages"][0]["actions"]
    assert (await calm.rita.refused("POST", path))[:2] == (409, "blocked")
    assert (await calm.person("robot").refused("POST", path, **override))[:2] == (403, "forbidden")
    shown = await calm.rita.ok("POST", path, **override)
    assert shown["stages"][0]["blockers"] == [] and "override" not in shown["stages"][0]["actions"]
    assert [await calm.statuses(i) for i in issues] == [["ready"], ["waiting"]]
    # The checker is up again, and down again: nobody has seen that yet.
    await report(calm.ana, wanted, "error")
    await gates_are_asked(calm)
    assert await calm.statuses(issues[0]) == ["waiting"]
    assert await blockers(calm, issues[0]) == [("status-check", "error")]
    await report(calm.ana, wanted, "failure")
    assert (await calm.rita.refused("POST", path, **override))[:2] == (409, "blocked")


async def test_an_override_leaves_other_gates_closed(calm: World) -> None:
    await calm.ada.ok("POST", "/approval-tiers", slug="own-staging", name="Own", rollout="manual")
    await calm.ada.ok("PATCH", "/environments/staging", tier="own-staging")
    await calm.target()
    await require(calm, CI)
    wanted = await release(calm)
    await report(calm.ana, wanted, "error")
    issue = await calm.file([], await calm.target("staging"), release=wanted)
    await calm.bo.ok("PUT", f"/projects/{PROJECT}/freeze", reason="Sale")
    path = f"/pipelines/{issue['pipeline']['id']}/stages/staging/advance"
    await calm.rita.ok("POST", path, override={"reason": "The checker is down"})
    assert await blockers(calm, issue) == [("freeze", "frozen"), ("advance", "manual")]
    await calm.bo.ok("DELETE", f"/projects/{PROJECT}/freeze")
    await calm.rita.ok("POST", path)
    assert await calm.statuses(issue) == ["ready"]


async def test_an_edit_drops_the_checks_of_what_was(calm: World) -> None:
    await open_tier(calm, "staging")
    await calm.target()
    await require(calm, CI)
    issue = await calm.file(SQL, await calm.target("staging"))
    await report(calm.ana, issue["release"], "success")
    await gates_are_asked(calm)
    assert await calm.statuses(issue) == ["ready"]
    await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement="SELECT 2")
    assert await calm.statuses(issue) == ["waiting"]
    assert await blockers(calm, issue) == [("status-check", "missing")]


async def test_what_is_not_meant_for_an_environment_needs_no_check_there(calm: World) -> None:
    await open_tier(calm, "staging")
    await calm.target()
    await require(calm, CI)
    change = {"version": "1", "name": "t", "statement": SQL, "environments": ["staging"]}
    issue = await calm.file([change], await calm.target("staging"))
    assert await blockers(calm, issue) == [] and await calm.statuses(issue) == ["ready"]


async def test_requiring_and_no_longer_requiring_is_felt_at_once(calm: World) -> None:
    await open_tier(calm, "staging")
    await calm.target()
    await report(calm.ana, await release(calm, "introduction"), "success")
    issue = await calm.file(SQL, await calm.target("staging"))
    hand = await Hand(calm.database).register()
    required = f"/projects/{PROJECT}/environments/dev/required-checks"
    await calm.bo.ok("PUT", required, contexts=[CI])
    assert await hand.claim() == []
    await gates_are_asked(calm)
    assert await blockers(calm, issue) == [("status-check", "missing")]
    await calm.bo.ok("PUT", required, contexts=[])
    await gates_are_asked(calm)
    assert len(await hand.claim()) == 1


async def test_the_previous_environment_is_the_nearest_that_has_databases(calm: World) -> None:
    """Nothing in staging: what leaves for production leaves dev."""
    await open_tier(calm, "prod")
    await calm.target()
    await require(calm, CI)
    issue = await calm.file(SQL, await calm.target("prod"))
    assert await blockers(calm, issue, "prod") == [("status-check", "missing")]
    await calm.target("staging")
    await calm.sql("UPDATE stage SET wake_at = now()")
    await gates_are_asked(calm)
    assert await blockers(calm, issue, "prod") == []


async def test_another_order_of_environments_asks_again_at_once(calm: World) -> None:
    await open_tier(calm, "prod")
    await calm.target()
    await calm.target("staging")
    await require(calm, CI)
    await calm.file(SQL, await calm.target("prod"))
    await calm.ada.ok("PATCH", "/environments/dev", position=1)
    try:
        assert await (await Hand(calm.database).register()).claim() == []
        await gates_are_asked(calm)
        [(blocked,)] = await calm.sql("SELECT blockers FROM stage")
        assert [b["gate"] for b in blocked] == ["status-check"]
    finally:
        await calm.ada.ok("PATCH", "/environments/dev", position=0)


async def test_many_checks_cost_no_more_questions(calm: World) -> None:
    await open_tier(calm, "staging")
    await calm.target()
    names = [f"ci/{n}" for n in range(30)]
    wanted = await release(calm)
    issue = await calm.file([], await calm.target("staging"), release=wanted)

    async def asked() -> int:
        with calm.count_statements() as count:
            await calm.issue(issue)
            return count()

    await require(calm, names[0])
    few = await asked()
    await require(calm, *names)
    for name in names:
        await report(calm.ana, wanted, "success", name)
    assert await asked() == few
