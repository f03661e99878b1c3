"""What is served beside the API: the user interface, the reference, health and metrics."""

from __future__ import annotations

import gzip
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.web.app import create_app
from tests.integration.web.conftest import API, Client, World, running

SCRIPT = 'document.title = "x"'
INDEX = f"<!doctype html><script>{SCRIPT}</script><div id=root></div>"
BUNDLE = "console.log(1);" * 100


@pytest.fixture
async def browser(world: World, tmp_path: Path) -> AsyncIterator[Client]:
    """Somebody who opens the built interface."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "assets" / "app-1a2b.js").write_text(BUNDLE)
    (tmp_path / "robots.txt").write_text("User-agent: *")
    (tmp_path.parent / "outside.txt").write_text("not to be served")
    app = create_app(world.services, dist=tmp_path)
    async with running(app), Client(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/issues/4", "/projects/shop/issues", "/../outside.txt", "/%2e%2e/outside.txt"])
async def test_every_other_address_is_the_page(browser: Client, path: str) -> None:
    answer = await browser.get(path)
    assert (answer.status_code, answer.text) == (200, INDEX)
    assert answer.headers["cache-control"] == "no-cache"
    assert (await browser.head(path)).headers["content-type"] == answer.headers["content-type"]


async def test_the_page_may_load_our_own_files_only(browser: Client) -> None:
    answer = await browser.get("/")
    policy = answer.headers["content-security-policy"]
    digest = b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"


async def test_hashed_files_are_kept_for_good_and_sent_small(browser: Client) -> None:
    answer = await browser.get("/assets/app-1a2b.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text == BUNDLE
    assert int(answer.headers["content-length"]) == len(gzip.compress(BUNDLE.encode(), mtime=0))
    plain = await browser.get("/assets/app-1a2b.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    known = await browser.get("/assets/app-1a2b.js", headers={"if-none-match": plain.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


async def test_missing_files_and_api_addresses_are_not_the_page(browser: Client) -> None:
    for path in ("/assets/app-old.js", f"{API}/nope", "/api/nope", "/api", API):
        answer = await browser.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await browser.get("/robots.txt")).text == "User-agent: *"
    assert (await browser.post("/issues/4")).status_code == 405


async def test_health_needs_nobody_and_metrics_somebody(world: World) -> None:
    async with world.client() as stranger:
        assert (await stranger.get("/healthz")).json() == {"status": "ok"}
        assert (await stranger.get("/readyz")).json() == {"status": "ready"}
        assert (await stranger.head("/readyz")).status_code == 200
        assert (await stranger.get("/metrics")).status_code == 401
        await stranger.get(f"{API}/projects/a-name-nobody-has")
    member = await world.person("bo@example.com")
    assert (await member.get("/metrics")).status_code == 403
    token = (await world.admin.post(f"{API}/auth/tokens", json={"name": "prometheus"})).json()["token"]
    async with world.client(headers={"Authorization": f"Bearer {token}"}) as prometheus:
        text = (await prometheus.get("/metrics")).text
    assert 'route="/api/v1/projects/{slug}",status="401"' in text
    assert "a-name-nobody-has" not in text


async def test_a_database_without_our_tables_is_not_ready(world: World) -> None:
    await world.database.run(lambda conn: conn.exec_driver_sql("DELETE FROM alembic_version"))
    async with world.client() as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_the_document_is_openapi_3_1_and_describes_problems(world: World) -> None:
    async with world.client() as client:
        document = (await client.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    ids = []
    for path, operations in document["paths"].items():
        assert path.startswith(API)
        for operation in operations.values():
            ids.append(operation["operationId"])
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert len(ids) == len(set(ids))
    create = document["paths"][f"{API}/projects"]["post"]
    assert "Idempotency-Key" in [p["name"] for p in create["parameters"]]


async def test_the_reference_needs_nothing_from_elsewhere(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/api/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "/api/v1/projects/{slug}/members" in answer.text
    assert "<script" not in answer.text
    assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
