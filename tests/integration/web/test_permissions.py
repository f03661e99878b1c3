"""Every route × every role, from the route table itself: who gets in, and that nothing is served without
asking."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.domain.access.permission import (
    MACHINES_TOO,
    PEOPLE_ONLY,
    PROJECT_ROLES,
    SIGNED_IN,
    WORKSPACE_ROLES,
)
from penstock.web.guards import IN_PROJECTS, PUBLIC, permission_of, routes
from tests.integration.web.conftest import ADMIN, API, Client, World

# Addresses that exist for no one, with bodies that are never valid: what matters is who gets as far as that.
VALUES = {"slug": "nope", "database": "999", "stage": "nope"}


@pytest.fixture
async def callers(world: World) -> AsyncIterator[dict[str, tuple[Client, frozenset[str]]]]:
    """One caller of each role, with the permissions that the role gives somewhere."""
    people = {role: await world.person(f"{role}@example.com") for role in PROJECT_ROLES}
    await world.project("shop", **{role: role for role in PROJECT_ROLES})
    found = {role: (client, SIGNED_IN | PROJECT_ROLES[role]) for role, client in people.items()}
    for role in WORKSPACE_ROLES:
        email = ADMIN if role == "admin" else f"{role}-{role}@example.com"
        client = world.admin if role == "admin" else await world.person(email, role)
        found[role] = (client, SIGNED_IN | WORKSPACE_ROLES[role])
    account = (await world.admin.post(f"{API}/service-accounts", json={"name": "bot"})).json()
    body = {"name": "ci", "service_account": account["id"]}
    token = (await world.admin.post(f"{API}/auth/tokens", json=body)).json()["token"]
    members = (await world.admin.get(f"{API}/projects/shop/members")).json()
    wanted = [{"principal": m["principal"], "role": m["role"]} for m in members]
    wanted.append({"principal": f"service:{account['id']}", "role": "owner"})
    answer = await world.admin.put(f"{API}/projects/shop/members", json=wanted)
    assert answer.status_code == 200, answer.text
    bot = world.client(headers={"Authorization": f"Bearer {token}"})
    found["bot that is an owner"] = (bot, SIGNED_IN | MACHINES_TOO | PROJECT_ROLES["owner"] - PEOPLE_ONLY)
    yield found
    for client, _ in found.values():
        await client.aclose()


def table(world: World) -> list[tuple[str, str, str]]:
    """Method, address and permission of every route that is not public, but for the endless stream."""
    found = []
    for path, method, handler in routes(world.app):
        verb = permission_of(handler)
        if method != "OPTIONS" and verb != PUBLIC and path != f"{API}/events/stream":
            address = path
            for name, value in VALUES.items():
                address = address.replace(f"{{{name}}}", value)
            if "{" in address:
                address = address[: address.index("{")] + "999" + address[address.index("}") + 1 :]
            found.append((method, address, str(verb)))
    return found


async def test_nobody_gets_in_without_signing_in(world: World) -> None:
    rows = table(world)
    assert len(rows) > 40
    async with world.client() as stranger:
        for method, address, _ in rows:
            answer = await stranger.request(method, address, json={})
            assert answer.status_code == 401, f"{method} {address}: {answer.text}"


async def test_every_route_for_every_role(world: World, callers: dict[str, tuple[Client, frozenset[str]]]) -> None:
    wrong = []
    for method, address, verb in table(world):
        if address.endswith("/auth/logout"):
            continue  # it would end the session that is asked with
        for role, (client, held) in callers.items():
            answer = await client.request(method, address, **_body(method))
            let_in = answer.status_code not in (401, 403)
            may_look = verb in IN_PROJECTS and verb.endswith(".read")
            if let_in != (verb in held or may_look) and not _self_service(method, address, answer.status_code):
                wrong.append(f"{method} {address} ({verb}) by {role}: {answer.status_code}")
            if answer.status_code >= 500:
                wrong.append(f"{method} {address} by {role}: {answer.status_code} {answer.text}")
    assert wrong == []


async def test_what_one_may_not_see_does_not_exist(world: World) -> None:
    await world.project("secret")
    viewer = await world.person("viewer@example.com")
    await world.project("shop", viewer="viewer")
    for path in ("secret", "secret/members"):
        theirs = await viewer.get(f"{API}/projects/{path}")
        none = await viewer.get(f"{API}/projects/{path.replace('secret', 'nope')}")
        assert (theirs.status_code, theirs.json()["code"]) == (404, "not_found")
        assert none.json()["detail"].replace("nope", "secret") == theirs.json()["detail"]
    assert [p["slug"] for p in (await viewer.get(f"{API}/projects")).json()["items"]] == ["shop"]
    assert (await viewer.get(f"{API}/events?project=secret")).status_code == 404


async def test_a_role_counts_only_in_its_project(world: World) -> None:
    owner = await world.person("owner@example.com")
    await world.project("shop", owner="owner")
    await world.project("crm", owner="viewer")
    assert (await owner.patch(f"{API}/projects/shop", json={"name": "S"})).status_code == 200
    assert (await owner.patch(f"{API}/projects/crm", json={"name": "C"})).status_code == 403


def _body(method: str) -> dict[str, Any]:
    return {} if method in ("GET", "DELETE") else {"json": {"no such field": 1}}


def _self_service(method: str, address: str, status: int) -> bool:
    """Changing users is open to all for themselves; for others the service asks for ``user.edit``."""
    return method == "PATCH" and address == f"{API}/users/999" and status == 403
