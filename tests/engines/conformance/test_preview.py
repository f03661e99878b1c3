"""Databases of previews: made, tried scripts on, dropped, whatever the scripts do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from penstock.engines.base import TargetUnavailable
from penstock.sql.splitter import split
from tests.engines.dialects import Dialect


async def test_scripts_are_tried_in_a_database_that_is_gone_afterwards(dialect: Dialect) -> None:
    engine, name = dialect.engine, f"{dialect.target.database}_preview"
    there = replace(dialect.target, database=name)
    scripts = [
        split(text.encode(), dialect.target.engine)
        for text in ("CREATE TABLE t (a int); INSERT INTO t VALUES (1);", "SELECT 1;\nINSERT INTO missing VALUES (1);")
    ]
    await engine.create_database(dialect.target, name)
    try:
        assert await engine.try_scripts(there, scripts[:1], 30) is None
        failed = await engine.try_scripts(there, scripts[1:], 30)
        assert failed is not None
        failure = failed.failure
        assert (failed.script, failure.kind, failure.statement_index, failure.line) == (0, "statement", 1, 2)
        with pytest.raises(TargetUnavailable):
            await engine.create_database(dialect.target, name)
    finally:
        await engine.drop_database(dialect.target, name)
    await engine.drop_database(dialect.target, name)
    with pytest.raises(TargetUnavailable):
        await engine.try_scripts(there, scripts[:1], 30)


async def test_scripts_that_do_not_end_are_ended(on: Dialect) -> None:
    script = split(on.words.sleep.encode(), on.target.engine)
    failed = await on.engine.try_scripts(on.target, [script], 0.5)
    assert failed is not None and failed.failure.kind == "timeout"
