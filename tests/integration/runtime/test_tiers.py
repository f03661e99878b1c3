"""Approval tiers in full: escalations on what review found, groups of people, who could approve, and what is void."""

from __future__ import annotations

from typing import Any

from penstock.services import stage_facts
from penstock.services.progress import Progress
from tests.builders import PROJECT, Json, World
from tests.waiting import eventually

OWNER, DBA = {"role": "project:owner"}, {"role": "workspace:dba"}
SQL = "CREATE TABLE t (id int)"


async def own_tier(world: World, environment: str, **rules: Any) -> str:
    """Give an environment a tier of its own for this test."""
    slug = f"own-{environment}"
    await world.ada.ok("POST", "/approval-tiers", slug=slug, name=slug, **rules)
    await world.ada.ok("PATCH", f"/environments/{environment}", tier=slug)
    return slug


async def group(world: World, slug: str, *names: str) -> None:
    await world.ada.ok("POST", "/groups", slug=slug, name=slug.title())
    answer = await world.ada.put(f"/groups/{slug}/members", json=[f"{n}@example.com" for n in names])
    assert answer.is_success, answer.text


async def steps(world: World, issue: Json, stage: str) -> list[Json]:
    found: list[Json] = (await world.stages(issue))[stage]["steps"]
    return found


async def measure(world: World, issue: Json, sizes: stage_facts.Sizes | None) -> None:
    """Review the only stage again, as with a catalog that says this."""

    async def work(conn: Any) -> None:
        progress = await Progress.begin(conn, issue["pipeline"]["id"])
        await stage_facts.write(conn, progress.pipeline.stages[0].id, sizes)
        await progress.advance()
        await progress.finish()

    await world.database.run(work)


async def test_a_change_that_removes_data_needs_another_yes(calm: World) -> None:
    escalation = {"when": {"destructive": True}, "add_steps": [{"any_of": [DBA]}]}
    await own_tier(calm, "dev", steps=[{"any_of": [OWNER]}], escalations=[escalation])
    dev = await calm.target("dev")
    harmless, drops = await calm.file(SQL, dev), await calm.file("DROP TABLE t", dev)
    opaque = await calm.file("DO $$ BEGIN END $$", dev)
    assert [s["label"] for s in await steps(calm, harmless, "dev")] == ["project owner"]
    assert [(s["label"], s["because"]) for s in await steps(calm, drops, "dev")] == [
        ("project owner", None),
        ("DBA", "the change removes data"),
    ]
    unknown = (await steps(calm, opaque, "dev"))[1]["because"]
    assert unknown.startswith("it is not known whether the change removes data: what change ")
    await calm.decide(calm.bo, harmless, "dev")
    await calm.decide(calm.bo, drops, "dev")
    assert (await calm.statuses(harmless), await calm.statuses(drops)) == (["ready"], ["waiting"])
    [blocker] = (await calm.stages(drops))["dev"]["blockers"]
    assert blocker["message"] == ("Waits for an approval by DBA. This step was added because the change removes data.")
    await calm.decide(calm.dora, drops, "dev")
    assert (await calm.statuses(drops)) == ["ready"]


async def test_an_edit_takes_the_escalation_back(calm: World) -> None:
    escalation = {"when": {"destructive": True}, "add_steps": [{"any_of": [DBA]}]}
    await own_tier(calm, "dev", steps=[{"any_of": [OWNER]}], escalations=[escalation])
    issue = await calm.file("DROP TABLE t", await calm.target("dev"))
    assert len(await steps(calm, issue, "dev")) == 2
    await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement=SQL)
    assert len(await steps(calm, issue, "dev")) == 1


async def test_findings_escalate(calm: World) -> None:
    escalation = {"when": {"finding_severity": "warning"}, "add_steps": [{"any_of": [DBA], "count": 2}]}
    await own_tier(calm, "dev", escalations=[escalation])
    dev = await calm.target("dev")
    fine = await calm.file(SQL, dev)
    found = await calm.file("CREATE TABLE u (id int); VACUUM u", dev)  # several steps: a warning
    assert await steps(calm, fine, "dev") == []
    [step] = await steps(calm, found, "dev")
    assert (step["label"], step["because"]) == ("2 × DBA", "review found 1 warning")


