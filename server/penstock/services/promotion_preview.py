"""What a promotion would do, found out by filing it and rolling back: the same code, so the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.domain.errors import Conflict, Forbidden, PenstockError, ValidationFailed
from penstock.services import filing, leaving, promotions, views
from penstock.store import pipelines, releases
from penstock.store import promotions as stored
from penstock.store.database import Database
from penstock.store.rows import Record

SHOWN_SOURCES = 20


class _Seen(Exception):
    """Carries what was seen out of the transaction, and so ends it."""

    def __init__(self, record: Record) -> None:
        self.record = record
        super().__init__()


async def preview(database: Database, principal: Principal, new: promotions.NewPromotion) -> Record:
    """What a promotion would run and where, what stands against it, and what its stage would wait for."""

    async def work(conn: AsyncConnection) -> None:
        raise _Seen(await _look(conn, principal, new))

    try:
        await database.run(work)
    except _Seen as seen:
        return seen.record
    raise AssertionError("unreachable")


async def _look(conn: AsyncConnection, principal: Principal, new: promotions.NewPromotion) -> Record:
    try:
        choice = await promotions.choose(conn, principal, new)
    except (ValidationFailed, Conflict) as error:
        return _nothing([_refusal(error)])
    refusals: list[Record] = []
    try:
        await promotions.refuse_planned(conn, choice)
    except Conflict as error:
        refusals.append(_refusal(error))
    source, target = choice.route.source, choice.route.target
    try:
        await leaving.ask(conn, principal, choice.project_id, choice.release["id"], source.id, new.override)
    except (Conflict, Forbidden) as error:
        refusals.append(_refusal(error))
    by_database, by_change = await stored.pending(conn, choice.release["id"], [t.id for t in choice.targets])
    changes = await releases.headers_of(conn, choice.release["id"])
    stage: Record = {"blockers": [], "steps": []}
    try:
        await promotions.check_readable(conn, choice)
        # The gates look at the stage, so one of its tasks is enough to ask them.
        one = await promotions.filed(conn, principal, replace(choice, targets=choice.targets[:1]))
        pipeline_id = await filing.insert_pipeline(conn, one.project_id, one.stages)
        await one.publish(conn, pipeline_id)
        loaded = (await pipelines.load(conn, [pipeline_id]))[pipeline_id]
        stage = (await views.pipeline(conn, principal, loaded))["stages"][0]
    except (ValidationFailed, Conflict, Forbidden) as error:
        if not any(r["code"] == error.code for r in refusals):
            refusals.append(_refusal(error))
    return {
        "allowed": not refusals,
        "refusals": refusals,
        "release": choice.release["id"],
        "digest": choice.release["digest"],
        "source": source.slug,
        "sources": sorted(choice.route.sources.values())[:SHOWN_SOURCES],
        "target": target.slug,
        "databases": [
            {"id": t.id, "instance": t.instance, "name": t.name, "pending": by_database.get(t.id, 0)}
            for t in choice.targets
        ],
        "changes": [
            {"version": c["version"], "name": c["name"], "digest": c["digest"], "pending": by_change.get(c["id"], 0)}
            for c in changes
        ],
        "blockers": stage["blockers"],
        "approvals": [step["label"] for step in stage["steps"]],
    }


def _nothing(refusals: Sequence[Record]) -> Record:
    none: dict[str, Any] = dict.fromkeys(("release", "digest", "source", "target"))
    lists: dict[str, Any] = {name: [] for name in ("sources", "databases", "changes", "blockers", "approvals")}
    return {"allowed": False, "refusals": list(refusals), **none, **lists}


def _refusal(error: PenstockError) -> Record:
    return {
        "status": error.status,
        "code": error.code,
        "message": error.message,
        "issue": error.extra.get("issue"),
        "stage": error.extra.get("stage"),
    }
