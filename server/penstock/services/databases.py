"""Databases: which project they belong to, how they are labelled, and what their schema was when they were
last synced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from penstock.schema import fingerprint
from penstock.schema.model import DatabaseSchema
from penstock.services.versions import check_version
from penstock.store import databases, drifts, pipelines, projects
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice


class Databases:
    """Databases; the syncer makes them, people sort them into projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listing(
        self,
        principal: Principal,
        cut: Cut,
        *,
        project: str | None = None,
        environment: str | None = None,
        instance: str | None = None,
        label: str | None = None,
        text: str | None = None,
    ) -> Slice:
        """The databases that the caller may see, by instance and name.

        Args:
            label: ``key:value``, or a key alone for any value.
            text: part of the name.
        """
        pair: tuple[str, str | None] | None = None
        if label is not None:
            key, colon, value = label.partition(":")
            pair = (key, value if colon else None)
        async with self._database.connect() as conn:
            return await databases.listing(
                conn,
                principal,
                cut,
                project_slug=project,
                environment_slug=environment,
                instance_slug=instance,
                label=pair,
                text=text,
            )

    async def get(self, principal: Principal, ref: int | tuple[str, str]) -> Record:
        """One database by id, or by instance and name.

        Raises:
            NotFound: there is none, or the caller may not see it.
        """
        async with self._database.connect() as conn:
            return await _get(conn, principal, ref)

    async def update(
        self,
        principal: Principal,
        ref: int | tuple[str, str],
        changes: Mapping[str, Any],
        expected: int | None,
    ) -> Record:
        """Label a database, or move it to another project.

        Owners label the databases of their projects; only who may edit every database moves one between
        projects.

        Args:
            changes: any of project (a slug or None) and labels.

        Raises:
            ValidationFailed: there is no such project.
            Conflict: something is still to run on it, approved for the project that it has now.
        """

        async def work(conn: AsyncConnection) -> Record:
            found = await _get(conn, principal, ref)
            locked = await databases.lock(conn, found["id"])
            if locked is None or locked["project_id"] != found["project_id"]:
                raise NotFound("The database has just moved to another project.")
            require(principal, "database.edit", locked["project_id"])
            check_version(locked, expected)
            values: dict[str, Any] = {"labels": changes["labels"]} if "labels" in changes else {}
            if "project" in changes and changes["project"] != found["project"]:
                require(principal, "database.edit")
                values["project_id"] = await self._new_project(conn, found["id"], changes["project"])
                if values["project_id"] is None:
                    await drifts.forget_expected(conn, found["id"], "left")
            await databases.update(conn, found["id"], values)
            if "project_id" in values:
                # Which databases have to have a release before it may go on is another question now.
                for project_id in {locked["project_id"], values["project_id"]} - {None}:
                    await pipelines.wake_above(conn, project_id)
            where = f"database:{found['instance']}/{found['name']}"
            await audit(conn, principal.id, "database.update", where, changes)
            return await _get(conn, principal, found["id"])

        return await self._database.run(work)

    async def schema(self, principal: Principal, ref: int | tuple[str, str]) -> tuple[Record, DatabaseSchema]:
        """A database and its schema as of the newest sync.

        Raises:
            NotFound: it was never synced, or the caller may not see it.
        """
        async with self._database.connect() as conn:
            found = await _get(conn, principal, ref)
            content = await databases.snapshot(conn, found["fingerprint"]) if found["fingerprint"] else None
        if content is None:
            raise NotFound(f"{found['instance']}/{found['name']} has not been synced yet.")
        return found, fingerprint.restore(zstandard.decompress(content), found["name"])

    async def _new_project(self, conn: AsyncConnection, database_id: int, slug: str | None) -> int | None:
        if (pipeline := await databases.unfinished_task(conn, database_id)) is not None:
            raise Conflict(f"Pipeline {pipeline} still has work to do on it.", pipeline=pipeline)
        if slug is None:
            return None
        project_id = await projects.id_of(conn, slug)
        if project_id is None:
            message = f"There is no project {slug}."
            raise ValidationFailed(errors=[FieldError("project", message, "unknown_project")])
        return project_id


async def _get(conn: AsyncConnection, principal: Principal, ref: int | tuple[str, str]) -> Record:
    found = await databases.find(conn, principal, ref)
    if found is None:
        name = str(ref) if isinstance(ref, int) else "/".join(ref)
        raise NotFound(f"There is no database {name} that you may see.")
    return found
