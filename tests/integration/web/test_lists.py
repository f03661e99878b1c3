"""Pages that stay stable while rows come and go, and ETags that catch lost updates."""

from __future__ import annotations

from tests.integration.web.conftest import API, World


async def test_pages_follow_each_other_without_gaps(world: World) -> None:
    for n in range(7):
        await world.project(f"p{n}")
    seen, token = [], None
    while True:
        query = f"?page_size=3&page_token={token}" if token else "?page_size=3"
        page = (await world.admin.get(f"{API}/projects{query}")).json()
        seen += [item["slug"] for item in page["items"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert seen == [f"p{n}" for n in range(7)]


async def test_rows_that_come_in_between_move_nothing(world: World) -> None:
    for slug in ("b", "d", "f"):
        await world.project(slug)
    page = (await world.admin.get(f"{API}/projects?page_size=2")).json()
    for slug in ("a", "c", "e"):
        await world.project(slug)
    rest = (await world.admin.get(f"{API}/projects?page_token={page['next_page_token']}")).json()
    assert [item["slug"] for item in page["items"] + rest["items"]] == ["b", "d", "e", "f"]


async def test_newest_first_stays_stable_too(world: World) -> None:
    for n in range(4):
        await world.admin.post(f"{API}/auth/tokens", json={"name": f"t{n}"})
    page = (await world.admin.get(f"{API}/auth/tokens?page_size=2")).json()
    await world.admin.post(f"{API}/auth/tokens", json={"name": "t4"})
    rest = (await world.admin.get(f"{API}/auth/tokens?page_token={page['next_page_token']}")).json()
    assert [item["name"] for item in page["items"] + rest["items"]] == ["t3", "t2", "t1", "t0"]
    assert rest["next_page_token"] is None


async def test_a_lost_update_is_refused(world: World) -> None:
    await world.project("shop")
    url = f"{API}/projects/shop"
    seen = (await world.admin.get(url)).headers["etag"]
    first = await world.admin.patch(url, json={"name": "One"}, headers={"If-Match": seen})
    assert first.status_code == 200
    assert first.headers["etag"] != seen
    assert first.headers["etag"] == f'"{first.json()["version"]}"'
    second = await world.admin.patch(url, json={"name": "Two"}, headers={"If-Match": seen})
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    assert (await world.admin.get(url)).json()["name"] == "One"
    assert (await world.admin.delete(url, headers={"If-Match": seen})).status_code == 412
    for header in (first.headers["etag"], "*"):
        answer = await world.admin.patch(url, json={"name": "Three"}, headers={"If-Match": header})
        assert answer.status_code == 200
    for header in ("3", '"x"', '"1", "2"'):
        assert (await world.admin.patch(url, json={}, headers={"If-Match": header})).status_code == 412
