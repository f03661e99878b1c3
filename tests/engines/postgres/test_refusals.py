"""What a change may not contain is refused before any of it is sent, with the place named."""

from __future__ import annotations

import asyncpg
import pytest

from penstock.engines.base import Target
from penstock.engines.patience import Patience
from penstock.engines.postgres.line import Line
from penstock.engines.postgres.statements import Proof, Script
from penstock.sql.splitter import split
from tests.engines.conftest import Apply, change
from tests.engines.postgres.test_once import exists, versions
from tests.engines.recorder import Recorder

SEVERAL_LINES = "CREATE TABLE t ();\n\n  "


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("BEGIN", "transaction_control"),
        ("COMMIT", "transaction_control"),
        ("COMMIT AND CHAIN", "transaction_control"),
        ("ROLLBACK", "transaction_control"),
        ("SAVEPOINT a", "transaction_control"),
        ("PREPARE TRANSACTION 'x'", "transaction_control"),
        ("SET TRANSACTION READ ONLY", "transaction_control"),
        ("COMMIT SOMETHING NEW", "transaction_control"),
        ("SET ROLE postgres", "session_tampering"),
        ("RESET SESSION AUTHORIZATION", "session_tampering"),
        ("DISCARD ALL", "session_tampering"),
        ("CREATE INDEX CONCURRENTLY ON t (a)", "unnamed_index"),
        ("DELETE FROM penstock.ledger", "ledger_tampering"),
        ("DROP SCHEMA penstock CASCADE", "ledger_tampering"),
        ("CREATE TEMP TABLE x (); VACUUM", "session_data"),
        ("SELECT 'open", "unclosed_quote"),
        ("\\connect elsewhere", "client_metacommand"),
        ("COPY t FROM STDIN;\n1\n\\.\n", "copy_from_stdin"),
    ],
)
async def test_refused_before_anything_is_sent(
    statement: str, code: str, apply: Apply, database: asyncpg.Connection
) -> None:
    result = await apply(SEVERAL_LINES + statement)
    failure = result.failure
    assert result.state == "failed" and failure is not None and not result.sent
    assert (failure.kind, failure.code, failure.failure_class) == ("statement", code, "failed")
    assert failure.line == 3 and failure.column is not None and failure.column >= 3
    assert not await exists(database, "t")


@pytest.mark.parametrize(
    "statement",
    [
        "DO $$ BEGIN COMMIT; END $$",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT AND CHAIN; END $$; CALL p()",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; END $$; CALL p()",
        "DO $$ BEGIN EXECUTE 'COMMIT'; END $$",
    ],
)
async def test_a_commit_inside_a_body_fails_and_leaves_nothing(
    statement: str, apply: Apply, database: asyncpg.Connection
) -> None:
    result = await apply(f"CREATE TABLE t (); {statement}")
    assert result.state == "failed" and result.failure is not None
    assert (result.failure.kind, result.failure.code[:2]) in {("statement", "2D"), ("statement", "0A")}
    assert not await exists(database, "t") and await versions(database) == []


async def test_a_change_that_got_out_of_its_transaction_is_noticed(
    target: Target,
) -> None:
    """The refusals leave no known way to do this, so the script is handed over without them."""
    line = Line(target)
    for text in ("COMMIT AND CHAIN", "COMMIT", "ROLLBACK; BEGIN"):
        link = await line.begin(Patience.of(Recorder()))
        xid = await link.connection.fetchval("SELECT pg_current_xact_id()::text")
        statements = split(text.encode(), "postgres")
        script = Script(target, link, Recorder(), total=len(statements), lock_timeout=1)
        failure = await script.run(statements, Proof.of_change(xid, change(text)))
        assert failure is not None
        assert (failure.kind, failure.code) == ("outcome_unknown", "transaction_control")
        await line.roll_back()
    await line.close()
