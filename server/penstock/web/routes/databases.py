"""Databases: list, sort into projects, label, and their schema as of the newest sync."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from litestar import Response, get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.domain.errors import NotFound
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, versioned
from penstock.web.schemas.catalog import DatabaseOut, PatchDatabase, SchemaOut
from penstock.web.schemas.common import Page

_TAGS: Final = ["databases"]


@get("/databases", opt=needs("database.read"), tags=_TAGS)
async def list_databases(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    project: FromQuery[str | None] = None,
    environment: FromQuery[str | None] = None,
    instance: FromQuery[str | None] = None,
    label: FromQuery[str | None] = None,
    q: FromQuery[str | None] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[DatabaseOut]:
    """The databases that the caller may see; ``label`` is ``key:value`` or a key, ``q`` a part of the
    name."""
    found = await services.databases.listing(
        caller,
        cut(page_size, page_token),
        project=project,
        environment=environment,
        instance=instance,
        label=label,
        text=q,
    )
    return page_of(DatabaseOut, found)


@get("/databases/{database:str}", opt=needs("database.read"), tags=_TAGS)
async def get_database(
    database: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> Response[DatabaseOut]:
    """One database by its id, or by ``instance%2Fname``."""
    return versioned(DatabaseOut, await services.databases.get(caller, reference(database)))


@patch("/databases/{database:str}", opt=needs("database.edit"), tags=_TAGS)
async def update_database(
    database: FromPath[str],
    data: JSONBody[PatchDatabase],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    if_match: NamedDependency[int | None],
) -> Response[DatabaseOut]:
    """Label a database, or move it to another project."""
    record = await services.databases.update(caller, reference(database), changes(data), if_match)
    return versioned(DatabaseOut, record)


@get("/databases/{database:str}/schema", opt=needs("database.read"), tags=_TAGS)
async def get_schema(
    database: FromPath[str], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> SchemaOut:
    """The schema of a database as of its newest sync."""
    record, schema = await services.databases.schema(caller, reference(database))
    return SchemaOut(
        database=record["id"],
        synced_at=record["synced_at"],
        fingerprint=record["fingerprint"],
        schemas=list(schema.schemas),
    )


def reference(text: str) -> int | tuple[str, str]:
    """A database as a path names it: an id, or ``instance/name`` whose slash is still encoded.

    Raises:
        NotFound: it can be neither.
    """
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    instance, slash, name = unquote(text).partition("/")
    if not slash:
        raise NotFound(f"There is no database {text}: name one by its id or as instance%2Fname.")
    return instance, name


DATABASE_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_databases,
    get_database,
    update_database,
    get_schema,
]
