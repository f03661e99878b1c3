"""Which tables tell of locks: MariaDB's and MySQL's are others. MySQL is experimental: no such server is asked."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from penstock.engines.mysql.activity import row_lock_waits
from penstock.engines.mysql.sessions import locks_of


def tables(query: str) -> set[str]:
    """What a query reads, as MySQL's grammar has it."""
    [parsed] = sqlglot.parse(query, read="mysql")
    assert parsed is not None
    return {f"{table.db}.{table.name}".lower() for table in parsed.find_all(exp.Table)}


def test_mariadb_tells_of_row_locks_in_its_information_schema() -> None:
    assert tables(row_lock_waits("mariadb", 7)) == {
        "information_schema.innodb_lock_waits",
        "information_schema.innodb_trx",
    }
    assert tables(locks_of("mariadb", [7])) == {"information_schema.innodb_locks", "information_schema.innodb_trx"}


def test_mysql_tells_of_them_in_its_performance_schema() -> None:
    assert tables(row_lock_waits("mysql", 7)) == {
        "performance_schema.data_lock_waits",
        "performance_schema.threads",
        "sys.schema_table_lock_waits",
    }
    assert tables(locks_of("mysql", [7])) == {
        "performance_schema.data_locks",
        "performance_schema.metadata_locks",
        "performance_schema.threads",
    }


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_sessions_are_named_by_number_alone(flavour: str) -> None:
    assert "IN (7, 8)" in locks_of(flavour, [7, 8])
    with pytest.raises(ValueError, match="invalid literal"):
        locks_of(flavour, ["7) OR (1 = 1"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="invalid literal"):
        row_lock_waits(flavour, "7 OR 1")  # type: ignore[arg-type]


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_both_answer_the_same_columns(flavour: str) -> None:
    [parsed] = sqlglot.parse(locks_of(flavour, [7]), read="mysql")
    assert parsed is not None
    assert all(len(select.expressions) == 5 for select in parsed.find_all(exp.Select))
