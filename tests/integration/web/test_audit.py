"""The audit log by time, and the proof that nobody has touched it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from penstock.runtime.sequencer import Sequencer
from tests.integration.web.conftest import API, World

AUDIT = f"{API}/audit"


async def actions(world: World, **params: str) -> list[str]:
    answer = await world.admin.get(AUDIT, params={"page_size": 200, **params})
    assert answer.status_code == 200, answer.text
    return [row["action"] for row in answer.json()["items"]]


async def test_entries_from_a_time_to_another(world: World) -> None:
    await world.project("first")
    first = (await world.admin.get(AUDIT)).json()["items"][0]["at"]
    await world.project("second")
    second = (await world.admin.get(AUDIT)).json()["items"][0]["at"]
    everything = await actions(world)
    assert await actions(world, **{"from": first}) == everything[: everything.index("project.create") + 2]
    assert "project.create" in await actions(world, **{"from": first, "to": second})
    assert await actions(world, **{"from": second, "to": second}) == []
    assert await actions(world, **{"from": "2999-01-01T00:00:00Z"}) == []


@pytest.mark.parametrize("name", ["from", "to"])
async def test_times_that_are_none(world: World, name: str) -> None:
    for wrong in ("yesterday", "2026-13-01T00:00:00Z", "2026-11-21T06:00:00"):
        answer = await world.admin.get(AUDIT, params={name: wrong})
        assert answer.status_code in (400, 422), (wrong, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_log_is_what_was_written(world: World) -> None:
    await world.project("shop")
    before = (await world.admin.get(f"{AUDIT}/verify")).json()
    assert before["ok"] and before["sealed"] < before["entries"]
    await Sequencer(world.database).round()
    after = (await world.admin.get(f"{AUDIT}/verify")).json()
    assert (after["ok"], after["sealed"], after["first_bad"]) == (True, after["entries"], None)


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE audit SET action = 'nothing.happened' WHERE id = :id",
        "UPDATE audit SET actor_id = NULL WHERE id = :id",
        "UPDATE audit SET created_at = created_at - interval '1 day' WHERE id = :id",
        "DELETE FROM audit WHERE id = :id",
    ],
)
async def test_whoever_touches_it_is_found_out(world: World, tamper: str) -> None:
    for slug in ("one", "two", "three"):
        await world.project(slug)
    await Sequencer(world.database).round()
    async with world.database.engine.begin() as conn:
        middle = sa.text("SELECT id FROM audit WHERE sealed_as = (SELECT max(sealed_as) / 2 FROM audit)")
        id_ = await conn.scalar(middle)
        following = await conn.scalar(sa.text("SELECT min(id) FROM audit WHERE id > :id"), {"id": id_})
        await conn.execute(sa.text(tamper), {"id": id_})
    found = (await world.admin.get(f"{AUDIT}/verify")).json()
    assert not found["ok"] and found["first_bad"] in (id_, following)


async def test_only_those_who_may_read_it_may_verify_it(world: World) -> None:
    member = await world.person("member@example.com")
    assert (await member.get(f"{AUDIT}/verify")).status_code == 403
