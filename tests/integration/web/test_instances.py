"""Instances: passwords go in and never come out, and a test says step by step what is wrong."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from penstock.embedded import EmbeddedPostgres
from penstock.engines.registry import engine_for
from penstock.services.container import Services
from penstock.services.secrets import Keyring, SecretUnreadable
from penstock.services.sync_pipelines import file_sync_pipeline
from penstock.store.database import driver_dsn
from penstock.store.tables import metadata
from penstock.store.tables.catalog import secret
from penstock.web.app import create_app
from tests.integration.web.conftest import ADMIN, API, Client, World, running

INSTANCES = f"{API}/instances"
CANARY = "canary-Zq7-never-shown"


@pytest.fixture(scope="module")
def server(session_runner: asyncio.Runner) -> Iterator[dict[str, Any]]:
    """A PostgreSQL that asks for passwords; how to sign in to it as an instance's settings."""
    # Not below pytest's tmp_path, which is closed to the account that PostgreSQL runs as when we are root.
    root = Path(tempfile.mkdtemp(prefix="penstock-test-"))
    root.chmod(0o755)
    postgres = EmbeddedPostgres(root, fsync="off")
    try:
        url = make_url(session_runner.run(postgres.start()))

        async def create() -> None:
            connection = await asyncpg.connect(driver_dsn(url.render_as_string(hide_password=False)))
            await connection.execute(f"CREATE ROLE deploy LOGIN CREATEDB PASSWORD '{CANARY}'")
            await connection.close()

        session_runner.run(create())
        yield {"host": url.host, "port": url.port, "username": "deploy", "password": CANARY, "tls": "disable"}
    finally:
        session_runner.run(postgres.stop())
        shutil.rmtree(root)


async def test_an_instance_that_is_fine(world: World, server: dict[str, Any]) -> None:
    await world.instance("pg-dev", **server)
    report = (await world.admin.post(f"{INSTANCES}/pg-dev/test")).json()
    assert (report["reachable"], report["authenticated"]) == (True, True)
    assert [step["name"] for step in report["steps"]] == ["dns", "tcp", "tls", "login", "version", "privileges"]
    assert all(step["ok"] for step in report["steps"])
    assert "createdb" in report["privileges"]
    assert (report["flavour"], report["support"]) == ("postgresql", "supported")
    shown = (await world.admin.get(f"{INSTANCES}/pg-dev")).json()
    assert shown["server_version"] == report["version"]
    assert (shown["version"], shown["has_password"]) == (1, True)


@pytest.mark.parametrize(
    ("engine", "support"), [("postgres", "supported"), ("mariadb", "supported"), ("mysql", "experimental")]
)
async def test_an_instance_says_how_far_its_kind_is_supported(engine: str, support: str, world: World) -> None:
    await world.environment("dev")
    body = {"slug": "db", "engine": engine, "environment": "dev", "host": "localhost", "port": 1, "username": "u"}
    added = await world.admin.post(INSTANCES, json=body)
    changed = await world.admin.patch(f"{INSTANCES}/db", json={"name": "Main"})
    shown, listed = await world.admin.get(f"{INSTANCES}/db"), await world.admin.get(INSTANCES)
    found = [added.json(), changed.json(), shown.json(), *listed.json()["items"]]
    assert [one["support"] for one in found] == [support] * 4
    report = (await world.admin.post(f"{INSTANCES}/db/test")).json()
    assert (report["flavour"], report["support"], report["version"]) == (None, None, None)


async def test_an_instance_is_reached_through_its_maintenance_database(world: World, server: dict[str, Any]) -> None:
    await world.instance("pg-dev", **server, options={"maintenance_database": "template1"})
    assert (await world.admin.post(f"{INSTANCES}/pg-dev/test")).json()["authenticated"]
    change = {"options": {"maintenance_database": "no_such_database"}}
    assert (await world.admin.patch(f"{INSTANCES}/pg-dev", json=change)).status_code == 200
    report = (await world.admin.post(f"{INSTANCES}/pg-dev/test")).json()
    assert (report["steps"][-1]["name"], report["steps"][-1]["ok"]) == ("login", False)
    assert "no_such_database" in report["steps"][-1]["detail"]


async def test_a_wrong_password_and_a_closed_port(world: World, server: dict[str, Any]) -> None:
    await world.environment("dev")
    body = {"slug": "pg", "engine": "postgres", "environment": "dev", **server}
    wrong = (await world.admin.post(f"{INSTANCES}/test", json=body | {"password": "wrong"})).json()
    assert (wrong["reachable"], wrong["authenticated"]) == (True, False)
    assert (wrong["steps"][-1]["name"], wrong["steps"][-1]["ok"]) == ("login", False)
    closed = (await world.admin.post(f"{INSTANCES}/test", json=body | {"port": 1})).json()
    assert (closed["reachable"], closed["authenticated"]) == (False, False)
    assert (closed["steps"][-1]["name"], closed["steps"][-1]["ok"]) == ("tcp", False)
    assert (await world.admin.get(INSTANCES)).json()["items"] == []


