"""Taking an issue back: an issue of its own, reviewed like any other, with the changes' reverts in reverse order."""

from __future__ import annotations

import asyncio

from tests.builders import Json, Target, World


def change(version: str, **more: str) -> Json:
    """A change that makes a table, and what removes it."""
    made = {"statement": f"CREATE TABLE t{version} (id int)", "revert": f"DROP TABLE t{version}"}
    return {"version": version, **made, **more}


async def revert(world: World, issue: Json, **body: str) -> Json:
    made = await world.ana.ok("POST", f"/issues/{issue['id']}/revert", **{"title": "Back", **body})
    found: Json = await world.ana.ok("GET", f"/issues/{made['issue']}")
    return found


async def refused(world: World, issue: Json) -> tuple[int, str]:
    status, code, _ = await world.ana.refused("POST", f"/issues/{issue['id']}/revert", title="Back")
    return status, code


async def statements(world: World, release: int) -> list[str]:
    return [c["statement"] for c in (await world.ana.ok("GET", f"/releases/{release}"))["changes"]]


async def test_the_last_change_goes_first(world: World) -> None:
    dev = await world.target("dev")
    # The second stands on the first, so only the reverse order works.
    second = {"version": "2", "statement": "CREATE VIEW v AS SELECT id FROM t1", "revert": "DROP VIEW v"}
    issue = await world.file([change("1"), second], dev)
    await world.until(issue, "succeeded")
    assert "revert" in (await world.issue(issue))["actions"]

    back = await revert(world, issue)

    assert back["reverts"] == issue["id"]
    assert await statements(world, back["release"]) == ["DROP VIEW v", "DROP TABLE t1"]
    await world.until(back, "succeeded")
    assert not await dev.has("t1")
    [now, before] = (await world.ana.ok("GET", f"/databases/{dev.id}/releases"))["items"]
    assert (now["source"]["kind"], now["description"]) == ("revert", f"takes back issue {issue['id']}")
    assert (before["source"]["kind"], before["description"]) == ("issue", "A change")


async def test_it_goes_only_where_the_issue_went_and_is_approved_like_any_other(world: World) -> None:
    dev, staging, other = await world.target("dev"), await world.target("staging"), await world.target("staging")
    issue = await world.file([change("1")], dev, staging)
    await world.until(issue, "blocked")  # staging waits for its approval
    assert await refused(world, issue) == (409, "invalid_transition")
    await world.decide(world.bo, issue, "staging")
    await world.until(issue, "succeeded")

    back = await revert(world, issue)

    assert {t["database_id"] for t in await world.tasks(back)} == {dev.id, staging.id} - {other.id}
    await world.until(back, "blocked")
    assert await staging.has("t1")  # never by itself
    assert [b["gate"] for b in (await world.stages(back))["staging"]["blockers"]] == ["approval"]
    await world.decide(world.bo, back, "staging")
    await world.until(back, "succeeded")
    assert not await staging.has("t1")


async def test_a_canceled_issue_gives_back_what_it_had_applied(world: World) -> None:
    dev, staging = await world.target("dev"), await world.target("staging")
    issue = await world.file([change("1")], dev, staging)
    await world.until(issue, "blocked")
    await world.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    back = await revert(world, issue)
    assert {t["database_id"] for t in await world.tasks(back)} == {dev.id}


async def test_each_database_gets_back_what_it_got(world: World) -> None:
    one, other = await world.target("dev"), await world.target("dev")
    await world.until(await world.file([change("1")], one), "succeeded")
    issue = await world.file([change("1"), change("2")], one, other)
    await world.until(issue, "succeeded")

    back = await revert(world, issue)

    by_target = {t["database_id"]: await statements(world, t["release"]) for t in await world.tasks(back)}
    # The first change was there before on one of them: it is not this issue's to take back.
    assert by_target == {one.id: ["DROP TABLE t2"], other.id: ["DROP TABLE t2", "DROP TABLE t1"]}
    await world.until(back, "succeeded")
    assert await one.has("t1")
    assert not await other.has("t1")


async def test_changes_without_a_revert_are_named(world: World) -> None:
    dev = await world.target("dev")
    plain = {"version": "2", "name": "orders", "statement": "CREATE TABLE t2 (id int)"}
    issue = await world.file([change("1"), plain, {**plain, "version": "3", "statement": "SELECT 1"}], dev)
    await world.until(issue, "succeeded")

    status, code, problem = await world.ana.refused("POST", f"/issues/{issue['id']}/revert", title="Back")

    assert (status, code) == (422, "no_revert")
    assert [e["message"].split(" has")[0] for e in problem["errors"]] == ["2 orders", "3 orders"]
    assert len(await world.sql("SELECT id FROM issue")) == 1


async def test_a_revert_that_cannot_run_is_refused_when_it_is_filed(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file([change("1", revert="BEGIN; DROP TABLE t1; COMMIT")], dev)
    await world.until(issue, "succeeded")
    assert await refused(world, issue) == (422, "transaction_control")


async def test_nothing_applied_is_nothing_to_take_back(calm: World) -> None:
    issue = await calm.file([change("1")], await calm.target("dev"))
    await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    assert "revert" not in (await calm.issue(issue))["actions"]
    assert await refused(calm, issue) == (409, "nothing_applied")
    assert (await calm.ana.refused("POST", "/issues/4711/revert", title="Back"))[0] == 404


async def test_an_issue_is_taken_back_once(world: World) -> None:
    dev: Target = await world.target("dev")
    issue = await world.file([change("1")], dev)
    await world.until(issue, "succeeded")
    answers = await asyncio.gather(
        *(
            who.request("POST", f"/issues/{issue['id']}/revert", json={})
            for who in (world.ana, world.rita, world.bo, world.otto)
        )
    )
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]
    [back] = [a.json()["issue"] for a in answers if a.is_success]
    await world.until(await world.ana.ok("GET", f"/issues/{back}"), "succeeded")
    assert await refused(world, issue) == (409, "already_reverted")
