"""Review without an issue, and the findings of an issue's changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import FieldError, InvalidTransition, NotFound, PayloadTooLarge, ValidationFailed
from penstock.review.in_catalog import Reviewed, asks, findings, undecidable
from penstock.review.inspect import inspect
from penstock.review.rule import Rule
from penstock.review.rules.catalogue import RULES
from penstock.review.rules.of_scripts import SCRIPT_RULES, ScriptRule
from penstock.services import catalog_review
from penstock.services.catalog_looks import CatalogLooks, look
from penstock.services.catalog_review import Place
from penstock.services.late_changes import late_changes
from penstock.services.progress import Progress
from penstock.services.releases import read
from penstock.store import databases, issues, releases
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Record
from penstock.store.tables.pipelines import task

PART: Final = 500  # changes that one transaction writes
SECONDS: Final = 8.0  # for the catalogs of all databases, while somebody waits for the answer


class Reviews:
    """SQL review.

    Args:
        looks: into the catalogs of databases.
        statement_limit: bytes that one script may have.
    """

    def __init__(self, database: Database, looks: CatalogLooks, *, statement_limit: int) -> None:
        self._database = database
        self._looks = looks
        self._limit = statement_limit

    async def review(self, principal: Principal, engine: str, statement: str, place: int | str | None = None) -> Record:
        """Findings and steps of a script that nobody has filed.

        Args:
            place: a database whose catalog is asked, too: its id, or ``instance/name``.

        Raises:
            ValidationFailed: there is no such database that the caller sees, or it is of another engine.
        """
        data = statement.encode("utf-8", "surrogatepass")
        if len(data) > self._limit:
            raise PayloadTooLarge(f"The script has {len(data):,} bytes; the limit is {self._limit:,}.")
        where = await self._place(principal, engine, place) if place is not None else None
        found = await asyncio.to_thread(inspect, data, engine)
        steps: list[dict[str, Any]] = msgspec.to_builtins(found.steps)
        of_catalog = await self._of_catalog(where, steps) if where is not None else []
        return {"findings": [*msgspec.to_builtins(found.findings), *of_catalog], "steps": steps}

    async def _place(self, principal: Principal, engine: str, named: int | str) -> Place:
        instance, _, name = named.partition("/") if isinstance(named, str) else ("", "", "")
        ref = (instance, name) if isinstance(named, str) else named
        async with self._database.connect() as conn:
            row = await databases.find(conn, principal, ref)
        if row is None:
            wrong = FieldError("database", "There is no such database that you may see.", "unknown_database")
        elif row["engine"] != engine:
            wrong = FieldError("database", f"It is a database of {row['engine']}, not of {engine}.", "other_engine")
        else:
            return Place(row["id"], row["name"], row["instance_id"], row["instance"], row["engine"])
        raise ValidationFailed(errors=[wrong], code=wrong.code)

    async def _of_catalog(self, place: Place, steps: list[dict[str, Any]]) -> list[Record]:
        """What its catalog adds to the findings; steps are told what it makes of them."""
        change = Reviewed("", None, steps)
        names = asks([change], place.engine)
        if not names:
            return []
        answers = await self._looks.ask({place: names}, SECONDS)
        seen = look(place, answers[place])
        for step in steps:
            if undecidable(step, seen):
                step["undecidable"] = True
        return [msgspec.to_builtins(finding) for _, finding in findings([change], [seen])]

    async def again(self, principal: Principal, issue_id: int) -> list[Record]:
        """Review an issue's changes by the rules of today and the catalogs of its databases; gates are asked again.

        Approvals stay: what they are of has not changed.

        Raises:
            NotFound: there is no such issue that the caller may see.
            InvalidTransition: it is not open any more.
        """
        async with self._database.connect() as conn:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            require(principal, "issue.edit", found["project_id"])
            if found["status"] != "open":
                raise InvalidTransition(f"The issue is {found['status']}: nothing of it will be applied any more.")
            read_before = await releases.reviewed_of_pipeline(conn, found["pipeline_id"])
        reread = await asyncio.to_thread(_reread, read_before)

        for start in range(0, len(reread), PART):
            part = reread[start : start + PART]
            await self._database.run(lambda conn, part=part: releases.set_reviews(conn, part))  # type: ignore[misc]

        async def work(conn: AsyncConnection) -> None:
            progress = await Progress.lock(conn, found["pipeline_id"])
            progress.event(events.ISSUE_UPDATED, actor_id=principal.id, fields=["review"])
            await progress.finish()
            await audit(conn, principal.id, "issue.review", f"issue:{issue_id}", {"changed": len(reread)})

        await self._database.run(work)
        await self._looks.into_stages(found["pipeline_id"], seconds=SECONDS, everything=True)
        return await self.of_issue(principal, issue_id)

    async def of_issue(self, principal: Principal, issue_id: int) -> list[Record]:
        """The findings of every change that an issue applies, in order.

        Raises:
            NotFound: there is no such issue that the caller may see.
        """
        async with self._database.connect() as conn:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            in_text = await releases.findings_of_pipeline(conn, found["pipeline_id"])
            late = await late_changes(conn, task.c.pipeline_id == found["pipeline_id"])
            in_catalogs = await catalog_review.stored(conn, found["pipeline_id"])
        out_of_order = [{"change": version, **msgspec.to_builtins(finding)} for version, finding in late]
        return in_text + out_of_order + in_catalogs

    def rules(self) -> list[Record]:
        """The catalogue."""
        return [*map(_shown, RULES), *map(_shown, SCRIPT_RULES)]


def _reread(changes: Mapping[int, releases.Stored]) -> list[tuple[int, list[Record], list[Record]]]:
    """Id, findings and steps of those changes of which review says something else now."""
    reread = []
    for change_id, change in changes.items():
        found = read(change.statement, change.engine)
        said = [msgspec.to_builtins(f) for f in found.findings], [msgspec.to_builtins(s) for s in found.steps]
        if json.loads(msgspec.json.encode(said)) != [change.findings, change.steps]:
            reread.append((change_id, *said))
    return reread


def _shown(rule: Rule | ScriptRule) -> Record:
    return {
        "id": rule.id,
        "engines": sorted(rule.engines),
        "severity": rule.severity,
        "message": rule.message,
        "instead": rule.instead,
    }
