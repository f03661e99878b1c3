"""What the history tables of other tools mean: undone, failed and repeatable migrations do not count."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.engines.base import HistoryEntry
from penstock.engines.history import entries, ledger_digest, ledger_version, said_to_be_there, same_version


def flyway(rank: int, version: str | None, kind: str = "SQL", success: bool = True) -> dict[str, Any]:
    values = {"installed_rank": rank, "version": version, "description": "d", "type": kind}
    return values | {"checksum": 1996767037, "installed_on": None, "success": success}


def test_flyway_in_the_order_of_ranks() -> None:
    rows = [flyway(3, "2"), flyway(1, None, "SCHEMA"), flyway(2, "1"), flyway(4, None), flyway(5, "3", success=False)]
    assert [e.version for e in entries("flyway", rows)] == ["1", "2"]
    assert ledger_digest(entries("flyway", rows)[0]) == "flyway:1996767037"


def test_flyway_undone_deleted_and_done_again() -> None:
    rows = [flyway(1, "1"), flyway(2, "2"), flyway(3, "2", "UNDO_SQL"), flyway(4, "1", "DELETE"), flyway(5, "2")]
    assert [e.version for e in entries("flyway", rows)] == ["2"]


def test_a_baseline_of_flyway_covers_what_came_before() -> None:
    history = entries("flyway", [flyway(1, "3", "BASELINE"), flyway(2, "5")])
    assert said_to_be_there(history, ["1", "2", "3", "4", "5", "6"]) == {"1", "2", "3", "5"}


def test_liquibase_tells_change_sets_apart_by_file_and_author() -> None:
    row = {"author": "ana", "filename": "db/a.xml", "dateexecuted": None, "md5sum": "9:abc"}
    rows = [
        {**row, "id": "2", "orderexecuted": 2, "exectype": "MARK_RAN"},
        {**row, "id": "1", "orderexecuted": 1, "exectype": "EXECUTED"},
        {**row, "id": "3", "orderexecuted": 3, "exectype": "FAILED"},
    ]
    history = entries("liquibase", rows)
    assert [e.version for e in history] == ["1::ana::db/a.xml", "2::ana::db/a.xml"]
    assert said_to_be_there(history, ["1", "2", "3"]) == {"1", "2"}


def test_alembic_knows_only_where_it_is() -> None:
    history = entries("alembic", [{"version_num": "b2"}])
    assert said_to_be_there(history, ["a1", "b2", "c3"]) == {"a1", "b2"}
    assert said_to_be_there(history, ["x", "y"]) == set()


def test_bytebase_kept_the_bytes() -> None:
    row = {"description": "d", "created_ts": 1_700_000_000, "digest": "sha256:00"}
    rows = [{**row, "version": "0000.0000.0000-20230101", "sequence": 2}, {**row, "version": "1.0", "sequence": 1}]
    assert [(e.version, ledger_digest(e)) for e in entries("bytebase", rows)] == [
        ("1.0", "sha256:00"),
        ("20230101", "sha256:00"),
    ]


@pytest.mark.parametrize(("mine", "theirs"), [("1", "1.0"), ("V1_2", "1.2"), ("01", "1"), ("2021.01.02", "2021.1.2")])
def test_flyway_versions_that_are_one(mine: str, theirs: str) -> None:
    assert same_version(HistoryEntry("flyway", theirs, ""), mine)


@pytest.mark.parametrize(("mine", "theirs"), [("1", "10"), ("1.2", "1.20"), ("1.0.1", "1.1")])
def test_flyway_versions_that_are_two(mine: str, theirs: str) -> None:
    assert not same_version(HistoryEntry("flyway", theirs, ""), mine)


def test_a_long_version_keeps_its_identity() -> None:
    keys = {ledger_version(HistoryEntry("liquibase", "x" * 300 + end, "")) for end in "ab"}
    assert len(keys) == 2 and all(len(key) <= 200 for key in keys)
