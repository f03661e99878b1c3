"""A change that is older than what its database already has: it may run, but somebody is told."""

from __future__ import annotations

from tests.builders import World


def change(version: str) -> dict[str, str]:
    return {"version": version, "name": version, "statement": f"CREATE TABLE t{version} (id int)"}


async def test_a_change_behind_younger_ones_is_found_and_may_still_run(world: World) -> None:
    dev = await world.target("dev")
    first = await world.file([change("1"), change("3")], dev)
    await world.until(first, "succeeded")
    assert await world.ana.ok("GET", f"/issues/{first['id']}/findings") == []

    late = await world.file([change("2"), change("4")], dev)

    [finding] = await world.ana.ok("GET", f"/issues/{late['id']}/findings")
    assert (finding["rule"], finding["severity"], finding["change"]) == ("out-of-order", "warning", "2")
    assert f"/{dev.name} already has 3, which is younger than 2" in finding["message"]
    await world.until(late, "succeeded")
    assert await world.ana.ok("GET", f"/issues/{late['id']}/findings") == []


async def test_a_tier_may_keep_what_comes_out_of_order_from_running(world: World) -> None:
    dev = await world.target("dev")
    await world.until(await world.file([change("2")], dev), "succeeded")
    await world.ada.ok("PATCH", "/approval-tiers/open", blocking_severity="warning")
    try:
        late = await world.file([change("1")], dev)
        assert [b["gate"] for b in (await world.stages(late))["dev"]["blockers"]] == ["review"]
    finally:
        await world.ada.ok("PATCH", "/approval-tiers/open", blocking_severity="error")


async def test_another_database_and_a_generated_version_are_no_measure(world: World) -> None:
    dev, other = await world.target("dev"), await world.target("dev")
    await world.until(await world.file([change("2")], dev), "succeeded")
    await world.until(await world.file("CREATE TABLE a (id int)", other), "succeeded")
    for issue in (await world.file([change("1")], other), await world.file("CREATE TABLE b (id int)", dev)):
        assert await world.ana.ok("GET", f"/issues/{issue['id']}/findings") == []
