"""Giving one task of an issue other SQL: PATCH /tasks/{id}."""

from __future__ import annotations

import uuid
from typing import Any

from tests.builders import PROJECT, World

TABLE = "CREATE TABLE t (id int)"
LEFT = "CREATE TABLE t (id int, left_behind int)"


async def test_one_database_that_differs_gets_sql_of_its_own(world: World) -> None:
    plain, odd = await world.target("dev"), await world.target("dev")
    await odd.execute(TABLE)  # somebody made it by hand
    issue = await world.file(TABLE, plain, odd)
    await world.until(issue, "failed")
    tasks = {t["status"]: t for t in await world.tasks(issue)}
    one, other = tasks["succeeded"], tasks["failed"]

    status, code, problem = await world.ana.refused("PATCH", f"/tasks/{one['id']}", statement=LEFT)
    assert (status, code) == (409, "already_applied") and one["name"] in problem["detail"]
    assert "edit" in other["actions"] and "edit" not in one["actions"], "what would be refused is not offered"
    changed = await world.ana.ok("PATCH", f"/tasks/{other['id']}", statement="ALTER TABLE t ADD COLUMN extra int")
    assert changed["release"] != other["release"]

    await world.rita.ok("POST", f"/tasks/{other['id']}/retry")
    await world.until(issue, "succeeded")
    assert await odd.fetch("SELECT extra FROM t") == []
    assert (await world.issue(issue))["release"] == issue["release"]
    assert (await world.task(one["id"]))["release"] == one["release"]


async def test_what_was_approved_for_the_stage_no_longer_counts(calm: World) -> None:
    one, other = await calm.target("staging"), await calm.target("staging")
    issue = await calm.file(TABLE, one, other)
    before = (await calm.stages(issue))["staging"]
    approval = {"stages": ["staging"], "digest": {"staging": before["digest"]}, "decision": "approve"}
    await calm.otto.ok("POST", f"/issues/{issue['id']}/approvals", **approval)
    assert [b["gate"] for b in (await calm.stages(issue))["staging"]["blockers"]] != ["approval"]

    first, _ = await calm.tasks(issue)
    await calm.bo.ok("PATCH", f"/tasks/{first['id']}", statement=LEFT)
    after = (await calm.stages(issue))["staging"]
    assert after["digest"] != before["digest"]
    assert "approval" in [b["gate"] for b in after["blockers"]]
    status, code, _ = await calm.otto.refused("POST", f"/issues/{issue['id']}/approvals", **approval)
    assert (status, code) == (409, "stale_digest")
    # Whoever edited it may not approve it.
    status, code, _ = await calm.bo.refused(
        "POST", f"/issues/{issue['id']}/approvals", **{**approval, "digest": {"staging": after["digest"]}}
    )
    assert status == 403, code


async def test_a_later_revision_of_the_issue_leaves_that_task_alone(calm: World) -> None:
    one, other = await calm.target("staging"), await calm.target("staging")
    issue = await calm.file(TABLE, one, other)
    first, second = await calm.tasks(issue)
    release = await calm.ana.ok("POST", "/releases", project="shop", changes=[{"version": "own", "statement": LEFT}])
    own = await calm.ana.ok("PATCH", f"/tasks/{first['id']}", release=release["id"])
    assert own["release"] == release["id"]
    revised = await calm.ana.ok("PUT", f"/issues/{issue['id']}/release", statement="CREATE TABLE u (id int)")
    assert [(await calm.task(t["id"]))["release"] for t in (first, second)] == [release["id"], revised["release"]]
    shown = (await calm.ana.ok("GET", f"/issues/{issue['id']}/activity"))["items"]
    assert {"release": release["id"], "task": first["id"]} in [
        {k: a["data"][k] for k in ("release", "task") if k in a["data"]} for a in shown if a["type"] == "ISSUE_UPDATED"
    ]


async def test_several_changes_of_its_own(calm: World) -> None:
    one, other = await calm.target("staging"), await calm.target("staging")
    issue = await calm.file(TABLE, one, other)
    first, _ = await calm.tasks(issue)
    own = [{"version": "1", "statement": TABLE}, {"version": "2", "statement": "CREATE INDEX ON t (id)"}]
    changed = await calm.ana.ok("PATCH", f"/tasks/{first['id']}", changes=own)
    assert [c["version"] for c in changed["changes"]] == ["1", "2"]
    shown = (await calm.ana.ok("GET", f"/issues/{issue['id']}/activity"))["items"]
    assert first["name"] in [a["data"].get("name") for a in shown if a["type"] == "ISSUE_UPDATED"]


