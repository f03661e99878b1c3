"""How far a PostgreSQL change has come is read from its journal, whatever its statements would be cut into today."""

from __future__ import annotations

import pytest

from penstock.engines.postgres.journal import Entry
from penstock.engines.postgres.resume import Progress, digest_of, progress
from penstock.engines.postgres.subjects import Before, Seen, Verdict, decide
from penstock.sql.splitter import split

A, B, C, D = STATEMENTS = split(b"SELECT 1; SELECT 2; VACUUM; SELECT 3", "postgres")
FIRST = Entry(0, digest_of([A, B]), "done")
INTENT = Entry(1, digest_of([C]), "intent", {"action": "repeat"})


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], Progress()),
        ([FIRST], Progress(2, 1)),
        ([FIRST, INTENT], Progress(2, 1, INTENT)),
        ([FIRST, Entry(1, digest_of([C]), "done")], Progress(3, 2)),
        ([FIRST, Entry(1, digest_of([C]), "failed")], Progress(2, 1)),
        ([Entry(0, digest_of([A]), "done"), Entry(1, digest_of([B, C, D]), "done")], Progress(4, 2)),
        ([Entry(0, digest_of([B]), "done")], Progress(conflict=0)),
        ([FIRST, Entry(1, "sha256:x", "done")], Progress(2, 1, conflict=2)),
        ([Entry(0, "sha256:x", "failed")], Progress()),
    ],
)
def test_progress(entries: list[Entry], expected: Progress) -> None:
    assert progress(STATEMENTS, entries) == expected


def test_an_interrupted_step_of_other_bytes_is_not_ours() -> None:
    assert not progress(STATEMENTS, [Entry(0, "sha256:x", "intent")]).ours


OLD, NEW, INVALID = Seen(1, True, 9, "old"), Seen(2, True, 9, "new"), Seen(2, False, 9, "new")
INDEX = Before("create_index", schema="s", name="i", owner=9, expected="new")
THERE = Before("create_index", schema="s", name="i", owner=9, seen=OLD)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (INDEX, None, "run"),
        (INDEX, NEW, "applied"),
        (INDEX, INVALID, "drop"),
        (INDEX, Seen(2, True, 9, "other"), "differs"),
        (INDEX, Seen(2, True, 8, "new"), "differs"),
        (INDEX, Seen(2, False, 8, "new"), "differs"),
        (Before("create_index", owner=9), NEW, "applied"),
        (THERE, OLD, "run"),
        (THERE, None, "run"),
        (Before("drop_index", subject=1, seen=OLD), OLD, "run"),
        (Before("drop_index", subject=1, seen=OLD), None, "applied"),
        (Before("drop_index"), None, "run"),
        (Before("detach_partition", seen=OLD), None, "applied"),
        (Before("detach_partition", seen=OLD), OLD, "run"),
        (Before("detach_partition", seen=OLD), Seen(1, False, 9, "old"), "finalize"),
        (Before("detach_partition", seen=INVALID), INVALID, "run"),
        (Before("create_database", name="d"), NEW, "applied"),
        (Before("create_database", name="d", seen=OLD), OLD, "run"),
        (Before("create_database", name="d"), INVALID, "differs"),
        (Before("drop_database", subject=1, seen=OLD), None, "applied"),
        (Before("move_database", to="new"), NEW, "applied"),
        (Before("move_database", to="new"), OLD, "run"),
        (Before("repeat"), None, "run"),
        (Before("undecidable"), None, "unknown"),
    ],
)
def test_what_became_of_a_statement(before: Before, now: Seen | None, verdict: Verdict) -> None:
    assert decide(before, now) == verdict
    assert Before.read(before.written()) == before
