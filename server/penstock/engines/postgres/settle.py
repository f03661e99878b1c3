"""What a person's word does in a PostgreSQL target: a change that is not applied loses its journal's word."""

from __future__ import annotations

from typing import Final

from penstock.domain import clock
from penstock.engines.base import ApplyRequest, LedgerRow, TargetUnavailable
from penstock.engines.patience import Interrupted, Patience
from penstock.engines.postgres import journal, ledger
from penstock.engines.postgres.connect import OWN_SECONDS
from penstock.engines.postgres.failures import busy, of_our_own
from penstock.engines.postgres.line import BROKEN, Line

_HAS_LEDGER: Final = "SELECT pg_catalog.to_regclass('penstock.ledger') IS NOT NULL"


async def disown(line: Line, request: ApplyRequest, wait: float) -> LedgerRow | None:
    """See `penstock.engines.base.EngineSession.disown`."""
    try:
        link = await line.begin(Patience(clock.monotonic() + wait))
        row = None
        if await link.connection.fetchval(_HAS_LEDGER, timeout=OWN_SECONDS):
            row = await ledger.read_row(link.connection, request.project, request.version)
        if row is None:
            await journal.disown(link.connection, request)
        await link.connection.execute("COMMIT", timeout=OWN_SECONDS)
        return row
    except Interrupted as error:
        raise TargetUnavailable(busy(error.waited_for)) from error
    except BROKEN as error:
        line.hang_up()
        raise TargetUnavailable(of_our_own(error)) from error
