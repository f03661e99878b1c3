"""May a release leave its environment?  Asked before it is promoted; a person may let errors of checks pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.access.decide import Principal, require
from penstock.domain.checks import Check
from penstock.domain.errors import Blocked
from penstock.domain.gates import status_check
from penstock.domain.gates.gate import Blocker
from penstock.services.progress import Progress
from penstock.store import check_facts, checks, environments
from penstock.store.pipelines import Stage
from penstock.store.records import audit


async def blockers(conn: AsyncConnection, release_id: int, environment_id: int) -> Sequence[Blocker]:
    """Why a release may not leave an environment; empty when it may."""
    place = check_facts.Place(release_id, environment_id)
    return status_check.blockers((await check_facts.of_places(conn, [place])).get(place, ()))


async def ask(
    conn: AsyncConnection,
    principal: Principal,
    project_id: int,
    release_id: int,
    environment_id: int,
    reason: str | None,
) -> None:
    """Refuse to move a release out of an environment while a required check holds it there.

    Args:
        environment_id: which the release would leave.
        reason: of an override, if one is wanted: then errors do not hold it; see `override`.

    Raises:
        Blocked: a check holds it, and cannot be overridden or is not.
        Forbidden: the caller may not override; a machine never may.
    """
    if reason is not None:
        require(principal, "check.override", project_id)
    found = await blockers(conn, release_id, environment_id)
    if (reason is None and found) or any(b.code != "error" for b in found):
        raise Blocked(found)


async def override(
    conn: AsyncConnection, principal: Principal, pipeline_id: int, stages: Collection[str], reason: str
) -> None:
    """Let the errors pass that hold stages of a stored pipeline, and ask the gates again.

    Raises:
        Blocked: something else than an error holds one of them.
        Forbidden: the caller may not override; a machine never may.
    """
    progress = await Progress.begin(conn, pipeline_id)
    held = False
    for stage in progress.pipeline.stages:
        if stage.name in stages:
            held |= await let_pass(progress, principal, stage, reason)
    if held:
        await progress.advance()
    await progress.finish(touched=held)


async def let_pass(progress: Progress, principal: Principal, stage: Stage, reason: str) -> bool:
    """Let the errors pass that hold one stage of a locked pipeline, for what is known of them now; the caller asks the
    gates again.

    Returns:
        Whether there were any.

    Raises:
        Blocked: something else than an error holds it.
        Forbidden: the caller may not override; a machine never may.
    """
    assert progress.head.project_id is not None  # whatever has a release has a project
    require(principal, "check.override", progress.head.project_id)
    held = status_check.overridable(stage.checks)
    if not held:
        if worse := status_check.blockers(stage.checks):
            raise Blocked(worse)
        return False
    ids = {c.environment: await environments.id_of(progress.conn, c.environment) for c in held}
    rows: list[Mapping[str, Any]] = [
        {
            "stage_id": stage.id,
            "release_id": check.release,
            "environment_id": ids[check.environment],
            "context": check.context,
            "revision": check.revision,
            "reason": reason,
            "account_id": principal.id,
        }
        for check in held
    ]
    await checks.override(progress.conn, rows)
    about = {"checks": [_told(check) for check in held], "reason": reason}
    progress.event(events.CHECK_OVERRIDDEN, actor_id=principal.id, stage=stage.name, **about)
    await audit(progress.conn, principal.id, "check.override", f"pipeline:{progress.head.id}/{stage.name}", about)
    return True


def _told(check: Check) -> Mapping[str, Any]:
    return {
        "release": check.release,
        "environment": check.environment,
        "context": check.context,
        "report": check.revision,
    }
