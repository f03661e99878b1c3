"""What a task waits for in its target: who blocks it, with which lock, and nothing of anybody's data."""

from __future__ import annotations

import asyncpg

from tests.builders import Json, World
from tests.integration.runtime.test_mariadb import Place, file
from tests.integration.runtime.test_mariadb import place as place
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server
from tests.waiting import eventually

SECRET = "hunter2"


async def sessions(world: World, task: int) -> list[Json]:
    """What a releaser is shown."""
    found: list[Json] = (await world.rita.ok("GET", f"/tasks/{task}/sessions"))["sessions"]
    return found


async def test_who_blocks_a_statement_on_postgres(world: World) -> None:
    dev = await world.target("dev")
    await dev.execute("CREATE TABLE orders (id int, note text)")
    first, second = await asyncpg.connect(dev.url), await asyncpg.connect(dev.url)
    try:
        await first.execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        await first.execute(f"UPDATE orders SET note = '{SECRET}'")
        await second.execute("SET application_name = 'reporting'")
        issue = await world.file("CREATE TABLE fine (id int); ALTER TABLE orders ADD total int", dev)
        (task,) = await world.tasks(issue)

        async def blocked() -> list[Json]:
            found = await sessions(world, task["id"])
            return found if any(s["role"] == "blocker" for s in found) else []

        own, blocker = await eventually(blocked)
        assert (own["role"], own["task"], own["attempt"]) == ("own", task["id"], 1)
        assert own["blocked_by"] == [blocker["pid"]] == [first.get_server_pid()]
        assert "orders" in own["waits_for"]
        assert {"kind": "relation", "object": "orders", "mode": "AccessExclusiveLock", "granted": False} in own["locks"]
        assert any(lock["kind"] == "penstock" and lock["granted"] for lock in own["locks"])
        held = [lock for lock in blocker["locks"] if lock["object"] == "orders" and lock["granted"]]
        assert "AccessExclusiveLock" in [lock["mode"] for lock in held]
        assert blocker["query"] == "UPDATE orders SET note = '…'" and blocker["transaction_started_at"] is not None
        assert "sessions" in (await world.rita.ok("GET", f"/tasks/{task['id']}"))["actions"]
        await first.execute("ROLLBACK")
        await world.until(issue, "succeeded")
        assert [s for s in await sessions(world, task["id"]) if s["role"] != "holder"] == []
    finally:
        await first.close()
        await second.close()


async def test_who_holds_the_database_that_a_task_waits_for(world: World) -> None:
    dev = await world.target("dev")
    async with dev.locked_by_somebody():
        issue = await world.file("CREATE TABLE fine (id int)", dev)
        (task,) = await world.tasks(issue)
        await world.until_task(task["id"], "running")

        async def held() -> list[Json]:
            return [s for s in await sessions(world, task["id"]) if s["role"] == "holder"]

        [holder] = await eventually(held)
        assert {"kind": "penstock", "object": None, "mode": "ExclusiveLock", "granted": True} in holder["locks"]
        assert holder["task"] is None and holder["state"] == "idle in transaction"
    await world.until(issue, "succeeded")


async def test_who_blocks_a_definition_on_mariadb(world: World, place: Place) -> None:
    await place.rows("CREATE TABLE orders (id int, note varchar(50))")
    blocking = await place.server.open(place.name)
    try:
        await blocking.run("START TRANSACTION")
        await blocking.run(f"INSERT INTO orders VALUES (1, '{SECRET}')")
        issue = await file(world, place, "ALTER TABLE orders ADD total int")
        (task,) = await world.tasks(issue)

        async def blocked() -> list[Json]:
            found = await sessions(world, task["id"])
            return found if any(s["role"] == "blocker" for s in found) else []

        own, *blockers = await eventually(blocked)
        assert (own["role"], own["task"]) == ("own", task["id"])
        assert own["waits_for"] == "Waiting for table metadata lock"
        mine = next(b for b in blockers if b["pid"] == blocking.thread_id())
        assert mine["certain"] is False  # this server does not say who has a metadata lock
        assert SECRET not in str(blockers)
        await blocking.run("ROLLBACK")
        await world.until(issue, "succeeded")
    finally:
        blocking.close()


async def test_who_blocks_a_row_on_mariadb(world: World, place: Place) -> None:
    await place.rows("CREATE TABLE orders (id int PRIMARY KEY, total int)")
    await place.rows("INSERT INTO orders VALUES (1, 0)")
    blocking = await place.server.open(place.name)
    try:
        await blocking.run("START TRANSACTION")
        await blocking.run("UPDATE orders SET total = 1")
        issue = await file(world, place, "UPDATE orders SET total = 2")
        (task,) = await world.tasks(issue)

        async def blocked() -> list[Json]:
            found = await sessions(world, task["id"])
            return found if any(s["role"] == "blocker" and s["locks"] for s in found) else []

        own, blocker = await eventually(blocked)
        assert (blocker["pid"], blocker["certain"]) == (blocking.thread_id(), True)
        assert own["blocked_by"] == [blocker["pid"]]
        [wanted] = [lock for lock in own["locks"] if not lock["granted"]]
        assert wanted["object"] == f"{place.name}.orders"
        await blocking.run("ROLLBACK")
        await world.until(issue, "succeeded")
    finally:
        blocking.close()


async def test_who_may_look(calm: World) -> None:
    issue = await calm.file("SELECT 1", await calm.target("dev"))
    (task,) = await calm.tasks(issue)
    path = f"/tasks/{task['id']}/sessions"
    assert await sessions(calm, task["id"]) == []
    assert (await calm.ana.refused("GET", path))[:2] == (403, "forbidden")
    assert (await calm.person("eve").refused("GET", path))[0] in (403, 404)
    assert (await calm.rita.refused("GET", "/tasks/999999/sessions"))[:2] == (404, "not_found")


async def test_a_target_that_is_away_is_said(calm: World) -> None:
    issue = await calm.file("SELECT 1", await calm.target("dev"))
    (task,) = await calm.tasks(issue)
    await calm.sql("UPDATE instance SET port = 1 WHERE slug = 'pg-dev'")
    try:
        assert (await calm.rita.refused("GET", f"/tasks/{task['id']}/sessions"))[:2] == (503, "target_unavailable")
    finally:
        await calm.sql("UPDATE instance SET port = :p WHERE slug = 'pg-dev'", p=calm.site.server.port)
