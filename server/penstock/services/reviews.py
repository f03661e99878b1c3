"""Review without an issue, and the findings of an issue's changes."""

from __future__ import annotations

import asyncio

import msgspec

from penstock.domain.access.decide import Principal, allowed
from penstock.domain.errors import NotFound, PayloadTooLarge
from penstock.review.inspect import inspect
from penstock.review.rules.catalogue import RULES
from penstock.store import issues, releases
from penstock.store.database import Database
from penstock.store.rows import Record


class Reviews:
    """SQL review.

    Args:
        statement_limit: bytes that one script may have.
    """

    def __init__(self, database: Database, *, statement_limit: int) -> None:
        self._database = database
        self._limit = statement_limit

    async def review(self, engine: str, statement: str) -> Record:
        """Findings and steps of a script that nobody has filed."""
        data = statement.encode("utf-8", "surrogatepass")
        if len(data) > self._limit:
            raise PayloadTooLarge(f"The script has {len(data):,} bytes; the limit is {self._limit:,}.")
        found = await asyncio.to_thread(inspect, data, engine)
        return {"findings": msgspec.to_builtins(found.findings), "steps": msgspec.to_builtins(found.steps)}

    async def of_issue(self, principal: Principal, issue_id: int) -> list[Record]:
        """The findings of every change that an issue applies, in order.

        Raises:
            NotFound: there is no such issue that the caller may see.
        """
        async with self._database.connect() as conn:
            found = await issues.by_id(conn, issue_id)
            if found is None or not allowed(principal, "issue.read", found["project_id"]):
                raise NotFound(f"There is no issue {issue_id}.")
            return await releases.findings_of_pipeline(conn, found["pipeline_id"])

    def rules(self) -> list[Record]:
        """The catalogue."""
        return [
            {
                "id": r.id,
                "engines": sorted(r.engines),
                "severity": r.severity,
                "message": r.message,
                "instead": r.instead,
            }
            for r in RULES
        ]
