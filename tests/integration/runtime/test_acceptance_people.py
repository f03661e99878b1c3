"""Acceptance scenarios of the pipeline model that are about people: approvals, rejections, who may do what."""

from __future__ import annotations

import asyncio

from tests.builders import PROJECT, World
from tests.waiting import eventually

SQL = "CREATE TABLE t (id int)"


async def test_33_a_standard_stage_waits_for_one_approval(world: World) -> None:
    staging = await world.target("staging")
    issue = await world.file(SQL, staging)
    shown = (await world.stages(issue))["staging"]
    assert [(b["gate"], b["code"]) for b in shown["blockers"]] == [("approval", "required")]
    assert shown["blockers"][0]["waiting_for"] == ["role:project:owner", "role:workspace:dba"]
    assert issue["waiting_for"] == ["role:project:owner", "role:workspace:dba"]
    assert [p["email"] for p in shown["steps"][0]["candidates"]] >= ["ada@example.com"]
    await world.decide(world.bo, issue, "staging")
    done = await world.until(issue, "succeeded")
    assert done["status"] == "done" and await staging.has("t")
    approval = done["pipeline"]["stages"][0]["approvals"]
    assert [(a["person"]["email"], a["state"], a["step"]) for a in approval] == [("bo@example.com", "fresh", 0)]


async def test_a_critical_stage_needs_an_owner_and_then_a_dba(world: World) -> None:
    prod = await world.target("prod")
    issue = await world.file(SQL, prod)
    seen = (await world.stages(issue))["prod"]["digest"]
    body = {"stages": ["prod"], "digest": {"prod": seen}, "decision": "approve"}
    status, code, _ = await world.dora.refused("POST", f"/issues/{issue['id']}/approvals", **body)
    assert (status, code) == (403, "forbidden")  # hers comes second
    await world.decide(world.bo, issue, "prod")
    status, code, _ = await world.otto.refused("POST", f"/issues/{issue['id']}/approvals", **body)
    assert (status, code) == (403, "forbidden")  # the owner's part is done
    waiting = (await world.stages(issue))["prod"]
    assert [(b["gate"], b["waiting_for"]) for b in waiting["blockers"]] == [("approval", ["role:workspace:dba"])]
    await world.decide(world.dora, issue, "prod")
    await world.until(issue, "succeeded")


async def test_34_an_edit_makes_approvals_stale(calm: World) -> None:
    staging = await calm.target("staging")
    issue = await calm.file(SQL, staging)
    before = (await calm.stages(issue))["staging"]["digest"]
    await calm.decide(calm.bo, issue, "staging")
    assert (await calm.statuses(issue)) == ["ready"]
    await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement="CREATE TABLE t2 (id int)")
    after = (await calm.stages(issue))["staging"]
    assert after["digest"] != before
    assert [(b["gate"], b["code"]) for b in after["blockers"]] == [("approval", "required")]
    assert [a["state"] for a in after["approvals"]] == ["stale"]
    assert (await calm.statuses(issue)) == ["waiting"]
    await calm.start()
    await calm.decide(calm.dora, issue, "staging")
    await calm.until(issue, "succeeded")
    assert await staging.has("t2") and not await staging.has("t")


async def test_55_who_never_approves(calm: World) -> None:
    staging, prod = await calm.target("staging"), await calm.target("prod")
    issue = await calm.file(SQL, staging, prod, by=calm.bo)  # an owner files it
    path = f"/issues/{issue['id']}/approvals"
    digests = {name: s["digest"] for name, s in (await calm.stages(issue)).items()}

    def approve(name: str) -> dict[str, object]:
        return {"stages": [name], "digest": digests, "decision": "approve"}

    author = await calm.bo.refused("POST", path, **approve("staging"))
    machine = await calm.person("robot").refused("POST", path, **approve("staging"))
    viewer = await calm.ana.refused("POST", path, **approve("staging"))
    stranger = await calm.person("eve").refused("POST", path, **approve("staging"))
    assert [(status, code) for status, code, _ in (author, machine, viewer, stranger)] == [
        (403, "forbidden"),
        (403, "forbidden"),
        (403, "forbidden"),
        (404, "not_found"),
    ]
    await calm.decide(calm.person("una"), issue, "prod")  # owner and DBA in one person
    status, code, _ = await calm.person("una").refused("POST", path, **approve("prod"))
    assert (status, code) == (403, "forbidden")
    assert [s["satisfied"] for s in (await calm.stages(issue))["prod"]["steps"]] == [True, False]


async def test_the_last_editor_does_not_approve_either(calm: World) -> None:
    staging = await calm.target("staging")
    issue = await calm.file(SQL, staging)
    await calm.otto.ok("PUT", f"/issues/{issue['id']}/release", statement="CREATE TABLE t2 (id int)")
    body = {"stages": ["staging"], "digest": {"staging": (await calm.stages(issue))["staging"]["digest"]}}
    for editor in (calm.otto, calm.ana):
        status, _, _ = await editor.refused("POST", f"/issues/{issue['id']}/approvals", **body, decision="approve")
        assert status == 403
    await calm.decide(calm.bo, issue, "staging")


async def test_56_an_approval_is_of_what_was_seen(calm: World) -> None:
    staging = await calm.target("staging")
    issue = await calm.file(SQL, staging)
    seen = (await calm.stages(issue))["staging"]["digest"]
    await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement="DROP TABLE t")
    body = {"stages": ["staging"], "digest": {"staging": seen}, "decision": "approve"}
    status, code, problem = await calm.bo.refused("POST", f"/issues/{issue['id']}/approvals", **body)
    now = (await calm.stages(issue))["staging"]
    assert (status, code, problem["digests"]) == (409, "stale_digest", {"staging": now["digest"]})
    assert now["approvals"] == []
    status, code, _ = await calm.bo.refused("POST", f"/issues/{issue['id']}/approvals", **body | {"digest": {}})
    assert (status, code) == (422, "digest_required")


