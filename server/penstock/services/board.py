"""Where the releases of a project are, and which ones a database had."""

from __future__ import annotations

from typing import Any

from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import NotFound
from penstock.domain.pipeline.promotion import some
from penstock.services.projects import seen
from penstock.store import board, databases, projects, promotions
from penstock.store.database import Database
from penstock.store.rows import Cut, Key, Record, Slice


class Board:
    """Releases by environment and by database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, principal: Principal, slug: str, cut: Cut) -> tuple[Record, Key | None]:
        """A project's environments with what could go on from each, and a page of its databases.

        Raises:
            NotFound: there is no such project, or the caller may not see it.
        """
        async with self._database.connect() as conn:
            project = seen(await projects.by_slug(conn, principal, slug), principal, slug)
            require(principal, "release.read", project["id"])
            environments = await board.environments(conn, project["id"])
            found = await board.databases(conn, project["id"], cut)
            ids = [row["id"] for row in found.records]
            cards = await board.cards(conn, ids)
            behind = await board.behind(conn, project["id"], ids)
        items = [row | _card(cards[row["id"]]) | {"behind": behind.get(row["id"], 0)} for row in found.records]
        return {"project": slug, "environments": environments, "items": items}, found.next_key

    async def releases_of(self, principal: Principal, ref: int | tuple[str, str], cut: Cut) -> Slice:
        """The releases that a database had in its project, newest first.

        Raises:
            NotFound: there is no such database, or the caller may not see it.
        """
        async with self._database.connect() as conn:
            found = await databases.find(conn, principal, ref)
            if found is None:
                raise NotFound(
                    f"There is no database {ref if isinstance(ref, int) else '/'.join(ref)} that you may see."
                )
            if found["project_id"] is None:
                return Slice([], None)
            require(principal, "release.read", found["project_id"])
            page = await promotions.releases_of(conn, found["id"], found["project_id"], cut)
        return Slice([_entry(row) for row in page.records], page.next_key)


def _card(row: Record) -> Record:
    current: Record | None = None
    if row["release"] is not None:
        current = {
            "version": f"v{row['number']}",
            "release": row["release"],
            "digest": row["digest"],
            "applied_at": row["applied_at"],
        }
    coming: Record | None = None
    if row["issue"] is not None:
        coming = {"issue": row["issue"], "release": row["coming_release"], "status": row["coming_status"]}
    return {"current": current, "coming": coming}


def _entry(row: Record) -> Record:
    source, description = _source(row)
    return {
        "version": f"v{row['number']}",
        "current": row["current"],
        "release": row["release"],
        "digest": row["digest"],
        "changes": row["change_count"],
        "applied": row["applied"],
        "applied_at": row["applied_at"],
        "task": row["task"],
        "source": source,
        "description": description,
    }


def _source(row: Record) -> tuple[Record, str]:
    """How a release came to a database, as data and in words."""
    source: dict[str, Any] = {"kind": "issue", "issue": row["issue"], "environment": None, "databases": []}
    if row["source_environment"] is not None:
        names = list(row["sources"] or ())
        source |= {"kind": "promotion", "environment": row["source_environment"], "databases": names[:100]}
        return source, f"promoted from {some(names) or row['source_environment']}"
    if row["type"] == "schema.baseline":
        return source | {"kind": "baseline"}, "recorded by a baseline"
    if row["reverts"] is not None:
        return source | {"kind": "revert"}, f"takes back issue {row['reverts']}"
    if row["issue"] is None:
        return source | {"kind": "pipeline"}, "applied by a pipeline without an issue"
    return source, row["title"]
