"""Directories as migration tools lay them out, read as releases; and those that are none, with every mistake named."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.layouts.by_name import natural
from penstock.domain.layouts.recognise import read
from penstock.domain.layouts.source import LayoutError, SourceFile, without_transaction


def directory(files: Mapping[str, str | bytes]) -> list[SourceFile]:
    return [SourceFile(path, data.encode() if isinstance(data, str) else data) for path, data in files.items()]


def versions(files: Mapping[str, str | bytes], **how: str) -> tuple[str, list[str]]:
    layout, changes = read(directory(files), **how)
    return layout, [change.version for change in changes]


def mistakes(files: Mapping[str, str | bytes], **how: str) -> list[tuple[str, str]]:
    with pytest.raises(LayoutError) as caught:
        read(directory(files), **how)
    return [(m.path, m.code) for m in caught.value.mistakes]


def test_flyway_sorts_by_numbers_and_runs_repeatables_last() -> None:
    files = {
        "V10__later.sql": "j",
        "sub/V2__add_users.sql": "b",
        "V1_1__fix.sql": "a1",
        "V1__first.sql": "a",
        "R__views.sql": "r",
        "R__functions.sql": "f",
        "U2__add_users.sql": "undo",
        "beforeMigrate.sql": "callback",
        "B5__baseline.sql": "all",
        "README.md": "words",
    }
    layout, changes = read(directory(files))
    assert layout == "flyway"
    assert [c.version for c in changes] == ["1", "1.1", "2", "10", "R__functions", "R__views"]
    assert (changes[2].name, changes[2].statement, changes[2].revert) == ("add users", "b", "undo")


def test_golang_migrate_takes_the_way_down_as_revert() -> None:
    files = {
        "000002_b.up.sql": "2",
        "000001_a.up.sql": "1",
        "000001_a.down.sql": "-1",
    }
    layout, changes = read(directory(files))
    assert layout == "golang-migrate"
    assert [(c.version, c.statement, c.revert) for c in changes] == [("000001", "1", "-1"), ("000002", "2", None)]


def test_dbmate_cuts_a_file_in_two() -> None:
    text = "-- migrate:up\nCREATE TABLE t (id int);\n\n-- migrate:down\nDROP TABLE t;\n"
    layout, changes = read(directory({"20260101120000_add_t.sql": text}))
    assert layout == "dbmate"
    assert (changes[0].version, changes[0].name) == ("20260101120000", "add t")
    assert (changes[0].statement, changes[0].revert) == ("CREATE TABLE t (id int);\n", "DROP TABLE t;")


def test_dbmate_leaves_what_stands_above_the_first_part_and_sorts_by_numbers() -> None:
    files = {
        "10_b.sql": "-- migrate:up transaction:false\nB\n",
        "9_a.sql": "-- why\nNOT THIS;\n-- migrate:up\nA\n",
    }
    _, changes = read(directory(files))
    assert [(c.version, c.statement, c.revert) for c in changes] == [("9", "A\n", None), ("10", "B\n", None)]


PLAN = """%syntax-version=1.0.0
%project=flipr

appschema 2013-12-31T22:46:54Z Marge N. O’Vera <marge@example.com> # Add schema.
users [appschema] 2014-01-01T01:00:00Z Marge <marge@example.com> # Creates table.
@v1.0.0 2014-01-01T02:00:00Z Marge <marge@example.com> # Tag.
users [users@v1.0.0] 2014-01-01T03:00:00Z Marge <marge@example.com> # Rework.
"""


def test_sqitch_goes_by_its_plan_and_sends_no_transactions_of_its_own() -> None:
    files = {
        "sqitch.plan": PLAN,
        "deploy/appschema.sql": "-- Deploy appschema\n\nBEGIN;\n\nCREATE SCHEMA flipr;\n\nCOMMIT;\n",
        "deploy/users@v1.0.0.sql": "CREATE TABLE users ();",
        "deploy/users.sql": "ALTER TABLE users ADD a int;",
        "revert/appschema.sql": "BEGIN;\nDROP SCHEMA flipr;\nCOMMIT;",
        "verify/appschema.sql": "SELECT 1;",
    }
    layout, changes = read(directory(files))
    assert layout == "sqitch"
    assert [(c.version, c.path) for c in changes] == [
        ("appschema", "deploy/appschema.sql"),
        ("users", "deploy/users@v1.0.0.sql"),
        ("users.2", "deploy/users.sql"),
    ]
    assert changes[0].statement == "-- Deploy appschema\n\n\n\nCREATE SCHEMA flipr;\n"
    assert changes[0].revert == "DROP SCHEMA flipr;\n"


def test_a_sqitch_change_in_a_folder_has_a_version_without_a_slash() -> None:
    files = {"sqitch.plan": "tables/users 2014-01-01T01:00:00Z M <m@x>", "deploy/tables/users.sql": "SELECT 1;"}
    assert versions(files) == ("sqitch", ["tables.users"])


ALEMBIC = """BEGIN;

CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);

-- Running upgrade  -> ae1027a6acf

