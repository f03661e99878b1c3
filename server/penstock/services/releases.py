"""Filing releases: checks every script before anything is stored."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.checks import commit_mistakes
from penstock.domain.errors import FieldError, NotFound, PayloadTooLarge, ValidationFailed
from penstock.domain.ids import uuid7
from penstock.domain.releases import in_order
from penstock.review.inspect import Inspection, inspect
from penstock.review.rules.transaction_nesting import RULE as TRANSACTION_NESTING_RULE
from penstock.review.rules.unparsable import RULE as UNPARSABLE_RULE
from penstock.store import projects, releases
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

TRANSACTION_NESTING: Final = TRANSACTION_NESTING_RULE.id
UNPARSABLE: Final = UNPARSABLE_RULE.id
ENGINES: Final = ("postgres", "mariadb", "mysql")  # the first reads what all make equally much of


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change as somebody files it; without a version it gets one of its own, so that the same text filed twice is
    two."""

    statement: str
    version: str | None = None
    name: str = ""
    engine: str | None = None
    environments: Sequence[str] | None = None
    revert: str | None = None
    verify: str | None = None


def check(
    changes: Sequence[NewChange], *, limit: int, engine: str | None = None, field: str = "changes"
) -> list[releases.Change]:
    """Turn what was filed into changes, or say everything that is wrong with it.

    Args:
        changes: in the order they are to be applied; repeatable ones come after the others in any case.
        limit: bytes that one script may have.
        engine: whose rules read the scripts of changes that name none. None while nobody knows where they go: then the
            engine that makes the most of a script reads it, and `check_for` must follow when it is known.
        field: where the changes stand in the request, for messages.

    Raises:
        PayloadTooLarge: a script is over the limit.
        ValidationFailed: no changes, a version twice, or scripts that cannot be split or control the transaction
        themselves.
    """
    if not changes:
        raise ValidationFailed(
            errors=[FieldError(field, "A release needs at least one change.", "no_changes")],
            code="no_changes",
        )
    errors = [
        FieldError(f"{field}.version", f"The version {v} stands {n} times in this release.", "duplicate_version")
        for v, n in Counter(c.version for c in changes if c.version).items()
        if n > 1
    ]
    checked: list[releases.Change] = []
    for n, change in enumerate(changes):
        where = f"{field}[{n}].statement"
        data = change.statement.encode("utf-8", "surrogatepass")
        if len(data) > limit:
            raise PayloadTooLarge(f"{where} has {len(data):,} bytes; the limit is {limit:,}.")
        inspection = read(data, change.engine or engine)
        errors += _refusals(inspection, where)
        checked.append(
            releases.Change(
                version=change.version or str(uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))),
                name=change.name,
                statement=data,
                engine=change.engine,
                environments=change.environments,
                revert=change.revert,
                verify=change.verify,
                statements=len(inspection.statements),
                digest=digest.of_bytes(data),
                findings=[msgspec.to_builtins(f) for f in inspection.findings],
                steps=[msgspec.to_builtins(s) for s in inspection.steps],
            )
        )
    _refuse(errors)
    return in_order(checked)


def read(data: bytes, engine: str | None) -> Inspection:
    """What review makes of a script: once, by the engine's rules; while it is not known, by those of the first engine
    that has no doubts about it, else of the one that makes the most of it."""
    if engine is not None:
        return inspect(data, engine)
    readings = []
    for each in ENGINES:
        readings.append(inspect(data, each))
        if _doubts(readings[-1]) == _NONE:
            return readings[-1]
    return min(readings, key=_doubts)


def check_for(engines: Iterable[str], changes: Sequence[releases.Change], field: str) -> None:
    """Read changes by the rules of the engines that they are for, now that it is known.

    Args:
        engines: of the databases that the changes are applied to.
        field: where the changes stand in the request, for messages.

    Raises:
        ValidationFailed: scripts that cannot be split or control the transaction themselves.
    """
    errors = [
        error
        for engine in sorted(set(engines))
        for n, change in enumerate(changes)
        if change.engine in (None, engine)
        for error in _refusals(inspect(change.statement, engine), f"{field}[{n}].statement")
    ]
    _refuse(errors)


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise ValidationFailed(errors=errors[:100], code=errors[0].code if len(errors) == 1 else None)


