"""Database groups: chosen by label when an issue is filed, frozen, and chosen again when somebody says so."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain import selector
from tests.builders import PROJECT, Json, Target, World

SQL = "CREATE TABLE t (id int)"
GROUPS = f"/projects/{PROJECT}/database-groups"


async def labelled(world: World, environment: str, **labels: str) -> Target:
    """A target database with labels."""
    target = await world.target(environment)
    await world.dora.ok("PATCH", f"/databases/{target.id}", labels=labels)
    return target


async def group(world: World, slug: str, text: str) -> Json:
    made: Json = await world.bo.ok("POST", GROUPS, slug=slug, selector=text)
    return made


async def file(world: World, slug: str, **more: Any) -> Json:
    body = {"project": PROJECT, "title": "For a group", "statement": SQL, "targets": {"group": slug}}
    made: Json = await world.ana.ok("POST", "/issues", **body, **more)
    return made


def places(issue: Json) -> dict[str, int]:
    """Environment -> how many tasks its stage has, in the order of the stages."""
    return {s["environment"]: s["counts"]["total"] for s in issue["pipeline"]["stages"]}


async def names(world: World, issue: Json) -> set[str]:
    return {t["name"] for t in await world.tasks(issue)}


async def test_a_group_is_what_its_selector_chooses(calm: World) -> None:
    eu, us = await labelled(calm, "dev", region="eu", size="s"), await labelled(calm, "dev", region="us")
    await calm.target("dev")  # without a label
    made = await group(calm, "europe", " region in ( eu ) ,size")
    assert (made["selector"], made["databases"], made["project"]) == ("region=eu,size", 1, PROJECT)
    found = await calm.ana.ok("GET", f"{GROUPS}/europe/databases")
    assert [d["id"] for d in found["items"]] == [eu.id]
    changed = await calm.bo.ok("PATCH", f"{GROUPS}/europe", selector="region")
    assert (changed["databases"], changed["version"]) == (2, 2)
    preview = await calm.ana.ok("GET", f"/projects/{PROJECT}/selected-databases?selector=region!%3Deu,region")
    assert [d["id"] for d in preview["items"]] == [us.id]
    assert [g["slug"] for g in (await calm.ana.ok("GET", GROUPS))["items"]] == ["europe"]
    await calm.bo.ok("DELETE", f"{GROUPS}/europe")
    assert (await calm.ana.refused("GET", f"{GROUPS}/europe"))[0] == 404


@pytest.mark.parametrize(
    "text", ["a=1", "a!=1", "a in (1,2)", "a notin (1,2)", "a", "!a", "a=", "a=1,!b", "b notin (x),a", 'c="x y"']
)
async def test_the_database_chooses_as_the_selector_says(calm: World, text: str) -> None:
    labels: list[dict[str, str]] = [{}, {"a": "1"}, {"a": "2", "b": "x"}, {"a": "", "c": "x y"}, {"a": "1", "b": "y"}]
    made = {(await labelled(calm, "dev", **each)).id: each for each in labels}
    await group(calm, "some", text)
    found = {d["id"] for d in (await calm.ana.ok("GET", f"{GROUPS}/some/databases"))["items"]}
    assert found == {i for i, each in made.items() if selector.parse(text).matches(each)}


async def test_who_may_do_what_with_groups(calm: World) -> None:
    await group(calm, "all", "app")
    for name, status in (("ana", 403), ("rita", 403), ("eve", 403), ("robot", 409)):
        body = {"slug": "all", "selector": "x"}
        assert (await calm.person(name).refused("POST", GROUPS, **body))[0] == status
    status, code, problem = await calm.bo.refused("POST", GROUPS, slug="x", selector="env in prod")
    assert (status, code, problem["errors"][0]["field"]) == (422, "bad_selector", "selector")
    assert (await calm.ana.refused("GET", f"/projects/{PROJECT}/selected-databases?selector=%3D"))[0] == 422


async def test_an_issue_for_a_group_has_a_stage_per_environment(calm: World) -> None:
    await labelled(calm, "dev", app="x")
    await labelled(calm, "prod", app="x")
    await labelled(calm, "prod", app="x")
    await labelled(calm, "staging", app="y")
    await group(calm, "x", "app=x")
    issue = await file(calm, "x")
    assert places(issue) == {"dev": 1, "prod": 2}
    assert issue["group"] == {"slug": "x", "selector": "app=x", "joined": 0, "joined_databases": [], "left": 0}
    assert (await calm.file(SQL, await calm.target("dev")))["group"] is None


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        ({"group": "nothing"}, "unknown_group"),
        ({"group": "none"}, "no_targets"),
        ({"group": "none", "environments": ["dev"]}, "no_targets"),
        ({}, "no_targets"),
    ],
)
async def test_targets_that_choose_nothing(calm: World, targets: Json, code: str) -> None:
    await group(calm, "none", "app=none")
    body = {"project": PROJECT, "title": "x", "statement": SQL, "targets": targets}
    assert (await calm.ana.refused("POST", "/issues", **body))[:2] == (422, code)
    assert await calm.sql("SELECT count(*) FROM release") == [(0,)]


async def test_databases_that_join_later_are_shown_and_not_swept_in(calm: World) -> None:
    first = await labelled(calm, "dev", app="x")
    await group(calm, "x", "app=x")
    issue = await file(calm, "x")
    joined = [await labelled(calm, e, app="x") for e in ("dev", "staging")]
    now = await calm.issue(issue)
    assert now["group"]["joined"] == 2
    assert now["group"]["joined_databases"] == [f"{t.instance}/{t.name}" for t in joined]
    await calm.start()
    await calm.until(issue, "succeeded")
    assert await first.has("t")
    assert [await t.has("t") for t in joined] == [False, False]


async def test_resolving_again_is_an_edit(calm: World) -> None:
    await labelled(calm, "prod", app="x")
    leaver = await labelled(calm, "prod", app="x")
    await group(calm, "x", "app=x")
    issue = await file(calm, "x")
    await calm.decide(calm.bo, issue, "prod")
    before = (await calm.stages(issue))["prod"]
    dev, staging, prod = [await labelled(calm, e, app="x") for e in ("dev", "staging", "prod")]
    await calm.dora.ok("PATCH", f"/databases/{leaver.id}", labels={})
    assert (await calm.issue(issue))["group"]["left"] == 1
    after = await calm.otto.ok("POST", f"/issues/{issue['id']}/re-resolve")
    assert places(after) == {"dev": 1, "staging": 1, "prod": 2}
    assert [s["needs"] for s in after["pipeline"]["stages"]] == [[], ["dev"], ["staging"]]
    assert (after["group"]["joined"], after["group"]["left"], after["revision"]) == (0, 0, 2)
    assert after["last_editor"]["email"] == "otto@example.com"
    stages = await calm.stages(issue)
    assert stages["prod"]["digest"] != before["digest"]
    assert [a["state"] for a in stages["prod"]["approvals"]] == ["stale"]
    assert f"pg-prod/{leaver.name}" not in await names(calm, issue)
    changed = [d for t, d in await calm.events(issue) if t == "ISSUE_UPDATED"]
    assert changed[-1]["left"] == [f"pg-prod/{leaver.name}"]
    assert changed[-1]["joined"] == [f"{t.instance}/{t.name}" for t in (dev, staging, prod)]
    body = {"stages": ["prod"], "digest": {"prod": before["digest"]}, "decision": "approve"}
    assert (await calm.dora.refused("POST", f"/issues/{issue['id']}/approvals", **body))[1] == "stale_digest"
    # Whoever resolved again is the last editor, and does not approve.
    own = {**body, "digest": {"prod": stages["prod"]["digest"]}}
    assert (await calm.otto.refused("POST", f"/issues/{issue['id']}/approvals", **own))[0] == 403
    again = await calm.otto.ok("POST", f"/issues/{issue['id']}/re-resolve")
    assert again["revision"] == 2  # nothing changed


async def test_what_has_started_stays(world: World) -> None:
    done, waits = await labelled(world, "dev", app="x"), await labelled(world, "staging", app="x")
    await group(world, "x", "app=x")
    issue = await file(world, "x")
    await world.until(issue, "blocked")
    for target in (done, waits):
        await world.dora.ok("PATCH", f"/databases/{target.id}", labels={})
    joined = await labelled(world, "staging", app="x")
    after = await world.ana.ok("POST", f"/issues/{issue['id']}/re-resolve")
    assert places(after) == {"dev": 1, "staging": 1}
    assert await names(world, issue) == {f"pg-dev/{done.name}", f"pg-staging/{joined.name}"}
    await world.decide(world.bo, issue, "staging")
    await world.until(issue, "succeeded")
    assert [await t.has("t") for t in (done, waits, joined)] == [True, False, True]


async def test_a_stage_that_nobody_is_left_in_goes(calm: World) -> None:
    await labelled(calm, "dev", app="x")
    middle = await labelled(calm, "staging", app="x")
    await labelled(calm, "prod", app="x")
    await group(calm, "x", "app=x")
    issue = await file(calm, "x")
    await calm.decide(calm.bo, issue, "staging")
    await calm.dora.ok("PATCH", f"/databases/{middle.id}", labels={})
    after = await calm.ana.ok("POST", f"/issues/{issue['id']}/re-resolve")
    assert [(s["name"], s["position"], s["needs"]) for s in after["pipeline"]["stages"]] == [
        ("dev", 0, []),
        ("prod", 1, ["dev"]),
    ]


async def test_when_resolving_again_is_refused(calm: World) -> None:
    only = await labelled(calm, "dev", app="x")
    await group(calm, "x", "app=x")
    issue, other = await file(calm, "x"), await calm.file(SQL, await calm.target("dev"))
    path = f"/issues/{issue['id']}/re-resolve"
    assert (await calm.ana.refused("POST", f"/issues/{other['id']}/re-resolve"))[:2] == (409, "conflict")
    assert (await calm.person("eve").refused("POST", path))[0] == 403
    await calm.dora.ok("PATCH", f"/databases/{only.id}", labels={})
    assert (await calm.ana.refused("POST", path))[:2] == (422, "no_targets")
    assert places(await calm.issue(issue)) == {"dev": 1}
    await calm.bo.ok("DELETE", f"{GROUPS}/x")
    assert (await calm.issue(issue))["group"] == {
        "slug": None,
        "selector": "app=x",
        "joined": 0,
        "joined_databases": [],
        "left": 0,
    }
    assert (await calm.ana.refused("POST", path))[:2] == (409, "conflict")
    await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    assert (await calm.ana.refused("POST", path))[:2] == (409, "invalid_transition")