CREATE TABLE account (id INTEGER NOT NULL);

INSERT INTO alembic_version (version_num) VALUES ('ae1027a6acf') RETURNING alembic_version.version_num;

-- Running upgrade ae1027a6acf -> b2c3d4e5f6a7

ALTER TABLE account ADD COLUMN name VARCHAR(50);

COMMIT;
"""


def test_alembics_offline_script_is_a_change_per_revision() -> None:
    layout, changes = read(directory({"upgrade.sql": ALEMBIC}))
    assert layout == "alembic-offline"
    assert [c.version for c in changes] == ["ae1027a6acf", "b2c3d4e5f6a7"]
    assert "CREATE TABLE alembic_version" in changes[0].statement and "INSERT INTO" in changes[0].statement
    assert not any(word in c.statement for c in changes for word in ("BEGIN", "COMMIT"))
    assert changes[1].statement.strip() == "ALTER TABLE account ADD COLUMN name VARCHAR(50);"


def test_alembics_scripts_follow_each_other_by_their_files_names_whatever_ends_their_lines() -> None:
    first = "BEGIN;\r\n-- Running upgrade  -> aaa\r\nSELECT 1;\r\nCOMMIT;\r\n"
    layout, changes = read(directory({"2.sql": "-- Running upgrade aaa -> bbb\nSELECT 2;", "1.sql": first}))
    assert (layout, [c.version for c in changes]) == ("alembic-offline", ["aaa", "bbb"])
    assert not any(word in changes[0].statement for word in ("BEGIN", "COMMIT"))


def test_plain_numbers_are_sorted_as_numbers() -> None:
    assert versions({"10_c.sql": "", "9-b.sql": "", "001.sql": ""}) == ("numbered", ["001", "9", "10"])


def test_a_pattern_of_ones_own() -> None:
    files = {"rel-2.0_users.ddl.sql": "b", "rel-1.9_a.ddl.sql": "a"}
    assert versions(files, pattern="rel-{version}_{name}.ddl.sql") == ("pattern", ["1.9", "2.0"])
    by_path = {"1/2/b.sql": "b", "1/1/a.sql": "a"}
    assert versions(by_path, pattern="1/{version}/{name}.sql") == ("pattern", ["1", "2"])
    deeper = {**by_path, "1/3/c/d.sql": "c"}
    assert mistakes(deeper, pattern="1/{version}/{name}.sql") == [("1/3/c/d.sql", "no_version")]


def test_the_signs_of_a_pattern_stand_for_themselves() -> None:
    assert versions({"rel+1.sql": ""}, pattern="rel+{version}.sql") == ("pattern", ["1"])


def test_a_version_with_a_word_comes_after_the_same_without_and_numbers_before_words() -> None:
    files = {"rc.sql": "", "2.sql": "", "2-rc.sql": "", "10.sql": ""}
    assert versions(files, pattern="{version}.sql")[1] == ["2", "2-rc", "10", "rc"]


def test_a_byte_order_mark_is_no_part_of_a_script() -> None:
    assert read(directory({"1.sql": b"\xef\xbb\xbfSELECT 1;"}))[1][0].statement == "SELECT 1;"


def test_a_layout_that_is_named_is_not_recognised() -> None:
    files = {"1_a.up.sql": ""}
    assert versions(files) == ("golang-migrate", ["1"])
    assert versions(files, layout="numbered") == ("numbered", ["1"])
    assert mistakes(files, layout="sqitch") == [("sqitch.plan", "missing_version")]


def test_a_folder_per_engine_is_read_for_one_of_them() -> None:
    files = {"postgres/001_a.sql": "pg", "mysql/001_a.sql": "my"}
    assert mistakes(files) == [(".", "mixed_engines")]
    assert read(directory(files), engine="mysql")[1][0].statement == "my"
    assert mistakes(files, engine="mariadb") == [(".", "empty")]
    beside = {"postgresql/R__a.sql": "pg", "mysql/R__a.sql": "my", "R__all.sql": "all"}
    read_for = {engine: read(directory(beside), engine=engine)[1] for engine in ("postgres", "mysql")}
    assert [c.statement for c in read_for["postgres"]] == ["pg", "all"]
    assert [c.statement for c in read_for["mysql"]] == ["my", "all"]
    assert mistakes(beside, engine="mariadb") == [(".", "empty")]
    alone = {"postgres/a/1.sql": "pg"}
    assert [c.path for c in read(directory(alone), pattern="a/{version}.sql")[1]] == ["a/1.sql"]


UP = "-- migrate:up\nSELECT 1;\n"
REVISION = "-- Running upgrade  -> aaa\nSELECT 1;\n"
SQITCH = [("deploy/a.sql", "missing_version"), ("deploy/b.sql", "not_planned")]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"README.md": "x"}, [(".", "empty")]),
        ({"V1__a.sql": "", "V1.0__b.sql": ""}, [("V1.0__b.sql", "duplicate_version")]),
        ({"001_a.sql": "", "1_b.sql": ""}, [("1_b.sql", "duplicate_version")]),
        ({"001_a.sql": "", "seed.sql": ""}, [("seed.sql", "no_version")]),
        ({"V1__a.sql": "", "U2__b.sql": ""}, [("U2__b.sql", "missing_version")]),
        ({"1_a.up.sql": "", "2_b.down.sql": ""}, [("2_b.down.sql", "missing_version")]),
        ({"V1__a.sql": "", "1_b.up.sql": ""}, [(".", "mixed_layouts")]),
        ({"001_a.sql": b"SELECT '\xff'"}, [("001_a.sql", "not_utf8")]),
        ({"V1__a.sql": b"\xff", "x.sql": ""}, [("V1__a.sql", "not_utf8"), ("x.sql", "no_version")]),
        ({"V1__a.sql": "", "V2__.sql": ""}, [("V2__.sql", "no_version")]),
        (
            {"sqitch.plan": "nonsense", "deploy/b.sql": ""},
            [("sqitch.plan", "bad_plan"), ("deploy/b.sql", "not_planned")],
        ),
        ({"sqitch.plan": "a 2014-01-01T01:00:00Z M <m@x>", "deploy/b.sql": ""}, SQITCH),
        ({"R__a/b.sql": ""}, [("R__a/b.sql", "no_version")]),
        ({"a/R__v.sql": "", "b/R__v.sql": ""}, [("b/R__v.sql", "duplicate_version")]),
        ({"R__all views.sql": ""}, [("R__all views.sql", "bad_version")]),
        ({"V1__a.sql": "", "U1__a.sql": "", "U1_0__b.sql": ""}, [("U1_0__b.sql", "duplicate_version")]),
        ({"V1__a.sql": "", "U1__a.sql": b"\xff"}, [("U1__a.sql", "not_utf8")]),
        ({"1_a.up.sql": "", "01_b.up.sql": ""}, [("01_b.up.sql", "duplicate_version")]),
        ({"1_a.up.sql": "", "1_a.down.sql": "", "01_a.down.sql": ""}, [("01_a.down.sql", "duplicate_version")]),
        ({"1_a.up.sql": "", "notes.sql": ""}, [("notes.sql", "no_version")]),
        ({"1_a.sql": UP, "2_b.sql": "SELECT 1;"}, [("2_b.sql", "no_up")]),
        ({"1_a.sql": UP, "b.sql": UP}, [("b.sql", "no_version")]),
        ({"1_a.sql": UP, "01_b.sql": UP}, [("01_b.sql", "duplicate_version")]),
        ({"a.sql": REVISION, "b.sql": REVISION}, [("b.sql", "duplicate_version")]),
        ({"a.sql": REVISION, "b.sql": "SELECT 1;"}, [("b.sql", "no_version")]),
        ({"a.sql": "-- Running upgrade  -> a/b\n"}, [("a.sql", "bad_version")]),
        # Longer than any version, and than what Python makes a number of.
        ({f"V{'1' * 5_000}__a.sql": ""}, [(f"V{'1' * 5_000}__a.sql", "bad_version")]),
        ({f"U{'1' * 5_000}__a.sql": ""}, [(f"U{'1' * 5_000}__a.sql", "bad_version")]),
        ({f"{'1' * 5_000}_a.up.sql": ""}, [(f"{'1' * 5_000}_a.up.sql", "bad_version")]),
        ({f"{'1' * 5_000}_a.sql": UP}, [(f"{'1' * 5_000}_a.sql", "bad_version")]),
        ({f"{'1' * 5_000}_a.sql": ""}, [(f"{'1' * 5_000}_a.sql", "bad_version")]),
    ],
)
def test_every_mistake_is_named(files: dict[str, str | bytes], found: list[tuple[str, str]]) -> None:
    assert mistakes(files) == found


@pytest.mark.parametrize("pattern", ["{name}.sql", "{version}{version}.sql", "{versoin}_{name}.sql"])
def test_a_pattern_that_says_no_version_is_refused(pattern: str) -> None:
    assert mistakes({"1.sql": ""}, pattern=pattern) == [(pattern, "bad_pattern")]


def test_only_a_transaction_around_everything_is_taken_away() -> None:
    assert without_transaction("-- why\nBEGIN;\nSELECT 1;\nCOMMIT;\n") == "-- why\n\nSELECT 1;\n"
    assert without_transaction("begin work;\nSELECT 1;\nend transaction ;") == "SELECT 1;\n"


@pytest.mark.parametrize(
    "kept",
    [
        "CREATE FUNCTION f() RETURNS int AS $$ BEGIN RETURN 1; END; $$ LANGUAGE plpgsql;",
        "SELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;\n",
        "BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;\n",
        "BEGIN;\nDROP TABLE t;\nROLLBACK;\n",  # a rehearsal must not become the real thing
    ],
)
def test_what_is_not_around_everything_stays(kept: str) -> None:
    assert without_transaction(kept) == kept


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
def test_versions_are_ordered_as_their_numbers_are(left: list[int], right: list[int]) -> None:
    joined = [".".join(map(str, each)) for each in (left, right)]
    assert (natural(joined[0]) < natural(joined[1])) is (left < right)
