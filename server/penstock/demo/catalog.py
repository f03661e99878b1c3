"""What the demo's administrator sets up: people, project, environments, instances, and the first sync.

Everything is looked up before it is made, so that a start which was killed is completed by the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.demo.installation import Login
from penstock.demo.patience import Patience, Unfinished
from penstock.demo.targets import PLACES, Place, Server
from penstock.domain.access.decide import Principal
from penstock.domain.errors import NotFound
from penstock.services.container import Services
from penstock.store import accounts, instances
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Record
from penstock.store.tables.accounts import account, project
from penstock.store.tables.catalog import environment, instance

PROJECT: Final = "shop"
AUTHOR: Final = "ana@example.com"
APPROVER: Final = "bo@example.com"
# E-mail address -> what the greeting calls the person.
ROLES: Final = {AUTHOR: "Developer", APPROVER: "Project owner"}
_NAMES: Final = {AUTHOR: "Ana Duarte", APPROVER: "Bo Lindqvist"}
_MEMBERS: Final = {AUTHOR: "developer", APPROVER: "owner"}
_LABELS: Final = {"app": "shop", "team": "commerce"}


async def is_untouched(database: Database) -> bool:
    """Tell whether nobody has set anything up yet: a demo must not mix with what people made."""
    async with database.connect() as conn:
        tables = (project, environment, instance)
        return not any([await conn.scalar(sa.select(sa.exists().select_from(table))) for table in tables])


async def has_instances(database: Database) -> bool:
    """Tell whether any of the demo's instances is still there."""
    async with database.connect() as conn:
        ours = sa.exists().where(instance.c.slug.in_([place.instance for place in PLACES]))
        return bool(await conn.scalar(sa.select(ours)))


async def follow_port(database: Database, server: Server) -> None:
    """Tell the demo's instances that their server answers on another port now.

    An edit by a person would drop the stored password, since another port may be another server. Here the server's
    own id says that it is the same one.
    """

    async def work(conn: AsyncConnection) -> None:
        for place in PLACES:
            found = await instances.lock(conn, place.instance)
            if found is None or found["host"] != server.host or found["port"] == server.port:
                continue
            if found["identity"] == server.identity:
                await instances.update(conn, found["id"], {"port": server.port})
                await audit(conn, None, "instance.update", f"instance:{place.instance}", {"port": server.port})

    await database.run(work)


class Setup:
    """The administrator at work.

    Args:
        admin: who does it.
    """

    def __init__(self, services: Services, admin: Principal) -> None:
        self._services = services
        self._admin = admin

    @classmethod
    async def by_first_admin(cls, services: Services) -> Setup:
        """Act as the administrator that has been there longest.

        Raises:
            Unfinished: there is none.
        """
        query = sa.select(account.c.id).where(account.c.workspace_role == "admin", account.c.disabled_at.is_(None))
        async with services.database.connect() as conn:
            admin_id = await conn.scalar(query.order_by(account.c.id).limit(1))
            admin = await accounts.principal(conn, admin_id) if admin_id is not None else None
        if admin is None:
            raise Unfinished("There is no administrator to set it up.")
        return cls(services, admin)

    async def people_and_project(self, logins: Sequence[Login]) -> None:
        """The project with its two members."""
        for login in logins:
            async with self._services.database.connect() as conn:
                known = await accounts.by_email(conn, login.email)
            if known is None:
                await self._services.accounts.create_user(
                    self._admin,
                    email=login.email,
                    name=_NAMES[login.email],
                    password=login.password,
                    workspace_role="member",
                )
        try:
            await self._services.projects.get(self._admin, PROJECT)
        except NotFound:
            about = "Customers, products and orders of a small web shop, in three environments."
            await self._services.projects.create(self._admin, slug=PROJECT, name="Shop", description=about)
        wanted = [(f"user:{email}", role) for email, role in _MEMBERS.items()]
        await self._services.projects.put_members(self._admin, PROJECT, wanted, None)

    async def environments(self) -> None:
        """Environments from open to critical."""
        for place in PLACES:
            try:
                await self._services.environments.get(place.environment)
            except NotFound:
                await self._services.environments.create(
                    self._admin,
                    slug=place.environment,
                    name=place.environment_name,
                    tier=place.tier,
                    position=None,
                )

    async def instances(self, server: Server, passwords: Mapping[str, str]) -> None:
        """One instance per environment, each seeing its own database only."""
        for place in PLACES:
            try:
                await self._services.instances.get(place.instance)
            except NotFound:
                await self._services.instances.create(
                    self._admin, place.instance, _settings(place, server), passwords[place.database]
                )

    async def sync(self, patience: Patience, *, again: bool = False) -> None:
        """Let the runner read the databases.

        Args:
            again: also those that were read before.

        Raises:
            Unfinished: it could not, or there is no runner.
        """
        filed: list[tuple[Place, int]] = []
        for place in PLACES:
            if again or (await self._services.instances.get(place.instance))["last_synced_at"] is None:
                pipeline, _ = await self._services.schedules.sync_now(self._admin, place.instance)
                filed.append((place, pipeline))
        for place, pipeline in filed:

            async def ended(pipeline: int = pipeline) -> bool:
                found = await self._services.pipelines.get(self._admin, pipeline)
                return all(stage["status"] in ("succeeded", "failed", "error") for stage in found["stages"])

            await patience.until(f"The sync of {place.instance}", ended)
            read = await self._services.instances.get(place.instance)
            if read["last_synced_at"] is None or read["last_sync_error"] is not None:
                raise Unfinished(f"The sync of {place.instance} failed: {read['last_sync_error']}")

    async def databases(self) -> None:
        """Give what the sync found to the project."""
        for place in PLACES:
            ref = (place.instance, place.database)
            found: Record = await self._services.databases.get(self._admin, ref)
            if found["project"] != PROJECT:
                changes = {"project": PROJECT, "labels": _LABELS}
                await self._services.databases.update(self._admin, ref, changes, None)


def _settings(place: Place, server: Server) -> Record:
    return {
        "engine": "postgres",
        "environment": place.environment,
        "name": f"Shop, {place.environment_name.lower()}",
        "host": server.host,
        "port": server.port,
        "username": place.database,
        "dsn_env": None,
        "tls": "disable",  # it is on this machine, and built without TLS
        "options": {"max_running_tasks": 4, "maintenance_database": place.database},
    }