_NONE: Final = (False, 0)


def _doubts(inspection: Inspection) -> tuple[bool, int]:
    """How little an engine makes of a script."""
    return bool(_refusals(inspection, "")), sum(f.rule == UNPARSABLE for f in inspection.findings)


def _refusals(inspection: Inspection, where: str) -> list[FieldError]:
    """What can never run, whoever approves it: text that cannot be split, and the first control of the transaction."""
    for found in inspection.findings:
        unsplittable = found.severity == "error" and found.statement_index is None
        if unsplittable or found.rule == TRANSACTION_NESTING:
            code = "transaction_control" if found.rule == TRANSACTION_NESTING else found.rule.replace("-", "_")
            message = f"{found.message} {found.hint}" if found.hint and not unsplittable else found.message
            return [FieldError(where, f"Line {found.line}, column {found.column}: {message}", code)]
    return []


class Releases:
    """Releases of the projects that a caller sees.

    Args:
        statement_limit: bytes that one script may have.
    """

    def __init__(self, database: Database, *, statement_limit: int) -> None:
        self._database = database
        self.statement_limit = statement_limit

    async def create(
        self, principal: Principal, project: str, changes: Sequence[NewChange], commit: str | None = None
    ) -> Record:
        """Store a release of a project.

        Args:
            commit: of the repository that it was made from; checks of the release are sent on for it.

        Raises:
            ValidationFailed: no such project, no whole commit, or a script that cannot be applied as it stands.
        """
        if wrong := commit_mistakes(commit):
            raise ValidationFailed(errors=wrong)
        checked = await asyncio.to_thread(check, changes, limit=self.statement_limit)

        async def work(conn: AsyncConnection) -> int:
            project_id = await visible_project(conn, principal, project)
            require(principal, "release.create", project_id)
            release_id = await releases.create(conn, project_id, checked, principal.id, commit=commit)
            await audit(conn, principal.id, "release.create", f"release:{release_id}", {"changes": len(checked)})
            return release_id

        return await self.get(principal, await self._database.run(work))

    async def get(self, principal: Principal, release_id: int) -> Record:
        """A release with its changes and their text."""
        async with self._database.connect() as conn:
            found = await releases.by_id(conn, release_id)
            if found is None:
                raise NotFound(f"There is no release {release_id}.")
            require(principal, "release.read", found["project_id"])
            changes = await releases.changes_of(conn, release_id)
        return found | {"changes": [_record(c) for c in changes]}

    async def listing(self, principal: Principal, cut: Cut, *, project: str | None, digest: str | None = None) -> Slice:
        """Releases that the caller sees, newest first; with these contents, if a digest is given."""
        visible = None if principal.sees_all_projects else list(principal.projects)
        async with self._database.connect() as conn:
            return await releases.listing(conn, cut, project_ids=visible, project_slug=project, digest=digest)


async def visible_project(conn: AsyncConnection, principal: Principal, slug: str) -> int:
    """The id of a project that a request names.

    Raises:
        ValidationFailed: there is none that the caller may see.
    """
    project_id = await projects.id_of(conn, slug)
    if project_id is None or not allowed(principal, "project.read", project_id):
        raise ValidationFailed(
            errors=[FieldError("project", f"There is no project {slug} that you may see.", "unknown_project")],
            code="unknown_project",
        )
    return project_id


def _record(change: releases.Change) -> Record:
    return {
        "version": change.version,
        "name": change.name,
        "digest": change.digest,
        "engine": change.engine,
        "environments": list(change.environments) if change.environments is not None else None,
        "statement": change.statement.decode("utf-8", "replace"),
        "revert": change.revert,
        "verify": change.verify,
        "findings": list(change.findings),
        "steps": list(change.steps),
        "bytes": len(change.statement),
        "statements": change.statements,
    }
