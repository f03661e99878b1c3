"""The demo project of a new installation: real target databases in a second embedded PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from penstock.demo import catalog, installation, targets
from penstock.demo.installation import Installation, Login
from penstock.demo.issues import Story
from penstock.demo.patience import Patience
from penstock.domain.errors import PenstockError
from penstock.embedded import AlreadyRunning, EmbeddedPostgres
from penstock.services import first_start
from penstock.services.container import Services
from penstock.services.passwords import Passwords
from penstock.settings import Settings
from penstock.store import accounts

__all__ = ["Login", "running"]

T = TypeVar("T")
Say = Callable[[str], None]

TARGETS_DIR: Final = "demo-targets"


@asynccontextmanager
async def running(
    settings: Settings, services: Services, stopping: asyncio.Event, *, wanted: bool, say: Say
) -> AsyncIterator[list[Login]]:
    """Keep the demo's target databases up; seed the demo first when the installation is new.

    What cannot be made now, for example because no runner is there, is made at a later start.

    Args:
        stopping: gives up what is under way.
        wanted: false keeps the demo down.
        say: tells a person about each step.

    Yields:
        Who can sign in.

    Raises:
        EmbeddedPostgresError: the target databases cannot be started.
    """
    demo = _Demo(settings, services, say)
    try:
        logins = await _unless(stopping, demo.bring_up()) if wanted else None
        yield logins or []
    finally:
        await demo.stop()


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Do something unless told to stop; then it is cancelled and the answer is None."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
    return None if working.cancelled() else working.result()


class _Demo:
    """The demo of one process."""

    def __init__(self, settings: Settings, services: Services, say: Say) -> None:
        self._settings = settings
        self._services = services
        self._say = say
        self._postgres: EmbeddedPostgres | None = None

    async def bring_up(self) -> list[Login]:
        """Start what there is, and make what is missing."""
        known = await self._installation()
        if known is None:
            return []
        self._say("Starting the demo's target databases")
        self._postgres = EmbeddedPostgres(
            self._settings.data_dir / TARGETS_DIR, max_connections="60", shared_buffers="32MB"
        )
        try:
            url = await self._postgres.start()
        except AlreadyRunning:
            # Several processes may serve one metadata database from one directory; one of them has the demo.
            self._say("Another process keeps them up")
            return await self._valid(known.people)
        server = await targets.look(url)
        await catalog.follow_port(self._services.database, server)
        if not known.complete:
            try:
                await self._seed(known, url, server)
            except PenstockError as error:
                self._say(f"The demo is not complete: {error.message} The next start goes on with it.")
            else:
                installation.save(self._settings.data_dir, replace(known, complete=True))
        return await self._valid(known.people)

    async def stop(self) -> None:
        """Stop the target databases."""
        if self._postgres is not None:
            await self._postgres.stop()

    async def _installation(self) -> Installation | None:
        """The demo of this directory, a new one where nobody has begun anything yet, or None."""
        directory, database = self._settings.data_dir, self._services.database
        deployment = await first_start.ensure(database)
        known = installation.load(directory)
        if known is not None and known.deployment == deployment:
            gone = known.complete and not await catalog.has_instances(database)
            return None if gone else known
        if not await catalog.is_untouched(database):
            return None
        if (directory / TARGETS_DIR).exists():
            # Its databases have another Penstock's ledger in them.
            self._say(f"No demo: {directory / TARGETS_DIR} belongs to another installation. Remove it to get one")
            return None
        made = installation.new(deployment, catalog.ROLES, [place.database for place in targets.PLACES])
        installation.save(directory, made)
        return made

    async def _seed(self, known: Installation, url: str, server: targets.Server) -> None:
        patience = Patience(self._services.database, lease_seconds=self._settings.lease_seconds)
        self._say("Making the demo's shop databases")
        await targets.prepare(url, known.databases)
        setup = await catalog.Setup.by_first_admin(self._services)
        await setup.people_and_project(known.people)
        await setup.environments()
        await setup.instances(server, known.databases)
        self._say("Reading their schemas")
        await setup.sync(patience)
        await setup.databases()
        story = await Story.of(self._services, patience)
        self._say("Applying the demo's changes: one is done")
        await story.done()
        self._say("Applying the demo's changes: one waits for approval")
        await story.waiting()
        self._say("Applying the demo's changes: one fails")
        await story.failed()
        await setup.sync(patience, again=True)

    async def _valid(self, people: list[Login]) -> list[Login]:
        """Those logins with which one can still sign in: people change passwords, and administrators disable people."""
        passwords = Passwords()
        valid = []
        for login in people:
            async with self._services.database.connect() as conn:
                found = await accounts.by_email(conn, login.email)
            stored = found["password_hash"] if found is not None and not found["disabled"] else None
            if stored is not None and await passwords.matches(stored, login.password):
                valid.append(login)
        return valid
