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


_STANDING: Final = Statement(
    f"""
    SELECT task.lease, {spelled(tasks.has_status(ACTIVE))} AND task.lease_until > statement_timestamp() AS holds,
           task.status = 'canceling' OR EXISTS (
               SELECT FROM stage JOIN environment ON environment.id = stage.environment_id
                                 JOIN pipeline ON pipeline.id = stage.pipeline_id
               WHERE stage.id = task.stage_id AND {spelled(sa.and_(*PERMITTED))}) AS permitted
    FROM unnest(CAST(:held_ids AS bigint[]), CAST(:held_attempts AS integer[]), CAST(:held_leases AS bytea[]))
         AS held(id, attempt, lease)
    JOIN task ON task.id = held.id AND task.attempt = held.attempt AND task.lease = held.lease
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
