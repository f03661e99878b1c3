"""Drifts over HTTP: who sees which, page by page, and what a bad request is told."""

from __future__ import annotations

import pytest
import zstandard

from penstock.schema.fingerprint import canonical, fingerprint
from penstock.schema.model import DatabaseSchema, Relation, Schema
from penstock.services.drifts import count_changes
from penstock.store import sync
from tests.integration.web.conftest import API, Client, World

DRIFTS = f"{API}/drifts"


def of_tables(*names: str) -> DatabaseSchema:
    """A schema with these tables."""
    tables = tuple(Relation(name=name, kind="table") for name in names)
    return DatabaseSchema(name="", engine="postgres", schemas=(Schema(name="public", relations=tables),))


async def read(world: World, schema: DatabaseSchema, *names: str) -> None:
    """A sync reads databases of pg-dev, which all have this schema."""
    content = zstandard.compress(canonical(schema))
    found = [sync.Synced(name, fingerprint(schema), content, 1) for name in names]
    began = await world.database.run(sync.now)
    await world.database.run(lambda conn: sync.record_some(conn, 1, found, began=began, reading="1"))
    await count_changes(world.database, 1)


async def seen(client: Client, query: str = "") -> list[str]:
    """The names of the databases that have drifted, as somebody sees them."""
    answer = await client.get(f"{DRIFTS}{query}")
    assert answer.status_code == 200, answer.text
    return [item["database_name"] for item in answer.json()["items"]]


@pytest.fixture
async def drifted(world: World) -> World:
    """Five databases of the shop and one of crm, of which each has a table too many."""
    await world.person("owner@example.com")
    await world.instance("pg-dev")
    names = [f"shop{n}" for n in range(5)]
    await read(world, of_tables("a"), *names, "crm", "nobodys")
    await world.project("shop", owner="owner")
    await world.project("crm")
    for name in (*names, "crm"):
        body = {"project": name.rstrip("01234")}
        answer = await world.admin.patch(f"{API}/databases/pg-dev%2F{name}", json=body)
        assert answer.status_code == 200, answer.text
    await read(world, of_tables("a"), *names, "crm", "nobodys")
    await read(world, of_tables("a", "b"), *names, "crm", "nobodys")
    return world


async def test_who_sees_which(drifted: World) -> None:
    owner = drifted.client()
    await owner.sign_in("owner@example.com")
    assert await seen(drifted.admin) == ["crm", *(f"shop{n}" for n in (4, 3, 2, 1, 0))]
    assert await seen(owner) == [f"shop{n}" for n in (4, 3, 2, 1, 0)]
    assert await seen(owner, "?project=crm") == []
    assert await seen(drifted.admin, "?project=crm&status=open") == ["crm"]
    assert await seen(drifted.admin, "?status=ignored") == []
    assert await seen(owner, "?database=pg-dev%2Fshop2") == ["shop2"]
    assert (await owner.get(f"{DRIFTS}?database=pg-dev%2Fcrm")).status_code == 404
    [theirs] = (await drifted.admin.get(f"{DRIFTS}?project=crm")).json()["items"]
    for path in ("", "/accept", "/ignore"):
        address = f"{DRIFTS}/{theirs['id']}{path}"
        answer = await (owner.post(address, json={}) if path else owner.get(address))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    [snapshot, _] = (await drifted.admin.get(f"{API}/databases/pg-dev%2Fcrm/snapshots")).json()["items"]
    assert (await owner.get(f"{API}/databases/pg-dev%2Fcrm/snapshots")).status_code == 404
    assert (await owner.get(f"{API}/snapshots/{snapshot['id']}")).status_code == 404
    found = (await drifted.admin.get(f"{API}/snapshots/{snapshot['id']}")).json()
    assert [r["name"] for r in found["schemas"][0]["relations"]] == ["a", "b"]


async def test_page_by_page(drifted: World) -> None:
    names: list[str] = []
    token = None
    for _ in range(3):
        more = f"&page_token={token}" if token else ""
        page = (await drifted.admin.get(f"{DRIFTS}?page_size=2{more}")).json()
        names += [item["database_name"] for item in page["items"]]
        token = page["next_page_token"]
        await drifted.admin.post(f"{DRIFTS}/{page['items'][0]['id']}/accept", json={})
    assert (names, token) == (["crm", "shop4", "shop3", "shop2", "shop1", "shop0"], None)
    first = (await drifted.admin.get(f"{API}/databases/pg-dev%2Fcrm/snapshots?page_size=1")).json()
    more = f"{API}/databases/pg-dev%2Fcrm/snapshots?page_size=1&page_token={first['next_page_token']}"
    second = (await drifted.admin.get(more)).json()
    assert [p["items"][0]["current"] for p in (first, second)] == [True, False]
    assert second["next_page_token"] is None


async def test_one_drift_has_its_differences_and_its_version(drifted: World) -> None:
    [listed] = (await drifted.admin.get(f"{DRIFTS}?project=crm")).json()["items"]
    assert listed["changes"] == {"added": 1, "removed": 0, "changed": 0}
    answer = await drifted.admin.get(f"{DRIFTS}/{listed['id']}")
    assert answer.headers["etag"] == '"1"'
    [change] = answer.json()["diff"]
    assert (change["kind"], change["type"], change["path"]) == ("added", "table", ["public", "b"])


async def test_bad_requests_change_nothing(drifted: World) -> None:
    [drift] = (await drifted.admin.get(f"{DRIFTS}?project=crm")).json()["items"]
    path = f"{DRIFTS}/{drift['id']}"
    for action, body, status in (
        ("accept", {"comment": "x" * 2_001}, 422),
        ("accept", {"found": "sha256:x"}, 422),
        ("accept", {"until": "2100-01-01T00:00:00Z"}, 422),
        ("ignore", {"until": "tomorrow"}, 422),
        ("ignore", {"until": "2100-01-01T00:00:00"}, 422),
        ("ignore", {"until": "1999-01-01T00:00:00Z"}, 422),
        ("ignore", {"found": drift["expected"]}, 409),
    ):
        answer = await drifted.admin.post(f"{path}/{action}", json=body)
        assert answer.status_code == status, (action, body, answer.text)
    assert (await drifted.admin.get(f"{DRIFTS}?status=gone")).status_code == 422
    assert (await drifted.admin.get(f"{DRIFTS}?page_token=nonsense")).status_code == 400
    assert (await drifted.admin.get(f"{DRIFTS}/999999999999999999")).status_code == 404
    [same] = (await drifted.admin.get(f"{DRIFTS}?project=crm")).json()["items"]
    assert same == drift


async def test_who_may_look_may_not_decide(drifted: World) -> None:
    viewer = await drifted.person("viewer@example.com")
    members = [{"principal": "user:viewer@example.com", "role": "releaser"}]
    assert (await drifted.admin.put(f"{API}/projects/crm/members", json=members)).status_code == 200
    [drift] = (await viewer.get(DRIFTS)).json()["items"]
    for action in ("accept", "ignore"):
        answer = await viewer.post(f"{DRIFTS}/{drift['id']}/{action}", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_an_instance_is_removed_with_what_its_databases_were(drifted: World) -> None:
    answer = await drifted.admin.delete(f"{API}/instances/pg-dev")
    assert (answer.status_code, await seen(drifted.admin)) == (204, [])
