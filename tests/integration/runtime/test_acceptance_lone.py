"""Acceptance scenarios of pipelines without an issue, and of an issue that takes one in."""

from __future__ import annotations

from typing import Any

from tests.builders import PROJECT, World, stage, task
from tests.waiting import eventually

SQL = "CREATE TABLE t (id int)"


async def file(world: World, *stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = await world.ana.ok("POST", "/pipelines", project=PROJECT, stages=list(stages), **more)
    return made


async def result(world: World, pipeline: dict[str, Any]) -> str:
    return str((await world.ana.ok("GET", f"/pipelines/{pipeline['id']}"))["result"])


async def until(world: World, pipeline: dict[str, Any], wanted: str) -> None:
    async def look() -> bool:
        return await result(world, pipeline) == wanted

    await eventually(look)


async def test_64_what_somebody_has_to_approve_needs_an_issue(world: World) -> None:
    dev, staging = await world.target(), await world.target("staging")
    body = {"project": PROJECT, "stages": [stage("s", "staging", task(staging, SQL))]}
    status, code, _ = await world.ana.refused("POST", "/pipelines", **body)
    assert (status, code) == (422, "issue_required")
    # Where nobody has to agree, a change may go without.
    made = await file(world, stage("s", "dev", task(dev, SQL)))
    assert made["issue"] is None
    await until(world, made, "succeeded")
    assert await dev.has("t") and not await staging.has("t")


async def test_64_a_tier_that_gets_stricter_holds_what_was_filed_without(calm: World) -> None:
    dev = await calm.target()
    made = await file(calm, stage("s", "dev", task(dev, SQL), advance="manual"))
    await calm.ada.ok("PATCH", "/environments/dev", tier="standard")
    shown = await calm.ana.ok("GET", f"/pipelines/{made['id']}")
    assert ("approval", "required") in [(b["gate"], b["code"]) for b in shown["stages"][0]["blockers"]]


async def test_32_a_sync_takes_an_instance_and_no_database(world: World) -> None:
    prod = await world.target("prod")
    sync = {"type": "schema.sync", "instance": prod.instance}
    made = await file(world, stage("look", "prod", sync))
    assert made["stages"][0]["blockers"] == []  # nobody has to approve what only reads
    path = f"/pipelines/{made['id']}/tasks"
    [shown] = (await world.ana.ok("GET", path))["items"]
    assert (shown["type"], shown["database"], shown["instance"]) == ("schema.sync", None, prod.instance)
    for wrong, code in (
        ({**sync, "database": prod.name}, "sync_database"),
        ({**sync, "statement": "SELECT 1"}, "sync_statement"),
        ({**sync, "instance": "pg-dev"}, "unknown_instance"),  # the project has no database there
        ({"instance": prod.instance, "statement": SQL}, "required"),
    ):
        environment = "dev" if wrong["instance"] == "pg-dev" else "prod"
        body = {"project": PROJECT, "stages": [stage("s", environment, wrong)]}
        status, _, problem = await world.ana.refused("POST", "/pipelines", **body)
        assert (status, problem["errors"][0]["code"]) == (422, code)


async def test_29_an_issue_takes_in_a_pipeline_once(world: World) -> None:
    dev = await world.target()
    made = await file(world, stage("s", "dev", task(dev, SQL), advance="manual"))
    body = {"project": PROJECT, "title": "Now with words", "pipeline": {"id": made["id"]}}
    more = await world.ana.refused("POST", "/issues", **body, statement=SQL)
    assert more[:2] == (422, "pipeline_id_alone")
    issue = await world.ana.ok("POST", "/issues", **body)
    assert (issue["status"], issue["pipeline"]["id"]) == ("open", made["id"])
    assert (await world.ana.refused("POST", "/issues", **body))[:2] == (409, "conflict")
    assert (await world.ana.refused("POST", "/issues", **{**body, "pipeline": {"id": 10**9}}))[0] == 404
    await world.rita.ok("POST", f"/pipelines/{made['id']}/stages/s/advance")
    done = await world.until(issue, "succeeded")
    assert done["status"] == "done"


async def test_a_viewer_files_none(calm: World) -> None:
    dev = await calm.target()
    body = {"project": PROJECT, "stages": [stage("s", "dev", task(dev, SQL))]}
    assert (await calm.person("eve").refused("POST", "/pipelines", **body))[0] in (403, 404, 422)