async def test_who_may_only_look_is_not_offered_to_edit(calm: World) -> None:
    issue = await calm.file(TABLE, await calm.target("staging"))
    (task,) = await calm.tasks(issue)
    members = f"/projects/{PROJECT}/members"
    shown: Any = await calm.otto.ok("GET", members)
    before = [{"principal": m["principal"], "role": m["role"]} for m in shown]
    eve = calm.person("eve")
    try:
        await calm.otto.put(members, json=[*before, {"principal": "user:eve@example.com", "role": "viewer"}])
        assert "edit" not in (await eve.ok("GET", f"/tasks/{task['id']}"))["actions"]
        assert (await eve.refused("PATCH", f"/tasks/{task['id']}", statement=LEFT))[0] == 403
    finally:
        await calm.otto.put(members, json=before)
    assert "edit" in (await calm.ana.ok("GET", f"/tasks/{task['id']}"))["actions"]


async def test_when_every_task_has_sql_of_its_own_there_is_none_to_replace(calm: World) -> None:
    issue = await calm.file(TABLE, await calm.target("staging"))
    (task,) = await calm.tasks(issue)
    await calm.ana.ok("PATCH", f"/tasks/{task['id']}", statement=LEFT)
    status, code, problem = await calm.ana.refused("PUT", f"/issues/{issue['id']}/release", statement=TABLE)
    assert (status, code) == (409, "conflict") and "edit the tasks" in problem["detail"]


async def test_what_cannot_be_given_to_a_task(calm: World) -> None:
    dev = await calm.target("staging")
    issue = await calm.file(TABLE, dev)
    (task,) = await calm.tasks(issue)
    path = f"/tasks/{task['id']}"
    for body, found in (
        ({"release": 1, "statement": "SELECT 1"}, (422, "one_release")),
        ({"changes": [{"statement": "SELECT 1"}], "statement": "SELECT 1"}, (422, "one_release")),
        ({"release": 10**9}, (422, "unknown_release")),
    ):
        status, _, problem = await calm.ana.refused("PATCH", path, **body)
        assert (status, (problem["errors"] or [problem])[0]["code"]) == found, problem
    assert (await calm.person("eve").refused("PATCH", path, statement=LEFT))[0] == 403
    assert (await calm.ana.refused("PATCH", "/tasks/999999999", statement=LEFT))[0] == 404
    assert (await calm.task(task["id"]))["release"] == task["release"]
    query = await calm.file_stages(
        None,
        {
            "name": "look",
            "environment": "staging",
            "tasks": [
                {"type": "database.query", "instance": dev.instance, "database": dev.id, "statement": "SELECT 1"}
            ],
        },
    )
    (asks,) = await calm.tasks(query)
    assert "edit" not in asks["actions"]
    status, code, _ = await calm.ana.refused("PATCH", f"/tasks/{asks['id']}", statement=LEFT)
    assert status in (404, 409), code


async def test_a_task_in_doubt_keeps_its_sql_until_its_proof_was_read(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file("SELECT pg_sleep(0)", dev)
    (task,) = await calm.tasks(issue)
    # As a runner leaves it that was killed after it had sent something, and whose lease was taken.
    runner = str(uuid.uuid4())
    await calm.sql(
        "INSERT INTO runner (id, host, pid, started_at, beat_at) VALUES (:id, 'gone', 1, now(), now())", id=runner
    )
    assert "edit" in (await calm.task(task["id"]))["actions"]
    await calm.sql("UPDATE task SET sent = true, attempt = 1 WHERE id = :id", id=task["id"])
    await calm.sql(
        "INSERT INTO task_run (task_id, attempt, lease, runner_id, outcome, started_at, ended_at)"
        " VALUES (:id, 1, '\\x00', :runner, 'interrupted', now(), now())",
        id=task["id"],
        runner=runner,
    )
    assert "edit" not in (await calm.task(task["id"]))["actions"]
    for method, path in (("PATCH", f"/tasks/{task['id']}"), ("PUT", f"/issues/{issue['id']}/release")):
        status, code, problem = await calm.ana.refused(method, path, statement=LEFT)
        assert (status, code) == (409, "conflict") and "nobody knows yet" in problem["detail"], problem
