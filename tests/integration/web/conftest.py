"""The real application on a real metadata database, and people of every role who are signed in to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from litestar import Litestar

from penstock.engines.registry import engine_for
from penstock.services.container import Services
from penstock.services.secrets import Keyring
from penstock.services.sync_pipelines import file_sync_pipeline
from penstock.store import accounts, outbox
from penstock.store.database import Database
from tests.one_app import application, quick_passwords

API = "/api/v1"
PASSWORD = "correct horse battery"
ADMIN = "ada@example.com"


class Client(httpx2.AsyncClient):
    """A browser or script that speaks to the application in this process."""

    def __init__(self, app: Litestar, **kwargs: Any) -> None:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # typed looser
        super().__init__(transport=transport, base_url="http://penstock.test", **kwargs)

    async def sign_in(self, email: str, password: str = PASSWORD) -> dict[str, Any]:
        """Log in, keep the cookie, and send the CSRF token from now on."""
        answer = await self.post(f"{API}/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        me: dict[str, Any] = answer.json()
        self.headers["X-CSRF-Token"] = me["csrf_token"]
        return me


@dataclass
class World:
    """An application with its services, and ways to make people and things in it."""

    app: Litestar
    services: Services
    database: Database
    admin: Client
    stopping: asyncio.Event

    def client(self, **kwargs: Any) -> Client:
        """Somebody who is not signed in."""
        return Client(self.app, **kwargs)

    async def person(self, email: str, workspace_role: str = "member") -> Client:
        """A new person, signed in."""
        body = {"email": email, "name": email.partition("@")[0], "password": PASSWORD}
        answer = await self.admin.post(f"{API}/users", json={**body, "workspace_role": workspace_role})
        assert answer.status_code == 201, answer.text
        client = self.client()
        await client.sign_in(email)
        return client

    async def project(self, slug: str, **members: str) -> None:
        """A project whose members are given as name=role; their e-mails are ``<name>@example.com``."""
        answer = await self.admin.post(f"{API}/projects", json={"slug": slug, "name": slug})
        assert answer.status_code == 201, answer.text
        body = [{"principal": f"user:{name}@example.com", "role": role} for name, role in members.items()]
        answer = await self.admin.put(f"{API}/projects/{slug}/members", json=body)
        assert answer.status_code == 200, answer.text

    async def environment(self, slug: str, tier: str = "open") -> None:
        """An environment of a tier that is made when missing."""
        await self.admin.post(f"{API}/approval-tiers", json={"slug": tier, "name": tier})
        body = {"slug": slug, "name": slug, "tier": tier}
        answer = await self.admin.post(f"{API}/environments", json=body)
        assert answer.status_code == 201, answer.text

    async def instance(self, slug: str, environment: str = "dev", **settings: Any) -> dict[str, Any]:
        """An instance in an environment that is made when missing."""
        if (await self.admin.get(f"{API}/environments/{environment}")).status_code == 404:
            await self.environment(environment)
        body: dict[str, Any] = {"slug": slug, "engine": "postgres", "environment": environment}
        body |= {"host": "127.0.0.1", "port": 5432, "username": "postgres", "tls": "disable", **settings}
        answer = await self.admin.post(f"{API}/instances", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture
async def world(metadata_url: str) -> AsyncIterator[World]:
    """The application, running, with one administrator who is signed in."""
    database, stopping = Database(metadata_url), asyncio.Event()
    keyring = Keyring([b"k" * 32])
    services = Services.build(
        database, keyring, engine_for=engine_for, file_sync=file_sync_pipeline, passwords=quick_passwords()
    )
    await services.accounts.create_first_admin(ADMIN, "Ada", PASSWORD)
    try:
        with application(services, stopping) as app:
            async with running(app), Client(app) as admin:
                await admin.sign_in(ADMIN)
                yield World(app, services, database, admin, stopping)
    finally:
        await database.close()


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[None]:
    """The application's lifespan, entered and left by one task: a fixture's two halves run in different
    ones."""
    ready, done = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            ready.set()
            await done.wait()

    life = asyncio.create_task(live())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([life, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if ready.is_set():
            yield
    finally:
        done.set()
        await life


async def stamp(database: Database) -> None:
    """Do the sequencer's work: give every event that is committed its position."""
    while (stamped := await database.run_straight(outbox.TAKE_TURN, outbox.stamp)) and stamped.events:
        pass


async def account_id(database: Database, email: str) -> int:
    """The id of a person."""
    async with database.connect() as conn:
        found = await accounts.by_email(conn, email)
    assert found is not None
    return int(found["id"])
