"""Repeatable changes: run again when their text differs from what the database had last."""

from __future__ import annotations

from tests.builders import Json, Target, World

HEADLINES = "CREATE OR REPLACE FUNCTION headline() RETURNS text LANGUAGE sql AS $$ SELECT '{}' $$"


def headline(text: str) -> Json:
    """A function that is there in its newest text, with a row for every run."""
    script = (
        f"{HEADLINES.format(text)}; CREATE TABLE IF NOT EXISTS runs (text text); INSERT INTO runs VALUES ('{text}')"
    )
    return {"version": "R__headline", "name": "headline", "statement": script}


def table(version: str) -> Json:
    return {"version": version, "statement": f"CREATE TABLE t{version} (id int)"}


async def runs(target: Target) -> list[str]:
    return [text for (text,) in await target.fetch("SELECT text FROM runs ORDER BY ctid")]


async def states(world: World, issue: Json) -> list[tuple[str, str]]:
    [task] = await world.tasks(issue)
    return [(c["version"], c["state"]) for c in task["changes"]]


async def test_it_runs_again_exactly_when_its_text_differs_from_the_last(world: World) -> None:
    dev = await world.target("dev")
    for text in ("one", "one", "two", "two", "one"):  # back to the first text, too
        await world.until(await world.file([headline(text)], dev), "succeeded")
    assert await runs(dev) == ["one", "two", "one"]
    assert await dev.fetch("SELECT headline()") == [("one",)]
    assert [version.partition(".")[0] for version in await dev.ledger()] == [f"R__headline@{n}" for n in (1, 2, 3)]


async def test_it_comes_after_the_versioned_ones_wherever_it_stands(world: World) -> None:
    dev = await world.target("dev")
    first = {"version": "R__count", "statement": "CREATE OR REPLACE VIEW ids AS SELECT id FROM t1"}

    issue = await world.file([first, table("1")], dev)

    release = await world.ana.ok("GET", f"/releases/{issue['release']}")
    assert [c["version"] for c in release["changes"]] == ["1", "R__count"]
    await world.until(issue, "succeeded")
    assert await states(world, issue) == [("1", "applied"), ("R__count", "applied")]


async def test_only_what_is_new_of_a_growing_release_runs(world: World) -> None:
    dev = await world.target("dev")
    await world.until(await world.file([table("1"), headline("one")], dev), "succeeded")

    issue = await world.file([table("1"), table("2"), headline("one")], dev)

    await world.until(issue, "succeeded")
    assert await states(world, issue) == [
        ("1", "already_applied"),
        ("2", "applied"),
        ("R__headline", "already_applied"),
    ]
    assert await runs(dev) == ["one"]
    assert await world.ana.ok("GET", f"/issues/{issue['id']}/findings") == []  # and is never out of order


async def test_one_that_failed_is_tried_again_and_may_be_corrected(world: World) -> None:
    dev = await world.target("dev")
    broken = {"version": "R__view", "statement": "CREATE OR REPLACE VIEW v AS SELECT id FROM missing"}
    issue = await world.file([table("1"), broken], dev)
    await world.until(issue, "failed")
    assert await states(world, issue) == [("1", "applied"), ("R__view", "failed")]

    mended = {**broken, "statement": "CREATE OR REPLACE VIEW v AS SELECT id FROM t1"}
    answer = await world.ana.put(f"/issues/{issue['id']}/release", json={"changes": [table("1"), mended]})
    assert answer.is_success, answer.text
    [task] = await world.tasks(issue)
    await world.rita.ok("POST", f"/tasks/{task['id']}/retry")

    await world.until(issue, "succeeded")
    assert await states(world, issue) == [("1", "applied"), ("R__view", "applied")]


async def test_lower_environments_need_the_same_text(world: World) -> None:
    dev, staging = await world.target("dev"), await world.target("staging")
    await world.ada.ok(
        "POST",
        "/approval-tiers",
        slug="own-below",
        name="Below first",
        steps=[],
        requires_lower_environments=True,
    )
    await world.ada.ok("PATCH", "/environments/staging", tier="own-below")
    await world.until(await world.file([headline("one")], dev), "succeeded")
    await world.until(await world.file([headline("one")], staging), "succeeded")

    other = await world.file([headline("two")], staging)

    assert [b["gate"] for b in (await world.stages(other))["staging"]["blockers"]] == ["lower-environments"]
    await world.until(await world.file([headline("two")], dev), "succeeded")
    await world.until(other, "succeeded")


async def test_an_adopted_database_has_it_without_a_run(world: World) -> None:
    dev = await world.target("dev")
    made = await world.ana.ok("POST", "/releases", project="shop", changes=[table("1"), headline("one")])
    there = {"instance": dev.instance, "database": dev.id, "type": "schema.baseline", "release": made["id"]}
    adopted = await world.ana.ok("POST", "/issues", project="shop", title="Adopt", pipeline={"tasks": [there]})
    await world.until(adopted, "succeeded")
    assert await states(world, adopted) == [("1", "applied"), ("R__headline", "applied")]

    issue = await world.file([headline("one")], dev)

    await world.until(issue, "succeeded")
    assert await states(world, issue) == [("R__headline", "already_applied")]
    assert not await dev.has("runs")
