"""Schedules of syncs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.integration.web.conftest import API, World

SCHEDULES = f"{API}/schedules"


async def only(world: World) -> dict[str, Any]:
    items = (await world.admin.get(SCHEDULES)).json()["items"]
    assert len(items) == 1
    found: dict[str, Any] = items[0]
    return found


async def test_when_it_fires_next_follows_cron_and_time_zone(world: World) -> None:
    await world.instance("pg-dev")
    url = f"{SCHEDULES}/{(await only(world))['id']}"
    change = {"cron": "30 3 * * *", "time_zone": "Asia/Kolkata"}  # 22:00 UTC, with a jitter of at most five minutes
    changed = (await world.admin.patch(url, json=change)).json()
    at = dt.datetime.fromisoformat(changed["next_at"])
    assert (at.hour, at.minute < 5) == (22, True)
    assert (await world.admin.patch(url, json={"enabled": False})).json()["enabled"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cron": "never"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"cron": "* * * * * *"}, "cron"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
    ],
)
async def test_what_can_never_fire_is_refused(world: World, change: dict[str, str], field: str) -> None:
    await world.instance("pg-dev")
    before = await only(world)
    answer = await world.admin.patch(f"{SCHEDULES}/{before['id']}", json=change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert await only(world) == before


async def test_an_instance_has_one_schedule_of_a_kind(world: World) -> None:
    await world.instance("pg-dev")
    body = {"instance": "pg-dev", "cron": "0 * * * *"}
    answer = await world.admin.post(SCHEDULES, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "instance")
    assert (await world.admin.delete(f"{SCHEDULES}/{(await only(world))['id']}")).status_code == 204
    assert (await world.admin.post(SCHEDULES, json=body)).json()["cron"] == "0 * * * *"
    assert (await world.admin.post(SCHEDULES, json=body | {"instance": "nope"})).status_code == 422
