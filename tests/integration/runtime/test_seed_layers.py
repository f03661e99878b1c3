"""The design of pipeline, stage and task: three layers, who has a status, and what belongs to an environment.

Its lifecycle (dev, testing, staging, prod) is an issue's generated pipeline here: one stage for each environment, with
the environment's approval tier.
"""

from __future__ import annotations

import pytest

from tests.builders import PROJECT, Json, World, stage, task

SQL = "CREATE TABLE t (id int)"


async def test_a_lifecycle_with_tiers_from_dev_to_prod(world: World) -> None:
    places = [await world.target(e) for e in ("prod", "dev", "staging")]
    issue = await world.file(SQL, *places)
    shown = issue["pipeline"]["stages"]
    assert [(s["name"], s["environment"], s["needs"]) for s in shown] == [
        ("dev", "dev", []),
        ("staging", "staging", ["dev"]),
        ("prod", "prod", ["staging"]),
    ]
    # "Environment tiers which define rules like whether requires manual approval"
    assert [[step["count"] for step in s["steps"]] for s in shown] == [[], [1], [1, 1]]
    await world.until(issue, "blocked")
    assert [await p.has("t") for p in places] == [False, True, False]
    await world.decide(world.bo, issue, "staging")
    await world.until(issue, "blocked")
    await world.decide(world.bo, issue, "prod")
    await world.decide(world.dora, issue, "prod")
    done = await world.until(issue, "succeeded")
    assert done["status"] == done["pipeline"]["status"] == "done"
    assert [await p.has("t") for p in places] == [True, True, True]


async def test_the_task_is_the_smallest_thing_with_an_address(calm: World) -> None:
    dev = await calm.target()
    changes = [{"version": f"{n}", "statement": f"SELECT {n}; SELECT {n + 1}"} for n in (1, 2)]
    issue = await calm.file(changes, dev)
    [shown] = await calm.tasks(issue)
    assert (shown["stage"], shown["pipeline"], shown["issue"]) == ("dev", issue["pipeline"]["id"], issue["id"])
    # Below it there are steps, without addresses and without statuses that anybody could move.
    assert [c["state"] for c in shown["changes"]] == ["not_run", "not_run"]


async def test_only_pipelines_and_tasks_have_a_status(calm: World) -> None:
    columns = await calm.sql(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'status'"
        " AND table_name IN ('pipeline', 'stage', 'task')"
    )
    assert sorted(columns) == [("pipeline",), ("task",)]
    dev = await calm.target()
    issue = await calm.file(SQL, dev)
    [shown] = await calm.tasks(issue)
    assert (await calm.stages(issue))["dev"]["status"] == "ready"
    await calm.rita.ok("POST", f"/tasks/{shown['id']}/skip", reason="Not needed.")
    assert (await calm.stages(issue))["dev"]["status"] == "skipped"  # derived from its tasks, which nobody told it


async def test_pipeline_and_issue_have_one_status_whatever_happens(calm: World) -> None:
    issue = await calm.file(SQL, await calm.target())

    async def both() -> set[str]:
        now = await calm.issue(issue)
        alone = await calm.ana.ok("GET", f"/pipelines/{issue['pipeline']['id']}")
        return {now["status"], now["pipeline"]["status"], alone["status"]}

    assert await both() == {"open"}
    await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    assert await both() == {"canceled"}
    await calm.ana.ok("POST", f"/issues/{issue['id']}/reopen")
    assert await both() == {"open"}
    [shown] = await calm.tasks(issue)
    await calm.rita.ok("POST", f"/tasks/{shown['id']}/skip", reason="Not needed.")
    assert await both() == {"done"}
    with pytest.raises(Exception, match="issue"):  # and the database sees to it
        await calm.sql("UPDATE issue SET status = 'open' WHERE id = :id", id=issue["id"])


async def test_a_pipeline_can_be_reused_without_an_issue(world: World) -> None:
    dev = await world.target()
    made = await world.ana.ok("POST", "/pipelines", project=PROJECT, stages=[stage("s", "dev", task(dev, SQL))])
    assert made["issue"] is None
    await world.until_task((await world.ana.ok("GET", f"/pipelines/{made['id']}/tasks"))["items"][0]["id"], "succeeded")
    assert (await world.ana.ok("GET", f"/pipelines/{made['id']}"))["status"] == "done"


async def test_a_stage_has_an_environment_and_a_task_an_instance_with_or_without_a_database(calm: World) -> None:
    dev, staging = await calm.target(), await calm.target("staging")
    sync: Json = {"type": "schema.sync", "instance": dev.instance}
    for wrong, field in (
        ({"name": "s", "tasks": [task(dev, SQL)]}, "environment"),
        (stage("s", "dev", {"database": dev.id, "statement": SQL}), "instance"),
        (stage("s", "dev", {"instance": dev.instance, "statement": SQL}), "database"),
        (stage("s", "dev", task(staging, SQL)), "instance"),
    ):
        answer = await calm.ana.post("/pipelines", json={"project": PROJECT, "stages": [wrong]})
        assert answer.status_code in (400, 422) and field in answer.text, answer.text
    made = await calm.ana.ok("POST", "/pipelines", project=PROJECT, stages=[stage("s", "dev", sync)])
    [shown] = (await calm.ana.ok("GET", f"/pipelines/{made['id']}/tasks"))["items"]
    assert (shown["instance"], shown["database"]) == (dev.instance, None)
