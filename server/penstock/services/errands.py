"""Goes on with errands: stages that are to be asked again, and digests of tasks whose instance has moved."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.services import digests
from penstock.store import errands


async def do_one(conn: AsyncConnection) -> bool:
    """Do a part of the oldest errand; answers whether there was one."""
    found = await errands.next_one(conn)
    if found is None:
        return False
    if found.kind == "instance":
        pipeline_id = await digests.next_concerned(conn, found.subject, found.after)
        if pipeline_id is not None:
            await digests.begin(conn, pipeline_id, found.subject)
            await errands.advance(conn, found.id, pipeline_id)
            return True
        # Its environment was closed until now.
        await errands.done(conn, found.id)
        if found.environment is not None:
            await errands.wake(conn, [found.environment])
        return True
    woken = await errands.wake_some(conn, found.kind, found.subject, found.after, errands.ROWS, patient=True)
    if woken.more:
        await errands.advance(conn, found.id, woken.last)
    else:
        await errands.done(conn, found.id)
    return True
