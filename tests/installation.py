"""A whole Penstock in this process: the application, its services and the background loops with a runner, all real.

For tests and benchmarks that go through the front door; what concerns one part only has narrower fixtures.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import asyncpg
import httpx2
from litestar import Litestar

from penstock.engines.registry import engine_for
from penstock.runtime.supervisor import RunnerSettings, Supervisor
from penstock.services import first_start
from penstock.services.container import Services
from penstock.services.secrets import Keyring
from penstock.services.sync_pipelines import file_sync_pipeline
from penstock.store.database import Database
from penstock.web.app import create_app
from tests.waiting import eventually

API: Final = "/api/v1"
EMAIL: Final = "ada@example.com"
PASSWORD: Final = secrets.token_urlsafe(16)
ENDED: Final = ("succeeded", "failed", "error", "canceled", "skipped")


class Server(Protocol):
    """Where a database server is, and who may do everything there."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...


class Refused(Exception):
    """The API answered with an error where none was expected."""


@dataclass
class Installation:
    """One running Penstock, and somebody who is signed in as its administrator.

    Args:
        project: where `adopt` puts databases.
        environment: where `register` puts instances; its tier asks for no approval.
    """

    app: Litestar
    services: Services
    database: Database
    client: httpx2.AsyncClient
    project: str = "shop"
    environment: str = "dev"
    instance: str = "target"

    async def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Call the API with a JSON body and return what it answers.

        Raises:
            Refused: the answer is an error.
        """
        answer = await self.client.request(method, API + path, json=body or None)
        if answer.is_error:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    async def register(self, server: Server, *, engine: str = "postgres", max_running_tasks: int = 4) -> None:
        """Make the project, the environment and one instance, which is ``server``."""
        await self.call("POST", "/projects", slug=self.project, name=self.project)
        await self.call("POST", "/environments", slug=self.environment, name=self.environment, tier="open")
        await self.call(
            "POST",
            "/instances",
            slug=self.instance,
            engine=engine,
            environment=self.environment,
            host=server.host,
            port=server.port,
            username=server.user,
            password=server.password or None,
            tls="disable",
            options={"max_running_tasks": max_running_tasks},
        )

    async def adopt(self, databases: Sequence[str]) -> list[int]:
        """Sync the instance and put these databases into the project; returns their ids in the same order."""
        started = await self.call("POST", f"/instances/{self.instance}/sync")
        found = await self.ended(started["pipeline"], 60 + len(databases))
        if found["result"] != "succeeded":
            raise Refused(f"The sync ended {found['result']}")
        ids = []
        for name in databases:
            adopted = await self.call("PATCH", f"/databases/{self.instance}%2F{name}", project=self.project)
            ids.append(adopted["id"])
        return ids

    async def ended(self, pipeline_id: int, timeout: float = 60.0) -> dict[str, Any]:
        """Wait until every task of a pipeline has ended, and return the pipeline."""

        async def look() -> dict[str, Any]:
            found = await self.call("GET", f"/pipelines/{pipeline_id}")
            return found if found["result"] in ENDED else {}

        found: dict[str, Any] = await eventually(look, timeout, every=0.05, message=f"pipeline {pipeline_id} ends")
        return found

    async def explain(self, pipeline_id: int) -> str:
        """What went wrong in a pipeline, for a failing test."""
        tasks = await self.call("GET", f"/pipelines/{pipeline_id}/tasks")
        return "; ".join(f"{t['name']}: {t['status']} {t['failure']}" for t in tasks["items"][:5])


@asynccontextmanager
async def installation(
    metadata_url: str, *, runner: RunnerSettings | None = None, works: bool = True
) -> AsyncIterator[Installation]:
    """Start a Penstock on a migrated metadata database, and stop it in the right order.

    Args:
        works: False for one that only serves, and leaves tasks to runners elsewhere.
    """
    database = Database(metadata_url)
    try:
        deployment = await first_start.ensure(database)
        services = Services.build(database, Keyring([b"k" * 32]), engine_for=engine_for, file_sync=file_sync_pipeline)
        await services.accounts.create_first_admin(EMAIL, "Ada", PASSWORD)
        settings = (runner or RunnerSettings()) if works else None
        supervisor = Supervisor(database, services.targets, engine_for, deployment, settings)
        app = create_app(services)
        await supervisor.start()
        try:
            transport = httpx2.ASGITransport(app=app)  # type: ignore[arg-type]  # typed looser than litestar is
            async with (
                _lifespan(app),
                httpx2.AsyncClient(transport=transport, base_url="http://penstock.test", timeout=120) as client,
            ):
                answer = await client.post(f"{API}/auth/login", json={"email": EMAIL, "password": PASSWORD})
                client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
                yield Installation(app, services, database, client)
        finally:
            await supervisor.stop()
    finally:
        await database.close()


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    """The application's lifespan, entered and left by one task: the two halves of a fixture run in different ones."""
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


async def rows(url: str, query: str, *args: object) -> list[asyncpg.Record]:
    """What a database answers, on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await connection.fetch(query, *args)
        return found
    finally:
        await connection.close()
