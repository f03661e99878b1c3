"""Whatever a client sends: a problem document with a stable code, never a 500, and nothing left behind."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from litestar import get

from penstock.domain.errors import Blocked, StaleDigest
from penstock.domain.gates.gate import Blocker
from penstock.engines.registry import engine_for
from penstock.services.container import Services
from penstock.services.secrets import Keyring
from penstock.services.sync_pipelines import file_sync_pipeline
from penstock.store.database import Database
from penstock.web.app import create_app
from penstock.web.guards import PUBLIC, needs
from penstock.web.strict import MAX_BODY_BYTES
from tests.integration.web.conftest import API, Client, World, running

JSON = {"content-type": "application/json"}
PROJECTS = f"{API}/projects"

BODIES: list[tuple[str, bytes, int, str, str | None]] = [
    ("nothing", b"", 400, "bad_request", None),
    ("half an object", b"{", 400, "bad_request", None),
    ("no JSON", b"shop", 400, "bad_request", None),
    ("an array", b"[]", 422, "validation_failed", None),
    ("a number for a string", b'{"slug":"a","name":4}', 422, "validation_failed", "name"),
    ("an empty slug", b'{"slug":"","name":"n"}', 422, "validation_failed", "slug"),
    ("a slug with a line break", b'{"slug":"a\\n","name":"n"}', 422, "validation_failed", "slug"),
    ("a missing field", b'{"slug":"a"}', 422, "validation_failed", None),
    ("an unknown field", b'{"slug":"a","name":"n","owner":1}', 422, "validation_failed", None),
    ("a NUL", b'{"slug":"a","name":"n\\u0000"}', 422, "validation_failed", "name"),
    ("a NUL in a key", b'{"slug":"a","name":"n","\\u0000":1}', 422, "validation_failed", "\\u0000"),
    ("a lone surrogate", b'{"slug":"a","name":"\\ud800"}', 400, "bad_request", None),
    ("bytes that are not UTF-8", b'{"slug":"a","name":"\xff\xfe"}', 400, "bad_request", None),
    ("a UTF-16 byte order mark", b"\xff\xfe", 400, "bad_request", None),
    ("a deep array", b"[" * 100_000, 400, "bad_request", None),
    ("a deep array beside a NUL", b'{"a":"\\u0000","b":' + b"[" * 100_000, 400, "bad_request", None),
    ("more than the limit", b" " * (MAX_BODY_BYTES + 1), 413, "payload_too_large", None),
]


@pytest.mark.parametrize(("body", "status", "code", "field"), [b[1:] for b in BODIES], ids=[b[0] for b in BODIES])
async def test_bad_bodies(world: World, body: bytes, status: int, code: str, field: str | None) -> None:
    answer = await world.admin.post(PROJECTS, content=body, headers=JSON)
    problem = check_problem(answer)
    assert (problem["status"], problem["code"]) == (status, code)
    if field is not None:
        assert [error["field"] for error in problem["errors"]] == [field]
    assert (await world.admin.get(PROJECTS)).json()["items"] == []


async def test_a_backslash_before_u0000_is_just_text(world: World) -> None:
    answer = await world.admin.post(PROJECTS, content=b'{"slug":"a","name":"\\\\u0000"}', headers=JSON)
    assert answer.json()["name"] == "\\u0000"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_forms_of_other_sites_are_refused(world: World, content_type: str) -> None:
    body = b'{"slug":"a","name":"n"}'
    for url in (PROJECTS, f"{API}/auth/login"):
        answer = await world.admin.post(url, content=body, headers={"content-type": content_type})
        assert (answer.status_code, check_problem(answer)["code"]) == (415, "unsupported_media_type")


URLS = [
    ("GET", f"{PROJECTS}?bogus=1", 400, "bad_request"),
    ("GET", f"{PROJECTS}?slug=a", 400, "bad_request"),
    ("GET", f"{PROJECTS}?services=a", 400, "bad_request"),
    ("GET", f"{PROJECTS}?page_size=0", 422, "validation_failed"),
    ("GET", f"{PROJECTS}?page_size=201", 422, "validation_failed"),
    ("GET", f"{PROJECTS}?page_size=x", 422, "validation_failed"),
    ("GET", f"{PROJECTS}?page_token=x", 400, "bad_request"),
    ("GET", f"{PROJECTS}?page_token=WzFd", 400, "bad_request"),  # [1]: a number where a slug belongs
    ("GET", f"{PROJECTS}?page_token=WyJcdTAwMDAiXQ", 400, "bad_request"),  # ["\0"]
    ("GET", f"{PROJECTS}?page_token=%FF", 400, "bad_request"),
    ("GET", f"{API}/users?page_token=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", 400, "bad_request"),
    ("GET", f"{PROJECTS}/nope", 404, "not_found"),
    ("GET", f"{PROJECTS}/%00", 422, "validation_failed"),
    ("GET", f"{API}/databases?q=%00", 422, "validation_failed"),
    ("GET", f"{API}/databases/99999999999999999999", 404, "not_found"),
    ("GET", f"{API}/databases/nope", 404, "not_found"),
    ("GET", f"{API}/events?after=-1", 422, "validation_failed"),
    ("GET", f"{API}/events?after=99999999999999999999", 422, "validation_failed"),
    ("GET", f"{API}/events/stream?after=x", 422, "validation_failed"),
    ("DELETE", f"{API}/auth/tokens/99999999999999999999", 422, "validation_failed"),
    ("DELETE", f"{API}/auth/tokens/x", 404, "not_found"),
    ("GET", f"{API}/nope", 404, "not_found"),
    ("POST", f"{API}/nope", 404, "not_found"),
    ("GET", "/api/nope", 404, "not_found"),
    ("GET", "/api/schema/openapi.json", 404, "not_found"),
    ("PUT", PROJECTS, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("method", "url", "status", "code"), URLS, ids=[f"{u[0]} {u[1]}" for u in URLS])
async def test_bad_addresses(world: World, method: str, url: str, status: int, code: str) -> None:
    problem = check_problem(await world.admin.request(method, url))
    assert (problem["status"], problem["code"]) == (status, code)


async def test_every_answer_carries_its_request_id(world: World) -> None:
    answer = await world.admin.get(PROJECTS, headers={"X-Request-ID": "from-my-proxy"})
    assert answer.headers["x-request-id"] == "from-my-proxy"
    answer = await world.admin.get(f"{PROJECTS}/nope", headers={"X-Request-ID": "no\tgood"})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


@get("/boom", opt=needs(PUBLIC))
async def boom() -> None:
    """A bug."""
    raise KeyError("secret detail")


@get("/blocked", opt=needs(PUBLIC))
async def blocked() -> None:
    """A closed gate."""
    raise Blocked([Blocker("approval", "required", "Needs an approval.", ["role:workspace:dba"])])


@get("/stale", opt=needs(PUBLIC))
async def stale() -> None:
    """An approval of yesterday."""
    raise StaleDigest(digest={"prod": "sha256:new"})


async def test_errors_of_every_kind_are_problems(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    app = create_app(world.services, routes=[boom, blocked, stale])
    async with running(app), Client(app) as client:
        problem = check_problem(await client.get(f"{API}/boom"))
        assert (problem["status"], problem["code"]) == (500, "internal")
        assert "secret detail" not in str(problem)
        assert problem["request_id"] in capsys.readouterr().out
        problem = check_problem(await client.get(f"{API}/blocked"))
        assert (problem["status"], problem["code"]) == (409, "blocked")
        assert problem["blockers"][0]["waiting_for"] == ["role:workspace:dba"]
        problem = check_problem(await client.get(f"{API}/stale"))
        assert (problem["code"], problem["digest"]) == ("stale_digest", {"prod": "sha256:new"})


@pytest.mark.parametrize("state", ["40P01", "40001", "55P03"], ids=["deadlock", "serialization", "lock timeout"])
@pytest.mark.parametrize("straight", [False, True], ids=["engine", "driver"])
async def test_who_gets_no_turn_is_told_to_try_again(world: World, state: str, straight: bool) -> None:
    raising = f"DO $$ BEGIN RAISE 'no' USING ERRCODE = '{state}'; END $$"

    @get("/contended", opt=needs(PUBLIC))
    async def contended() -> None:
        """The server gives up each time."""
        if straight:
            await world.database.run_straight(raising, lambda _: asyncio.sleep(0))
        else:
            await world.database.run(lambda conn: conn.execute(sa.text(raising)))

    app = create_app(world.services, routes=[contended])
    async with running(app), Client(app) as client:
        answer = await client.get(f"{API}/contended")
        problem = check_problem(answer)
        assert (problem["status"], problem["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "nothing was changed" in problem["detail"]


async def test_a_route_without_a_permission_keeps_the_server_from_starting(world: World) -> None:
    @get("/open")
    async def forgotten() -> None:
        """Nobody said who may."""

    with pytest.raises(RuntimeError, match=r"GET /api/v1/open \(None\)"):
        create_app(world.services, routes=[forgotten])


async def test_a_lost_database_is_503() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    keyring = Keyring([b"k" * 32])
    services = Services.build(nowhere, keyring, engine_for=engine_for, file_sync=file_sync_pipeline)
    async with Client(create_app(services)) as client:
        answer = await client.post(f"{API}/auth/login", json={"email": "a@b.c", "password": "x"})
        assert (answer.status_code, check_problem(answer)["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"]
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


def check_problem(answer: httpx2.Response) -> dict[str, Any]:
    """The problem document of an answer, which must be a whole one."""
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem.keys() >= {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"]
    return problem
