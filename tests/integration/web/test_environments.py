"""Environments in order, and the approval tiers that they carry."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.store.tables.catalog import environment
from tests.integration.web.conftest import API, World

TIERS, ENVIRONMENTS = f"{API}/approval-tiers", f"{API}/environments"
DBA = {"any_of": [{"role": "workspace:dba"}, {"user": "ada@example.com"}], "count": 1}


async def order(world: World) -> list[tuple[str, int]]:
    items = (await world.admin.get(ENVIRONMENTS)).json()["items"]
    return [(item["slug"], item["position"]) for item in items]


async def generation(world: World, slug: str) -> int:
    async with world.database.connect() as conn:
        query = sa.select(environment.c.generation).where(environment.c.slug == slug)
        return int((await conn.execute(query)).scalar_one())


async def test_environments_can_be_moved(world: World) -> None:
    for slug in ("dev", "prod"):
        await world.environment(slug)
    body = {"slug": "staging", "name": "Staging", "tier": "open", "position": 1}
    assert (await world.admin.post(ENVIRONMENTS, json=body)).json()["position"] == 1
    assert await order(world) == [("dev", 0), ("staging", 1), ("prod", 2)]
    await world.admin.patch(f"{ENVIRONMENTS}/prod", json={"position": 0})
    assert await order(world) == [("prod", 0), ("dev", 1), ("staging", 2)]
    await world.admin.patch(f"{ENVIRONMENTS}/prod", json={"position": 9_000})
    assert await order(world) == [("dev", 0), ("staging", 1), ("prod", 2)]
    assert (await world.admin.delete(f"{ENVIRONMENTS}/dev")).status_code == 204
    assert await order(world) == [("staging", 0), ("prod", 1)]


async def test_moves_at_the_same_time_leave_an_order(world: World) -> None:
    for n in range(5):
        await world.environment(f"e{n}")
    moves = [world.admin.patch(f"{ENVIRONMENTS}/e{n}", json={"position": 4 - n}) for n in range(5)]
    assert {answer.status_code for answer in await asyncio.gather(*moves)} == {200}
    assert [position for _, position in await order(world)] == [0, 1, 2, 3, 4]


async def test_an_environment_in_use_stays(world: World) -> None:
    await world.instance("pg-dev")
    answer = await world.admin.delete(f"{ENVIRONMENTS}/dev")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await world.admin.delete(f"{TIERS}/open")).status_code == 409
    assert (await world.admin.get(f"{ENVIRONMENTS}/dev")).json()["instances"] == 1


async def test_a_tier_keeps_its_rules(world: World) -> None:
    body = {"slug": "standard", "name": "Standard", "steps": [DBA], "rollout": "manual"}
    made = (await world.admin.post(TIERS, json=body)).json()
    assert (made["steps"], made["rollout"], made["self_approval"]) == ([DBA], "manual", False)
    await world.environment("prod", "standard")
    changed = (await world.admin.patch(f"{TIERS}/standard", json={"self_approval": True})).json()
    assert (changed["steps"], changed["self_approval"], changed["environments"]) == ([DBA], True, ["prod"])


async def test_rules_are_asked_again_after_every_edit(world: World) -> None:
    await world.environment("dev")
    before = await generation(world, "dev")
    await world.admin.patch(f"{TIERS}/open", json={"steps": [DBA]})
    edited = await generation(world, "dev")
    await world.admin.post(TIERS, json={"slug": "other", "name": "Other"})
    await world.admin.patch(f"{ENVIRONMENTS}/dev", json={"tier": "other"})
    moved = await generation(world, "dev")
    await world.admin.patch(f"{ENVIRONMENTS}/dev", json={"tier": "other", "name": "Dev"})
    assert before < edited < moved == await generation(world, "dev")


@pytest.mark.parametrize(
    ("filler", "field"),
    [
        ({}, "steps[0].any_of[0]"),
        ({"role": "project:owner", "user": "ada@example.com"}, "steps[0].any_of[0]"),
        ({"role": "project:viewer"}, "steps[0].any_of[0].role"),
        ({"user": "nobody@example.com"}, "steps[0].any_of[0].user"),
    ],
)
async def test_steps_that_nobody_could_fill_are_refused(world: World, filler: dict[str, Any], field: str) -> None:
    body = {"slug": "x", "name": "X", "steps": [{"any_of": [filler]}]}
    answer = await world.admin.post(TIERS, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert (await world.admin.get(f"{TIERS}/x")).status_code == 404


async def test_an_unknown_tier_is_named(world: World) -> None:
    answer = await world.admin.post(ENVIRONMENTS, json={"slug": "dev", "name": "Dev", "tier": "nope"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "tier")
    assert await order(world) == []
