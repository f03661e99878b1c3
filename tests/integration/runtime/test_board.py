"""The board: which release every database of a project has, and what could be promoted; what a database had."""

from __future__ import annotations

from tests.builders import PROJECT, Json, World


def change(version: str) -> Json:
    return {"version": version, "statement": f"CREATE TABLE t{version} (id int)"}


async def board(world: World, query: str = "") -> Json:
    found: Json = await world.ana.ok("GET", f"/projects/{PROJECT}/board{query}")
    return found


async def test_an_empty_project_has_an_empty_board(calm: World) -> None:
    assert await board(calm) == {"project": PROJECT, "environments": [], "items": [], "next_page_token": None}


async def test_it_shows_what_is_where_and_what_could_go_on(world: World) -> None:
    dev, staging, other = await world.target("dev"), await world.target("staging"), await world.target("staging")
    await world.target("prod")
    first = await world.file([change("1")], dev, staging)
    await world.decide(world.bo, first, "staging")
    await world.until(first, "succeeded")
    second = await world.file([change("2")], dev)
    await world.until(second, "succeeded")

    found = await board(world)

    assert [(e["slug"], e["databases"], e["next"]) for e in found["environments"]] == [
        ("dev", 1, "staging"),
        ("staging", 2, "prod"),
        ("prod", 1, None),
    ]
    ahead = {
        e["slug"]: [(n["release"], n["databases"], n["missing"], n["issue"]) for n in e["promotable"]]
        for e in found["environments"]
    }
    assert ahead == {
        "dev": [(second["release"], 1, 2, None)],
        "staging": [(first["release"], 1, 1, None)],
        "prod": [],
    }
    cards = {c["id"]: c for c in found["items"]}
    assert [c["environment"] for c in found["items"]] == ["dev", "staging", "staging", "prod"]
    assert (cards[dev.id]["current"]["version"], cards[dev.id]["current"]["release"]) == ("v2", second["release"])
    assert (cards[staging.id]["current"]["version"], cards[staging.id]["behind"]) == ("v1", 1)
    assert (cards[other.id]["current"], cards[other.id]["behind"]) == (None, 2)

    promoted = await world.ana.ok("POST", "/promotions", project=PROJECT, release=second["release"])
    found = await board(world)
    assert found["environments"][0]["promotable"][0]["issue"] == promoted["issue"]
    cards = {c["id"]: c for c in found["items"]}
    assert cards[staging.id]["coming"] == {
        "issue": promoted["issue"],
        "release": second["release"],
        "status": "waiting",
    }
    assert cards[dev.id]["coming"] is None


async def test_it_costs_as_many_statements_for_many_databases_as_for_one(calm: World) -> None:
    await calm.target("dev")
    with calm.count_statements() as count:
        await board(calm)
    alone = count()
    for n in range(6):
        await calm.target(("dev", "staging", "prod")[n % 3])
    with calm.count_statements() as count:
        await board(calm)
    assert count() == alone


async def test_it_is_paged_by_databases(calm: World) -> None:
    targets = [await calm.target(e) for e in ("prod", "dev", "staging", "dev", "staging")]
    seen: list[int] = []
    token = ""
    while True:
        found = await board(calm, f"?page_size=2{token}")
        assert len(found["environments"]) == 3  # whole on every page
        seen += [c["id"] for c in found["items"]]
        if found["next_page_token"] is None:
            break
        token = f"&page_token={found['next_page_token']}"
    assert len(seen) == 5
    assert set(seen) == {t.id for t in targets}
    places = {t.id: t.environment for t in targets}
    assert [places[n] for n in seen] == ["dev", "dev", "staging", "staging", "prod"]


async def test_a_release_that_came_again_and_found_everything_is_no_news(world: World) -> None:
    dev = await world.target("dev")
    first = await world.file([change("1")], dev)
    await world.until(first, "succeeded")
    second = await world.file([change("1"), change("2")], dev)
    await world.until(second, "succeeded")
    again = await world.ana.ok(
        "POST", "/issues", project=PROJECT, title="Again", release=first["release"], targets={"databases": [dev.id]}
    )
    await world.until(again, "succeeded")

    items = (await world.ana.ok("GET", f"/databases/{dev.id}/releases"))["items"]

    assert [(i["version"], i["release"], i["current"], i["changes"], i["applied"]) for i in items] == [
        ("v2", second["release"], True, 2, 1),
        ("v1", first["release"], False, 1, 1),
    ]
    assert (await board(world))["items"][0]["current"]["version"] == "v2"


async def test_the_releases_of_a_database_are_paged_newest_first(world: World) -> None:
    dev = await world.target("dev")
    for n in range(5):
        await world.until(await world.file([change(str(n))], dev), "succeeded")
    path = f"/databases/{dev.instance}%2F{dev.name}/releases?page_size=2"
    first = await world.ana.ok("GET", path)
    second = await world.ana.ok("GET", f"{path}&page_token={first['next_page_token']}")
    third = await world.ana.ok("GET", f"{path}&page_token={second['next_page_token']}")
    found = [i["version"] for part in (first, second, third) for i in part["items"]]
    assert found == ["v5", "v4", "v3", "v2", "v1"]
    assert third["next_page_token"] is None


async def test_who_may_not_see_the_project_sees_neither(calm: World) -> None:
    dev = await calm.target("dev")
    eve = calm.person("eve")
    assert (await eve.refused("GET", f"/projects/{PROJECT}/board"))[0] == 404
    assert (await eve.refused("GET", f"/databases/{dev.id}/releases"))[0] == 404
