"""The only place that wires things: settings in, a running process out."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from penstock.domain.errors import PenstockError
from penstock.embedded import EmbeddedPostgres
from penstock.embedded.binaries import clients
from penstock.embedded.running import running_url
from penstock.engines.registry import engine_for
from penstock.plugins.registry import hosts, senders
from penstock.runtime.dispatcher import Dispatcher
from penstock.runtime.supervisor import RunnerSettings, Supervisor
from penstock.services import backups, first_start
from penstock.services.backups import Manifest, Reconciled, Reconciliation
from penstock.services.container import Services
from penstock.services.doctor import Check, Doctor
from penstock.services.pull_requests import PullRequests
from penstock.services.secrets import ENVIRONMENT_KEY, FILE_NAME, Keyring
from penstock.services.sessions import SessionPolicy
from penstock.services.sync_pipelines import file_sync_pipeline
from penstock.services.targets import Targets
from penstock.settings import Settings
from penstock.store import migrate
from penstock.store.database import STALLED_SECONDS, TROUBLE, Database, asyncpg_url
from penstock.store.migrate import SchemaIsNewer
from penstock.web import openapi, serving
from penstock.web.app import create_app
from penstock.web.settings import WebSettings

METADATA_DIR: Final = "metadata"

Say = Callable[[str], None]


class NotMigrated(PenstockError):
    """The metadata database is not of this version."""

    code = "not_migrated"


class NotRunning(PenstockError):
    """The embedded database is stopped."""

    code = "not_running"


class AddressTaken(PenstockError):
    """The address to serve on is taken, or not ours."""

    code = "address_taken"


@dataclass(frozen=True, slots=True)
class Started:
    """A process that is up, for whoever prints its greeting.

    Args:
        url: where it serves, or None for a runner.
        admin: the first administrator's login, when it was made at this start.
    """

    url: str | None
    admin: first_start.FirstAdmin | None
    services: Services


@asynccontextmanager
async def metadata_database(settings: Settings, say: Say) -> AsyncIterator[str]:
    """The URL of a metadata database that answers: the operator's, or an embedded one that lives as long as this.

    Raises:
        AlreadyRunning: another process uses the data directory.
    """
    if settings.database_url is not None:
        yield asyncpg_url(settings.database_url)
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    postgres = EmbeddedPostgres(settings.data_dir / METADATA_DIR)
    say("Starting the embedded PostgreSQL")
    url = await postgres.start()
    try:
        yield url
    finally:
        await postgres.stop()


def build_services(settings: Settings, database: Database) -> Services:
    """The services of one process."""
    return Services.build(
        database,
        Keyring.load(settings.data_dir),
        engine_for=engine_for,
        file_sync=file_sync_pipeline,
        session_policy=SessionPolicy(idle=dt.timedelta(hours=settings.session_hours)),
        statement_limit=settings.max_statement_bytes,
        private_plugins=settings.private_plugins,
    )


def dispatcher(settings: Settings, database: Database, services: Services) -> Dispatcher:
    """What tells plugins of events."""
    told = senders(private=settings.private_plugins)
    return Dispatcher(database, told, services.plugins.open, settings.public_url)


def pull_requests(settings: Settings, database: Database, services: Services) -> PullRequests:
    """What looks at the pull requests of Git hosts."""
    return PullRequests(
        database,
        services.repositories,
        services.releases,
        services.issues,
        services.targets,
        engine_for,
        hosts(private=settings.private_plugins),
        settings.public_url,
    )


def built_interface() -> Path | None:
    """The built web UI: packaged, or in the checkout."""
    here = Path(__file__).resolve().parent
    for dist in (here / "web" / "static", here.parents[1] / "frontend" / "dist"):
        if (dist / "index.html").exists():
            return dist
    return None


async def examine(settings: Settings) -> list[Check]:
    """Look an installation over, as it is right now: nothing is started, made or changed."""
    try:
        url = settings.database_url or running_url(settings.data_dir / METADATA_DIR)
    except PermissionError as error:
        todo = "Run this as the account that runs penstock serve."
        return [Check("metadata database", "error", f"Its password cannot be read: {error}", todo)]
    if url is None:
        todo = f"Start penstock serve, or set PENSTOCK_DATABASE_URL; looked in {settings.data_dir}."
        return [Check("metadata database", "error", "No embedded database runs here.", todo)]
    try:
        missing = await migrate.check(url)
    except SchemaIsNewer as error:
        return [Check("metadata database", "error", error.message, "Run the newer version of Penstock.")]
    except (*TROUBLE, SQLAlchemyError) as error:
        message = f"It does not answer: {type(error).__name__}."
        return [Check("metadata database", "error", message, "Start it, or mend PENSTOCK_DATABASE_URL.")]
    if missing:
        message = f"Its schema lacks {', '.join(missing)}."
        return [Check("metadata database", "error", message, "Run penstock db upgrade, or restart penstock serve.")]
    version = Check("metadata database", "ok", f"Its schema is at {migrate.revisions()[-1]}, as this version wants it.")
    has_key = bool(os.environ.get(ENVIRONMENT_KEY)) or (settings.data_dir / FILE_NAME).exists()
    targets = Targets(Keyring.load(settings.data_dir)) if has_key else None
    async with _database(url, settings) as database:
        doctor = Doctor(database, targets, engine_for, lease_seconds=settings.lease_seconds)
        return [version, *await doctor.examine()]


async def back_up(settings: Settings, file: Path) -> Manifest:
    """Write a backup of an installation, whether it runs or not.

    Raises:
        NotRunning: its embedded database is stopped.
        BadBackup, DumpFailed: see `penstock.services.backups.make`.
    """
    url = settings.database_url or running_url(settings.data_dir / METADATA_DIR)
    if url is None:
        raise NotRunning(f"No embedded database runs in {settings.data_dir}: start penstock serve, then back up.")
    return await backups.make(asyncpg_url(url), file, Keyring.load(settings.data_dir).ids, clients())


async def bring_back(settings: Settings, file: Path, say: Say) -> tuple[Manifest, list[str]]:
    """Fill an empty installation from a backup; everything is stopped until `reconcile`.

    Returns:
        what the backup says of itself, and the ids of master keys that it needs and that are not at hand.

    Raises:
        AlreadyRunning: another process uses the data directory.
        BadBackup, DumpFailed: see `penstock.services.backups.restore`.
    """
    backups.describe(file)
    async with metadata_database(settings, say) as url:
        say("Reading the backup")
        manifest = await backups.restore(url, file, clients())
    return manifest, sorted(set(manifest.keys) - set(Keyring.load(settings.data_dir).ids))


async def reconcile(settings: Settings, *, anyway: bool) -> Reconciled:
    """Read every ledger after a restore, and lift its stop if they agree with what was restored.

    Raises:
        NotRunning: its embedded database is stopped.
    """
    url = settings.database_url or running_url(settings.data_dir / METADATA_DIR)
    if url is None:
        raise NotRunning(f"No embedded database runs in {settings.data_dir}: start penstock serve first.")
    async with _database(url, settings) as database:
        targets = Targets(Keyring.load(settings.data_dir))
        doctor = Doctor(database, targets, engine_for, lease_seconds=settings.lease_seconds)
        return await Reconciliation(database, doctor).run(anyway=anyway)


def _runner_settings(settings: Settings) -> RunnerSettings:
    return RunnerSettings(
        concurrency=settings.runner_concurrency,
        lease_seconds=settings.lease_seconds,
        beat_seconds=settings.heartbeat_seconds,
    )


@asynccontextmanager
async def _database(url: str, settings: Settings) -> AsyncIterator[Database]:
    stalled = min(STALLED_SECONDS, settings.lease_seconds / 3)
    database = Database(url, pool_size=settings.database_pool_size, stalled_seconds=stalled)
    try:
        yield database
    finally:
        await database.close()


async def serve(
    settings: Settings,
    stopping: asyncio.Event,
    *,
    runner: bool,
    say: Say,
    ready: Callable[[Started], contextlib.AbstractAsyncContextManager[None]],
) -> None:
    """Serve UI and API until told to stop, with a runner unless that is left to other processes.

    Args:
        say: tells a person about each step of the start.
        ready: entered once the server answers, left before it stops: prints the greeting, brings up a demo.

    Raises:
        AddressTaken: nobody can listen there.
        AlreadyRunning: another process uses the data directory.
    """
    with _listen(settings) as sock:
        async with metadata_database(settings, say) as url, _database(url, settings) as database:
            say("Migrating the metadata database")
            await migrate.upgrade(url)
            deployment = await first_start.ensure(database)
            services = build_services(settings, database)
            admin = await first_start.ensure_admin(services.accounts, settings.admin_email, settings.admin_password)
            supervisor = Supervisor(
                database,
                services.targets,
                engine_for,
                deployment,
                _runner_settings(settings) if runner else None,
                dispatcher(settings, database, services),
                pull_requests=pull_requests(settings, database, services),
                lease_seconds=settings.lease_seconds,
            )
            app = create_app(
                services,
                stopping=stopping,
                dist=built_interface(),
                settings=WebSettings(secure_cookies=settings.secure_cookies or None),
            )
            await supervisor.start()
            try:
                host, port = sock.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                started = Started(f"http://{shown}:{port}", admin, services)
                web = asyncio.create_task(serving.serve(app, sock, stopping, trusted_proxies=settings.trusted_proxies))
                async with ready(started):
                    try:
                        await _until_stopped(stopping, web, supervisor)
                    finally:
                        # While everything that tasks may be at work on is still up.
                        await supervisor.stop()
            finally:
                stopping.set()
                await supervisor.stop()


def _listen(settings: Settings) -> socket.socket:
    try:
        return serving.listen(settings.host, settings.port)
    except OSError as error:
        raise AddressTaken(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error


async def _until_stopped(stopping: asyncio.Event, web: asyncio.Task[None], supervisor: Supervisor) -> None:
    """Wait for the stop; a loop or a server that ends by itself ends the process too, with its error."""
    watching = asyncio.create_task(supervisor.failed())
    try:
        await asyncio.wait({web, watching}, return_when=asyncio.FIRST_COMPLETED)
        stopping.set()
        await web
        if watching.done():
            watching.result()
    finally:
        watching.cancel()


async def run_runner(settings: Settings, stopping: asyncio.Event, *, say: Say) -> None:
    """Run tasks in a process of its own until told to stop.

    Raises:
        NotMigrated: the metadata database is not of this version: the server migrates it, or ``penstock db upgrade``.
    """
    if settings.database_url is None:
        raise NotMigrated("A runner of its own needs PENSTOCK_DATABASE_URL: the database that the server uses.")
    url = asyncpg_url(settings.database_url)
    if pending := await migrate.check(url):
        raise NotMigrated(f"The metadata database lacks {', '.join(pending)}: run penstock db upgrade first.")
    async with _database(url, settings) as database:
        deployment = await first_start.ensure(database)
        services = build_services(settings, database)
        supervisor = Supervisor(
            database,
            services.targets,
            engine_for,
            deployment,
            _runner_settings(settings),
            dispatcher(settings, database, services),
            pull_requests=pull_requests(settings, database, services),
        )
        await supervisor.start()
        say("The runner is ready")
        try:
            stop = asyncio.create_task(stopping.wait())
            watching = asyncio.create_task(supervisor.failed())
            await asyncio.wait({stop, watching}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if watching.done():
                watching.result()
            watching.cancel()
        finally:
            await supervisor.stop()


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document; the services behind it are never called, so no database is needed."""
    database = Database("postgresql://nowhere")
    services = Services.build(database, Keyring([bytes(32)]), engine_for=engine_for, file_sync=file_sync_pipeline)
    return openapi.document(create_app(services))