async def test_63_a_rejection_is_cleared_by_an_edit(calm: World) -> None:
    prod = await calm.target("prod")
    issue = await calm.file(SQL, prod)
    await calm.decide(calm.bo, issue, "prod")
    path = f"/issues/{issue['id']}/approvals"
    seen = (await calm.stages(issue))["prod"]["digest"]
    reject = {"stages": ["prod"], "digest": {"prod": seen}, "decision": "reject"}
    assert (await calm.dora.refused("POST", path, **reject))[:2] == (422, "reason_required")
    assert (await calm.person("ana").refused("POST", path, **reject, comment="no"))[0] == 403
    await calm.decide(calm.dora, issue, "prod", decision="reject", comment="Name the column.")
    blockers = (await calm.stages(issue))["prod"]["blockers"]
    assert [b["code"] for b in blockers] == ["changes_requested", "required"]
    assert blockers[0]["waiting_for"] == ["user:dora@example.com", "author"]
    await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement="CREATE TABLE t (number int)")
    after = (await calm.stages(issue))["prod"]
    assert [b["code"] for b in after["blockers"]] == ["required"]
    assert [a["state"] for a in after["approvals"]] == ["stale", "stale"]


async def test_a_rejection_is_cleared_by_whoever_gave_it(calm: World) -> None:
    staging = await calm.target("staging")
    issue = await calm.file(SQL, staging)
    await calm.decide(calm.bo, issue, "staging", decision="reject", comment="Wait.")
    await calm.decide(calm.dora, issue, "staging")
    assert (await calm.statuses(issue)) == ["waiting"]
    await calm.decide(calm.bo, issue, "staging", comment="Go on.")
    assert (await calm.statuses(issue)) == ["ready"]


async def test_a_rejection_stops_what_was_approved_but_not_started(calm: World) -> None:
    staging = await calm.target("staging")
    issue = await calm.file(SQL, staging)
    await calm.decide(calm.bo, issue, "staging")
    await calm.decide(calm.dora, issue, "staging", decision="reject", comment="Not today.")
    assert (await calm.statuses(issue)) == ["waiting"]


async def test_a_tier_that_becomes_stricter_closes_what_was_open(calm: World) -> None:
    """Rules are read live, and a permit of another generation is void."""
    dev = await calm.target("dev")
    issue = await calm.file(SQL, dev)
    assert (await calm.statuses(issue)) == ["ready"]
    try:
        await calm.ada.ok("PATCH", "/environments/dev", tier="standard")
        await calm.start()

        async def closed() -> bool:
            return (await calm.statuses(issue)) == ["waiting"]

        await eventually(closed)
        await calm.decide(calm.bo, issue, "dev")
        await calm.until(issue, "succeeded")
    finally:
        await calm.ada.ok("PATCH", "/environments/dev", tier="open")


async def test_an_approver_who_is_disabled_does_not_count(calm: World) -> None:
    staging = await calm.target("staging")
    issue = await calm.file(SQL, staging)
    person = {"email": f"tmp{issue['id']}@example.com", "name": "Tim", "password": "correct horse battery"}
    made = await calm.ada.ok("POST", "/users", **person, workspace_role="dba")
    digest = (await calm.stages(issue))["staging"]["digest"]
    await calm.sql(
        "INSERT INTO approval (stage_id, digest, account_id, decision, step)"
        " VALUES (:stage, :digest, :who, 'approve', 0)",
        stage=(await calm.stages(issue))["staging"]["id"],
        digest=digest,
        who=made["id"],
    )
    assert (await calm.stages(issue))["staging"]["blockers"] == []
    await calm.start()
    await calm.ada.ok("PATCH", f"/users/{made['id']}", disabled=True)

    async def void() -> bool:
        shown = (await calm.stages(issue))["staging"]
        return [a["state"] for a in shown["approvals"]] == ["void"] and [b["code"] for b in shown["blockers"]] == [
            "required"
        ]

    await eventually(void)
    assert (await calm.statuses(issue)) == ["waiting"]


async def test_waiting_for_me(calm: World) -> None:
    staging, prod = await calm.target("staging"), await calm.target("prod")
    first = await calm.file(SQL, staging)
    second = await calm.file(SQL, prod)
    assert await _mine(calm, "bo") == {first["id"], second["id"]}
    assert await _mine(calm, "dora") == {first["id"]}
    await calm.decide(calm.bo, second, "prod")
    assert await _mine(calm, "bo") == {first["id"]}
    assert await _mine(calm, "dora") == {first["id"], second["id"]}
    await calm.decide(calm.dora, first, "staging", decision="reject", comment="Why?")
    assert await _mine(calm, "ana") == {first["id"]}


async def _mine(world: World, name: str) -> set[int]:
    page = await world.person(name).ok("GET", f"/issues?waiting_for=me&project={PROJECT}")
    return {i["id"] for i in page["items"]}


async def test_two_people_at_once_fill_one_step_once(calm: World) -> None:
    staging = await calm.target("staging")
    issue = await calm.file(SQL, staging)
    body = {"stages": ["staging"], "digest": {"staging": (await calm.stages(issue))["staging"]["digest"]}}
    answers = await asyncio.gather(
        *(
            who.post(f"/issues/{issue['id']}/approvals", json={**body, "decision": "approve"})
            for who in (calm.bo, calm.otto, calm.dora)
        )
    )
    assert sorted(a.status_code for a in answers) == [200, 409, 409]
    assert len((await calm.stages(issue))["staging"]["approvals"]) == 1
