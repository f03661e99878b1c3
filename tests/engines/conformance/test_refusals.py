"""What a change may not contain, or cannot be read, is refused before any of it is sent, with the place named."""

from __future__ import annotations

import pytest

from tests.engines.conformance.conftest import Own
from tests.engines.dialects import Dialect

BEFORE = "INSERT INTO t VALUES (1);\n\n  "


@pytest.mark.parametrize("which", range(4))
async def test_an_engine_refuses_what_breaks_its_promises(which: int, on: Dialect) -> None:
    statement, code = list(on.words.refused.items())[which]
    await refused(on, BEFORE + statement, code)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("COMMIT", "transaction_control"),
        ("ROLLBACK", "transaction_control"),
        ("SAVEPOINT a", "transaction_control"),
        ("SET TRANSACTION READ ONLY", "transaction_control"),
        ("SELECT 'open", "unclosed_quote"),
        ("/* open", "unclosed_comment"),
        ("SELECT 1\0; DROP TABLE t", "nul_byte"),
    ],
)
async def test_every_engine_refuses(statement: str, code: str, on: Dialect) -> None:
    await refused(on, BEFORE + statement, code)


async def refused(on: Dialect, text: str, code: str) -> None:
    """Apply it, and see that nothing was sent."""
    result = await on.apply(text)
    failure = result.failure
    assert result.state == "failed" and failure is not None and not result.sent
    assert (failure.kind, failure.code, failure.failure_class) == ("statement", code, "failed")
    assert failure.line == 3 and failure.column is not None and failure.column >= 3
    assert await on.count() == 0


async def test_bytes_that_are_no_utf8_are_refused(on: Dialect) -> None:
    result = await on.apply(b"INSERT INTO t VALUES (1);\n-- caf\xe9\n")
    assert result.failure is not None and not result.sent
    assert (result.failure.kind, result.failure.code, result.failure.line) == ("statement", "invalid_utf8", 2)
    assert await on.count() == 0


async def test_the_settings_of_a_server_do_not_change_how_a_script_is_read(own: Own) -> None:
    """It was split, reviewed and approved as it reads by default."""
    on = own.dialect
    (otherwise, back), (string, value) = on.words.reads_otherwise, on.words.string
    await on.query("CREATE TABLE s (a varchar(20))")
    await on.query(otherwise)
    try:
        result = await on.apply(f"INSERT INTO s VALUES ({string})")
    finally:
        await on.query(back)
    assert result.state == "applied" and await on.query("SELECT a FROM s") == [(value,)], result.failure


async def test_a_line_that_only_some_servers_end_is_never_guessed_at(on: Dialect) -> None:
    """A lone carriage return ends a comment in PostgreSQL alone: what the one runs, the other would skip."""
    result = await on.apply("INSERT INTO t VALUES (1);\r-- a comment\rINSERT INTO t VALUES (2);\r")
    if result.failure is None:
        assert (result.statements_run, await on.count()) == (2, 2)
    else:
        assert (result.failure.code, result.sent, await on.count()) == ("lone_carriage_return", False, 0)