async def test_a_large_table_needs_another_yes_and_so_does_an_unknown_one(calm: World) -> None:
    escalation = {"when": {"rows_over": 1_000}, "add_steps": [{"any_of": [DBA]}]}
    await own_tier(calm, "dev", escalations=[escalation])
    dev = await calm.target("dev")
    name = f"pg-dev/{dev.name}"
    assert await calm.statuses(await calm.file(SQL, dev)) == ["ready"]  # it touches no table that is there
    issue = await calm.file("ALTER TABLE orders ADD note text", dev)
    [step] = await steps(calm, issue, "dev")
    assert step["because"] == f"it is not known how many rows its tables have: {name} has no table orders"
    await dev.execute("CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 5000) n; ANALYZE orders")
    await calm.ana.ok("POST", f"/issues/{issue['id']}/review")
    [step] = await steps(calm, issue, "dev")
    assert step["because"] == f"orders on {name} has about 5,000 rows (more than 1,000)"
    assert await calm.statuses(issue) == ["waiting"]
    await dev.execute("DELETE FROM orders WHERE id > 900")
    await dev.execute("VACUUM ANALYZE orders")
    await calm.ana.ok("POST", f"/issues/{issue['id']}/review")
    assert (await steps(calm, issue, "dev"), await calm.statuses(issue)) == ([], ["ready"])


async def test_what_nobody_measured_counts_as_large(calm: World) -> None:
    escalation = {"when": {"table_bytes_over": 10**12}, "add_steps": [{"any_of": [DBA]}]}
    await own_tier(calm, "dev", escalations=[escalation])
    issue = await calm.file("ALTER TABLE orders ADD note text", await calm.target("dev"))
    await measure(calm, issue, None)
    [step] = await steps(calm, issue, "dev")
    assert step["because"] == (
        "it is not known how many bytes its tables have: its tables were not measured; run the review again"
    )


async def test_a_tier_that_changes_asks_the_new_person(calm: World) -> None:
    await group(calm, "payments", "rita")
    tier = await own_tier(calm, "dev", steps=[{"any_of": [OWNER]}])
    issue = await calm.file(SQL, await calm.target("dev"))
    [step] = await steps(calm, issue, "dev")
    assert [p["name"] for p in step["candidates"]] == ["Bo", "Otto", "Una"]
    await calm.ada.ok("PATCH", f"/approval-tiers/{tier}", steps=[{"any_of": [{"group": "payments"}]}])
    [step] = await steps(calm, issue, "dev")
    assert (step["any_of"], [p["name"] for p in step["candidates"]]) == (["group:payments"], ["Rita"])
    assert (step["next"], step["more_candidates"]) == (True, False)
    digest = {"dev": (await calm.stages(issue))["dev"]["digest"]}
    body = {"stages": ["dev"], "digest": digest, "decision": "approve"}
    assert (await calm.bo.refused("POST", f"/issues/{issue['id']}/approvals", **body))[0] == 403
    await calm.start()

    async def inbox() -> bool:
        return [i["id"] for i in (await calm.rita.ok("GET", "/issues?waiting_for=me"))["items"]] == [issue["id"]]

    await eventually(inbox)
    await calm.decide(calm.rita, issue, "dev")
    await calm.until(issue, "succeeded")


async def test_who_leaves_a_group_no_longer_counts(calm: World) -> None:
    await group(calm, "payments", "rita", "eve")
    await own_tier(calm, "dev", steps=[{"any_of": [{"group": "payments"}]}])
    issue = await calm.file(SQL, await calm.target("dev"))
    await calm.decide(calm.rita, issue, "dev")
    assert await calm.statuses(issue) == ["ready"]
    answer = await calm.ada.put("/groups/payments/members", json=["eve@example.com"])
    assert [p["name"] for p in answer.json()] == ["Eve"]
    shown = (await calm.stages(issue))["dev"]
    assert [(a["state"], a["why"]) for a in shown["approvals"]] == [
        ("void", "Rita no longer has a role that this stage asks for.")
    ]
    assert [b["code"] for b in shown["blockers"]] == ["required"]


async def test_what_was_approved_before_an_edit_stays_visible(calm: World) -> None:
    issue = await calm.file(SQL, await calm.target("staging"))
    await calm.decide(calm.bo, issue, "staging", comment="Fine.")
    await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement="CREATE TABLE u (id int)")
    [old] = (await calm.stages(issue))["staging"]["approvals"]
    assert (old["state"], old["why"], old["comment"]) == (
        "stale",
        "It was given on an earlier version of this stage.",
        "Fine.",
    )


async def test_approval_is_asked_for_again(calm: World) -> None:
    issue = await calm.file(SQL, await calm.target("staging"), await calm.target("dev"))
    path = f"/issues/{issue['id']}/request-approval"
    await calm.decide(calm.bo, issue, "staging", decision="reject", comment="Why?")
    asked = await calm.ana.ok("POST", path, comment="Because of the new report.")
    codes = {b["code"] for b in (await calm.stages(issue))["staging"]["blockers"]}
    assert {"changes_requested", "required"} <= codes  # asking again clears nothing
    assert "request_approval" in asked["actions"]
    told = [d for t, d in await calm.events(issue) if t == "APPROVAL_REQUESTED" and d.get("again")]
    assert told == [{"stage": "staging", "comment": "Because of the new report.", "again": True}]
    await calm.decide(calm.bo, issue, "staging")
    assert (await calm.ana.refused("POST", path, comment="Please."))[:2] == (409, "conflict")
    assert "request_approval" not in (await calm.issue(issue))["actions"]
    await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    assert (await calm.ana.refused("POST", path, comment="Please."))[:2] == (409, "invalid_transition")


