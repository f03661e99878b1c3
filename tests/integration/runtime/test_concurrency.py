"""Two processes and several people at once: nothing is lost, nothing waits for each other in a circle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from penstock.engines.registry import engine_for
from penstock.runtime.supervisor import RunnerSettings, Supervisor
from penstock.services import metrics
from penstock.store.database import Database
from tests.builders import Json, World
from tests.waiting import eventually

ROUNDS = 8
USUAL = RunnerSettings()  # no machine is so busy that it loses these leases


@asynccontextmanager
async def another_process(world: World) -> AsyncIterator[None]:
    """The background loops of a second process, with connections of its own."""
    database = Database(world.site.url)
    supervisor = Supervisor(database, world.services.targets, engine_for, world.site.deployment, USUAL)
    await supervisor.start()
    try:
        yield
    finally:
        await supervisor.stop()
        await database.close()


async def test_many_tasks_on_few_databases(calm: World) -> None:
    """Every issue goes to the same databases, so each end of a task concerns the tasks of other pipelines."""
    await calm.start(USUAL)
    await calm.sql("UPDATE instance SET max_running_tasks = 2")
    targets = [await calm.target("dev") for _ in range(3)]
    for target in targets:
        await target.execute("CREATE TABLE effect (change text)")
    deadlocks, repairs = await _deadlocks(calm), metrics.slot_repairs._value.get()
    with structlog.testing.capture_logs() as logs:
        async with another_process(calm):
            issues = await asyncio.gather(*(_work(calm, n, targets) for n in range(ROUNDS)))
            for issue in issues:
                await calm.until(issue, "succeeded", timeout=60)
    for target in targets:
        rows = await target.fetch("SELECT change, count(*) FROM effect GROUP BY change")
        assert sorted(rows) == sorted((f"c{n}", 1) for n in range(ROUNDS))
    runners = await calm.sql("SELECT count(DISTINCT runner_id) FROM task_run")
    assert runners == [(2,)]
    assert metrics.slot_repairs._value.get() == repairs
    # A machine that is very busy may keep a heartbeat waiting, which is no mistake of anybody.
    told = [entry for entry in logs if entry["log_level"] in ("error", "warning")]
    assert [entry for entry in told if entry["event"] != "heartbeat_failed"] == []
    assert await _deadlocks(calm) == deadlocks


async def _work(world: World, number: int, targets: list) -> Json:
    """File a change, and disturb it as people do."""
    issue = await world.file(f"INSERT INTO effect VALUES ('c{number}')", *targets, title=f"Change {number}")
    pipeline = f"/pipelines/{issue['pipeline']['id']}"
    for _ in range(3):
        await world.rita.post(f"{pipeline}/hold", json={"reason": "Wait."})
        await world.ana.post(f"/issues/{issue['id']}/comments", json={"body": "Why?"})
        await world.rita.post(f"{pipeline}/resume")
    canceled = await world.ana.post(f"/issues/{issue['id']}/cancel")
    if canceled.is_success:
        await eventually(lambda: _reopened(world, issue), 20)
        for task in await world.tasks(issue):
            if task["status"] == "canceled":
                await world.rita.ok("POST", f"/tasks/{task['id']}/retry")
    return issue


async def _reopened(world: World, issue: Json) -> bool:
    return (await world.ana.post(f"/issues/{issue['id']}/reopen")).is_success


async def _deadlocks(world: World) -> int:
    return int((await world.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))[0][0])
