"""What a task of a long sequential stage is told of those before it."""

from __future__ import annotations

from penstock.domain.pipeline.context import MOST_EARLIER
from penstock.store import contexts
from tests.builders import World, stage, task

LENGTH = MOST_EARLIER + 5


async def test_the_last_ones_before_it_and_every_output_once(calm: World) -> None:
    dev = await calm.target("staging")
    many = [task(dev, "SELECT 1", name=f"t{n}", type="database.query") for n in range(LENGTH)]
    issue = await calm.file_stages(None, stage("long", "staging", *many, task_order="sequential"))
    ids = [t["id"] for t in await calm.tasks(issue)]
    for place in (0, 2, LENGTH - 2):
        await calm.sql(
            "UPDATE task SET status = 'succeeded', claimable = false, ended_at = now(),"
            " outputs = jsonb_build_object('place', CAST(:place AS int)) WHERE id = :id",
            place=place,
            id=ids[place],
        )
    async with calm.database.connect() as conn:
        last = await contexts.earlier(conn, ids[-1])
        third = await contexts.earlier(conn, ids[2])
    assert [s.name for s in last.tasks] == [f"t{n}" for n in range(LENGTH - 1 - MOST_EARLIER, LENGTH - 1)]
    assert last.outputs == [{"place": 0}, {"place": 2}, {"place": LENGTH - 2}]
    assert (third.name, [s.name for s in third.tasks], third.outputs) == ("long", ["t0", "t1"], [{"place": 0}])