async def test_a_password_is_nowhere_to_be_seen(
    world: World, server: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    await world.instance("pg-dev", **server)
    texts = []
    for path in ("instances", "instances/pg-dev", "audit", "events", "schedules"):
        texts.append((await world.admin.get(f"{API}/{path}")).text)
    texts.append((await world.admin.post(f"{INSTANCES}/pg-dev/test")).text)
    texts.append((await world.admin.patch(f"{INSTANCES}/pg-dev", json={"password": CANARY + "2"})).text)
    texts.append((await world.admin.post(INSTANCES, json={"slug": "pg-dev", **server})).text)
    async with world.database.connect() as conn:
        for table in metadata.sorted_tables:
            texts.append(repr((await conn.execute(sa.select(table))).all()))
    texts += capsys.readouterr()
    assert len(texts) > 20
    for text in texts:
        assert CANARY not in text
        assert CANARY.encode().hex() not in text


async def test_a_sealed_password_opens_only_in_its_own_row(world: World, server: dict[str, Any]) -> None:
    one = await world.instance("pg-one", **server)
    await world.instance("pg-two", **(server | {"password": "other"}))
    async with world.database.connect() as conn:
        rows = (await conn.execute(sa.text("SELECT slug, id FROM instance"))).all()
        ids = {row.slug: row.id for row in rows}
        target = await world.services.targets.target_for(conn, ids["pg-one"], "shop")
    assert (target.password, target.database, target.username) == (CANARY, "shop", one["username"])
    assert CANARY not in repr(target)

    async def swap(conn: Any) -> None:
        await conn.execute(sa.delete(secret).where(secret.c.instance_id == ids["pg-two"]))
        await conn.execute(sa.update(secret).values(instance_id=ids["pg-two"]))

    await world.database.run(swap)
    async with world.database.connect() as conn:
        with pytest.raises(SecretUnreadable):
            await world.services.targets.target_for(conn, ids["pg-two"])


@pytest.mark.parametrize("change", [{"host": "db.example.com"}, {"port": 5433}, {"tls": "require"}])
async def test_a_password_never_follows_to_another_server(world: World, change: dict[str, Any]) -> None:
    await world.instance("pg-dev", password="secret of the old server")
    answer = await world.admin.patch(f"{INSTANCES}/pg-dev", json=change)
    assert (answer.status_code, answer.json()["code"]) == (422, "password_required")
    answer = await world.admin.patch(f"{INSTANCES}/pg-dev", json=change | {"password": "new"})
    assert answer.status_code == 200
    assert answer.json().items() >= change.items()


async def test_settings_change_without_the_password(world: World) -> None:
    await world.instance("pg-dev", password="stays")
    change = {"name": "Main", "port": 5432, "options": {"max_running_tasks": 9}}
    shown = (await world.admin.patch(f"{INSTANCES}/pg-dev", json=change)).json()
    assert (shown["name"], shown["has_password"]) == ("Main", True)
    assert shown["options"] == {"max_running_tasks": 9, "maintenance_database": "postgres"}


async def test_credentials_from_the_environment(world: World, server: dict[str, Any]) -> None:
    variables = {
        "PENSTOCK_DSN_DEV": f"postgresql://deploy:{CANARY}@{server['host']}:{server['port']}/postgres",
        "PENSTOCK_DSN_OTHER": f"postgresql://deploy:{CANARY}@elsewhere:5432/postgres",
        "PENSTOCK_DSN_ODD": CANARY,
    }
    services = Services.build(
        world.database,
        Keyring([b"k" * 32]),
        engine_for=engine_for,
        file_sync=file_sync_pipeline,
        environ=variables,
    )
    await world.environment("dev")
    app = create_app(services)
    async with running(app), Client(app) as client:
        await client.sign_in(ADMIN)
        body = {"slug": "pg", "engine": "postgres", "environment": "dev", "tls": "disable"}
        body |= {"host": server["host"], "port": server["port"]}
        reports = {}
        for name in (*variables, "PENSTOCK_DSN_MISSING"):
            answer = await client.post(f"{INSTANCES}/test", json=body | {"dsn_env": name})
            assert CANARY not in answer.text
            reports[name] = answer.json()
        assert reports.pop("PENSTOCK_DSN_DEV")["authenticated"]
        for name, report in reports.items():
            assert not report["authenticated"]
            assert name in report["steps"][0]["detail"]
        for bad in ({"dsn_env": "HOME"}, {"dsn_env": "PENSTOCK_DSN_DEV", "username": "x"}, {}):
            answer = await client.post(INSTANCES, json=body | bad)
            assert answer.status_code == 422


async def test_a_new_instance_is_synced_on_a_schedule_and_now(world: World) -> None:
    await world.instance("pg-dev")
    schedule = (await world.admin.get(f"{API}/schedules")).json()["items"][0]
    assert (schedule["instance"], schedule["kind"], schedule["cron"]) == ("pg-dev", "schema.sync", "*/15 * * * *")
    assert schedule["enabled"]
    assert schedule["next_at"] is not None

    first = await world.admin.post(f"{INSTANCES}/pg-dev/sync")
    assert first.status_code == 202
    assert not first.json()["already_running"]
    again = (await world.admin.post(f"{INSTANCES}/pg-dev/sync")).json()
    assert again == {"pipeline": first.json()["pipeline"], "already_running": True}
    assert (await world.admin.get(f"{INSTANCES}/pg-dev")).json()["sync_pipeline"] == again["pipeline"]
    assert (await world.admin.post(f"{INSTANCES}/nope/sync")).status_code == 404


async def test_an_instance_with_history_stays_and_a_fresh_one_can_go(world: World) -> None:
    await world.instance("pg-old")
    await world.admin.post(f"{INSTANCES}/pg-old/sync")
    answer = await world.admin.delete(f"{INSTANCES}/pg-old")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    await world.instance("pg-new", password="x")
    assert (await world.admin.delete(f"{INSTANCES}/pg-new")).status_code == 204
    assert [s["instance"] for s in (await world.admin.get(f"{API}/schedules")).json()["items"]] == ["pg-old"]


async def test_lists_are_by_environment(world: World) -> None:
    await world.instance("pg-dev", "dev")
    await world.instance("pg-prod", "prod")
    listed = (await world.admin.get(f"{INSTANCES}?environment=prod")).json()["items"]
    assert [item["slug"] for item in listed] == ["pg-prod"]
