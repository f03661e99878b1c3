"""What a person's word does in a MySQL or MariaDB target: a change that is not applied loses its journal's word."""

from __future__ import annotations

from penstock.domain import clock
from penstock.engines.base import ApplyRequest, LedgerRow, TargetUnavailable
from penstock.engines.mysql import ledger
from penstock.engines.mysql.driver import BROKEN, Connection, text
from penstock.engines.mysql.failures import busy, of_our_own
from penstock.engines.mysql.line import Line
from penstock.engines.patience import Interrupted, Patience


async def disown(line: Line, request: ApplyRequest, wait: float) -> LedgerRow | None:
    """See `penstock.engines.base.EngineSession.disown`."""
    try:
        link = await line.lock(Patience(clock.monotonic() + wait))
        if not link.has_ledger:
            return None
        row = await ledger.read_row(link.connection, line.database, request.project, request.version)
        if row is None:
            await _forget(link.connection, line.database, request)
        return row
    except Interrupted as error:
        raise TargetUnavailable(busy(error.waited_for)) from error
    except BROKEN as error:
        line.hang_up()
        raise TargetUnavailable(of_our_own(error)) from error
    finally:
        await line.close()


async def _forget(connection: Connection, database: str, request: ApplyRequest) -> None:
    """The interrupted step; without one, all of them: then the session that the rest relied on is gone."""
    for state in ("intent", "done"):
        answer = await connection.run(
            "UPDATE penstock.journal SET state = 'failed', changed_at = UTC_TIMESTAMP(6)"
            f" WHERE database_name = {text(database)} AND project = {text(request.project)}"
            f" AND version = {text(request.version)} AND state = '{state}'"
        )
        if answer.rows:
            return
