"""Releases of many changes: stored with few statements, and planned with one look at each ledger."""

from __future__ import annotations

import json

from tests.builders import PROJECT, Json, Target, World
from tests.engines.proxy import Proxy

READ = b"FROM penstock.ledger WHERE project = $1\0"


def changes(count: int) -> list[Json]:
    return [{"version": f"{n:05}", "statement": f"CREATE TABLE t{n} (id int)"} for n in range(count)]


async def release(world: World, count: int) -> Json:
    found: Json = await world.ana.ok("POST", "/releases", project=PROJECT, changes=changes(count))
    return found


async def apply(world: World, release_id: int, *targets: Target) -> Json:
    found: Json = await world.ana.ok(
        "POST",
        "/issues",
        project=PROJECT,
        title="Many changes",
        release=release_id,
        targets={"databases": [t.id for t in targets]},
    )
    return found


async def pretend(world: World, target: Target, made: Json, upto: int) -> None:
    """Write the ledger as if the first changes of a release had been applied, by another installation."""
    await world.until(await world.file("SELECT 1", target), "succeeded")  # makes the ledger
    given = [{"version": c["version"], "digest": c["digest"]} for c in made["changes"][:upto]]
    await target.execute(
        "INSERT INTO penstock.ledger (project, version, name, change_digest, release_digest, deployment,"
        " statement_count, run, actor) SELECT 'shop', c->>'version', '', c->>'digest', '', 'elsewhere', 1, '1', 'them'"
        f" FROM json_array_elements('{json.dumps(given)}'::json) AS c"
    )


async def test_a_large_release_is_stored_with_few_statements(calm: World) -> None:
    spent = []
    for count in (10, 1_000):
        with calm.count_statements() as counted:
            await release(calm, count)
        spent.append(counted())
    assert spent[1] - spent[0] <= 2  # 1,000 rows are more than one statement takes, and not a thousand of them


async def test_every_ledger_is_read_once_however_long_the_release_is(world: World) -> None:
    site = world.site
    proxy = Proxy(site.server.host, site.server.port)
    async with proxy.listening():
        await world.ada.ok("POST", "/instances", **site.instance("pg-heard", "dev", host="127.0.0.1", port=proxy.port))
        said = []
        for count in (20, 400):
            targets = [await world.target("dev", "pg-heard") for _ in range(3)]
            made = await release(world, count)
            for target in targets:
                await pretend(world, target, made, count)
            proxy.heard.clear()
            issue = await apply(world, made["id"], *targets)
            await world.until(issue, "succeeded")
            # The driver says a text when it prepares and again when it runs it.
            assert proxy.heard.count(READ) <= 2 * len(targets)
            said.append(len(proxy.heard) / len(targets))
            for task in await world.tasks(issue):
                assert {c["state"] for c in task["changes"]} == {"already_applied"}
    # Not a byte for every change: only how a connection introduces itself differs by some digits.
    assert abs(said[1] - said[0]) < 200


async def test_what_is_missing_runs_and_a_conflict_comes_before_any_of_it(world: World) -> None:
    dev, other = await world.target("dev"), await world.target("dev")
    made = await release(world, 30)
    await pretend(world, dev, made, 28)
    await world.until(await apply(world, made["id"], dev), "succeeded")
    assert [await dev.has(f"t{n}") for n in (27, 28, 29)] == [False, True, True]

    await pretend(world, other, made, 20)
    await other.execute(
        "INSERT INTO penstock.ledger (project, version, name, change_digest, release_digest, deployment,"
        " statement_count, run, actor) VALUES ('shop', '00029', '', 'sha256:other', '', 'elsewhere', 1, '1', 'them')"
    )
    issue = await apply(world, made["id"], other)
    await world.until(issue, "failed")
    [task] = await world.tasks(issue)
    assert task["failure"]["kind"] == "version_conflict"
    assert not await other.has("t20")
