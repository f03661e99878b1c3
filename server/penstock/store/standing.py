"""What a runner may still do about its tasks: lease and permit, asked for many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from penstock.domain.pipeline.status import ACTIVE
from penstock.store import tasks
from penstock.store.database import Database
from penstock.store.direct import Statement, spelled
from penstock.store.queue import PERMITTED, Claimed, held_values


@dataclass(frozen=True, slots=True)
class Standing:
    """What a runner may still do about a task at this instant.

    Args:
        holds: the lease is ours and has not run out.
        permitted: the stage's permit stands; a task that is being canceled needs none to find out how it ended.
    """

    holds: bool
    permitted: bool


# To plan this takes four times as long as to run it, so it is planned once per connection.  For that, the arrays are
# wrapped: the server would find them short, and count a plan that is made for them cheaper than one for all.  And each
# row is asked for by its key (OFFSET 0), whatever the tables looked like to the server on the day it planned.
_STANDING: Final = Statement(
    f"""
    SELECT task.lease, {spelled(tasks.has_status(ACTIVE))} AND task.lease_until > statement_timestamp() AS holds,
           task.status = 'canceling' OR EXISTS (
               SELECT FROM (SELECT * FROM stage WHERE stage.id = task.stage_id OFFSET 0) stage,
                   LATERAL (SELECT * FROM environment WHERE environment.id = stage.environment_id OFFSET 0) environment,
                   LATERAL (SELECT * FROM pipeline WHERE pipeline.id = stage.pipeline_id OFFSET 0) pipeline
               WHERE {spelled(sa.and_(*PERMITTED))}) AS permitted
    FROM unnest((SELECT CAST(:held_ids AS bigint[])), (SELECT CAST(:held_attempts AS integer[])),
                (SELECT CAST(:held_leases AS bytea[]))) AS held(id, attempt, lease),
        LATERAL (SELECT * FROM task WHERE task.id = held.id AND task.attempt = held.attempt AND task.lease = held.lease
                 OFFSET 0) task
    """
)
_GONE: Final = Standing(holds=False, permitted=False)


async def standings(database: Database, claims: Sequence[Claimed]) -> Mapping[bytes, Standing]:
    """Ask for lease and permit at once, of many tasks: every change of every task asks twice.

    Returns:
        By lease.
    """
    found = dict.fromkeys((c.lease for c in claims), _GONE)
    for row in await database.ask(_STANDING, held_values(claims)):
        found[row["lease"]] = Standing(row["holds"], row["permitted"])
    return found