async def test_the_candidates_of_many_stages_cost_one_query(calm: World) -> None:
    dev, staging, prod = [await calm.target(e) for e in ("dev", "staging", "prod")]
    one, three = await calm.file(SQL, staging), await calm.file(SQL, dev, staging, prod)
    with calm.count_statements() as small:
        await calm.issue(one)
    with calm.count_statements() as large:
        await calm.issue(three)
    assert small() == large()


async def test_a_step_that_nobody_could_fill_is_refused(calm: World) -> None:
    wrong = [
        {"any_of": [{"role": "project:king"}]},
        {"any_of": [{"group": "nobody"}, {"user": "nobody@example.com"}]},
        {"any_of": [{"role": "project:owner", "group": "nobody"}]},
    ]
    escalations = [{"when": {}, "add_steps": [{"any_of": [{"group": "nobody"}]}]}]
    body = {"slug": "own-wrong", "name": "Wrong", "steps": wrong, "escalations": escalations}
    status, _, problem = await calm.ada.refused("POST", "/approval-tiers", **body)
    assert (status, [(e["field"], e["message"]) for e in problem["errors"]]) == (
        422,
        [
            (
                "escalations[0].when",
                "Say when: at least one of finding_severity, destructive, rows_over and table_bytes_over.",
            ),
            (
                "steps[0].any_of[0].role",
                "Not one of project:developer, project:owner, project:releaser, workspace:admin, workspace:dba.",
            ),
            ("steps[1].any_of[0].group", "There is no group nobody."),
            ("steps[1].any_of[1].user", "There is no user nobody@example.com."),
            ("steps[2].any_of[0]", "Give exactly one of role, group and user."),
            ("escalations[0].add_steps[0].any_of[0].group", "There is no group nobody."),
        ],
    )


async def test_a_group_that_a_tier_asks_stays(calm: World) -> None:
    await group(calm, "payments", "rita")
    escalation = {"when": {"destructive": True}, "add_steps": [{"any_of": [{"group": "payments"}]}]}
    tier = await own_tier(calm, "dev", escalations=[escalation])
    status, code, problem = await calm.ada.refused("DELETE", "/groups/payments")
    assert (status, code) == (409, "conflict")
    assert problem["detail"] == "The approval tier own-dev asks this group: change its steps first."
    await calm.ada.ok("PATCH", f"/approval-tiers/{tier}", escalations=[])
    await calm.ada.ok("DELETE", "/groups/payments")
    assert (await calm.ada.refused("GET", "/groups/payments"))[0] == 404


async def test_the_built_in_tiers_want_the_lower_environments_first(calm: World) -> None:
    tiers = {t["slug"]: t for t in (await calm.ana.ok("GET", "/approval-tiers?page_size=100"))["items"]}
    wants = {slug: tiers[slug]["requires_lower_environments"] for slug in ("open", "standard", "critical")}
    assert wants == {"open": False, "standard": True, "critical": True}
    await calm.target("dev")  # the project has a database below
    staging = await calm.target("staging")
    await calm.ada.ok("PATCH", "/environments/staging", tier="standard")
    issue = await calm.file(SQL, staging)
    gates = [b["gate"] for b in (await calm.stages(issue))["staging"]["blockers"]]
    assert gates == ["approval", "lower-environments"]


async def test_when_windows_that_are_not_saved_would_open(calm: World) -> None:
    windows = [{"cron": "0 2 * * *", "duration_minutes": 90, "time_zone": "Europe/Berlin"}]
    found = await calm.ana.ok("POST", "/approval-tiers/openings", windows=windows)
    assert len(found) == 3
    assert [f["starts"] for f in found] == sorted(f["starts"] for f in found)
    status, _, problem = await calm.ana.refused(
        "POST", "/approval-tiers/openings", windows=[{**windows[0], "cron": "61 * * * *"}]
    )
    assert (status, problem["errors"][0]["field"]) == (422, "windows[0].cron")


async def test_groups_give_no_permission_and_only_administrators_edit_them(calm: World) -> None:
    await group(calm, "payments", "eve")
    assert (await calm.dora.refused("POST", "/groups", slug="x", name="X"))[:2] == (403, "forbidden")
    assert (await calm.person("eve").refused("GET", f"/projects/{PROJECT}"))[0] == 404
    answer = await calm.ada.put("/groups/payments/members", json=["eve@example.com", "Eve@example.com", "x@y.z"])
    errors = [(e["field"], e["code"]) for e in answer.json()["errors"]]
    assert (answer.status_code, errors) == (422, [("[1]", "duplicate_principal"), ("[2]", "unknown_user")])
