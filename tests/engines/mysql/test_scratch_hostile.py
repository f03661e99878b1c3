"""Scripts that misbehave: each ends in a clear state within its deadline, and the next change on the database works."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest

from penstock.engines.base import Engine, Target
from penstock.engines.mysql.driver import Connection
from tests.engines.conftest import change
from tests.engines.recorder import Recorder
from tests.mariadb_server import own_server

DEADLINE = 1.5
EXECUTE = "SET @s = '{}'; PREPARE s FROM @s; EXECUTE s"
LOOP = "DELIMITER //\nBEGIN NOT ATOMIC LOOP DO SLEEP(1); END LOOP; END//"


@pytest.mark.parametrize(
    ("text", "state", "code"),
    [
        # Settings under which other statements would be read, or kept, than were approved.
        ("SET autocommit = 0; INSERT INTO t VALUES (1)", "failed", "transaction_control"),
        (EXECUTE.format("SET autocommit = 0") + "; INSERT INTO t VALUES (1)", "failed", "session_tampering"),
        ("SET sql_mode = 'ANSI_QUOTES'; INSERT INTO t VALUES (1)", "failed", "session_tampering"),
        # Settings that would make our own statements fail, or see less.
        ("SET sql_select_limit = 0; INSERT INTO t VALUES (1); CREATE TABLE u (a int)", "applied", None),
        ("SET sql_safe_updates = 1; INSERT INTO t VALUES (1); CREATE TABLE u (a int)", "applied", None),
        ("SET sql_big_selects = 0, max_join_size = 1; INSERT INTO t VALUES (1)", "applied", None),
        ("SET character_set_results = latin1; INSERT IGNORE INTO w VALUES ('üäöüäö')", "applied", None),
        ("SET sql_quote_show_create = 0; ALTER TABLE t ADD b int", "applied", None),
        ("SET wait_timeout = 1, interactive_timeout = 1; INSERT INTO t VALUES (1); DO SLEEP(1.2)", "applied", None),
        ("SET max_statement_time = 0.1; INSERT INTO t SELECT SLEEP(30)", "failed", "1969"),
        # Sleeps and loops for ever.
        ("INSERT INTO t VALUES (1); INSERT INTO t SELECT SLEEP(1000000)", "failed", "deadline"),
        ("INSERT INTO t VALUES (1); DO SLEEP(1000000)", "failed", "deadline"),
        ("SELECT BENCHMARK(1000000000000, SHA2('x', 512))", "failed", "deadline"),
        ("INSERT INTO t SELECT a.seq FROM seq_1_to_1000000 a JOIN seq_1_to_1000000 b", "failed", "deadline"),
        (LOOP, "unknown", "outcome_unknown"),
        # Holds locks.
        ("LOCK TABLES t WRITE; DO SLEEP(1000000)", "failed", "transaction_control"),
        ("FLUSH TABLES WITH READ LOCK", "failed", "transaction_control"),
        ("SELECT GET_LOCK('penstock', 1000000)", "failed", "session_tampering"),
        (EXECUTE.format("LOCK TABLES t WRITE") + "; DO SLEEP(1000000)", "failed", "1100"),
        (EXECUTE.format("DO RELEASE_ALL_LOCKS()") + "; INSERT INTO t VALUES (1)", "failed", "lock_lost"),
        ("HANDLER t OPEN", "applied", None),
        # Ends its own connection.
        ("INSERT INTO t VALUES (1); KILL CONNECTION_ID()", "failed", "1927"),
        ("INSERT INTO t VALUES (1); KILL QUERY CONNECTION_ID()", "failed", "1317"),
        (EXECUTE.format("KILL CONNECTION_ID()"), "unknown", "outcome_unknown"),
        # Writes what proves changes.
        ("DROP DATABASE penstock", "failed", "ledger_tampering"),
        ("DELETE FROM penstock.ledger", "failed", "ledger_tampering"),
        ("USE penstock; DELETE FROM ledger", "failed", "other_database"),
        ("INSERT INTO penstock.ledger SELECT * FROM penstock.ledger", "failed", "ledger_tampering"),
        (EXECUTE.format("DELETE FROM penstock.journal WHERE database_name = database()"), "applied", None),
    ],
)
async def test_a_script_that_misbehaves_ends_and_the_next_one_works(
    text: str, state: str, code: str | None, engine: Engine, target: Target, inside: Connection
) -> None:
    await inside.run("CREATE TABLE t (a int)")
    await inside.run("CREATE TABLE w (a varchar(3))")
    started = time.monotonic()
    result = await engine.apply(target, change(text), Recorder(seconds=DEADLINE))
    assert (result.state, result.failure and result.failure.code) == (state, code), result.failure
    assert time.monotonic() - started < DEADLINE + 8, "it ended soon after its deadline"
    if state == "failed" and "KILL" not in text:
        assert await inside.value("SELECT count(*) FROM t") == 0
    after = await engine.apply(target, change("CREATE TABLE after_it (a int)", "2", task_id=2), Recorder())
    assert after.state == "applied", after.failure


async def test_a_million_rows_are_read_and_kept_by_nobody(engine: Engine, target: Target) -> None:
    result = await engine.apply(target, change("SELECT seq, repeat('x', 10) FROM seq_1_to_300000"), Recorder())
    assert result.state == "applied", result.failure


async def test_a_dropped_ledger_is_made_again(engine: Engine, target: Target) -> None:
    """By a login that may: on a server of its own, since the ledger serves the whole server."""
    with tempfile.TemporaryDirectory(prefix="penstock-mariadb-") as folder:
        Path(folder).chmod(0o755)
        async with own_server(Path(folder)) as server:
            name = await server.create_database()
            there = Target("mariadb", server.host, server.port, server.user, database=name)
            text = EXECUTE.format("DROP DATABASE penstock") + "; CREATE TABLE t (a int)"
            result = await engine.apply(there, change(text), Recorder())
            assert result.state == "failed" and result.failure is not None, "its journal is gone"
            assert (result.failure.kind, result.failure.code) == ("infrastructure", "1146")
            after = await engine.apply(there, change("CREATE TABLE u (a int)", "2"), Recorder())
            assert after.state == "applied", after.failure
