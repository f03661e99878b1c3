"""Finds changes that come out of order: not in their text, but beside what their databases have.

Computed from what we know we applied, when an issue is filed and whenever its findings are read; the ledgers of the
databases themselves are not asked for it.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.review import out_of_order
from penstock.review.finding import Finding
from penstock.store import histories


async def late_changes(conn: AsyncConnection, where: sa.ColumnElement[bool]) -> list[tuple[str, Finding]]:
    """The versions that some tasks apply although their databases have younger ones, each once.

    Args:
        where: a condition on ``task``; its tasks are of one pipeline.
    """
    found: dict[str, Finding] = {}
    for history in (await histories.of_tasks(conn, where)).values():
        for version, finding in out_of_order.findings(history.coming, history.applied):
            found.setdefault(version, finding)
    return list(found.items())
