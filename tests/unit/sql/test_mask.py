"""Literals of other people's statements are hidden, whatever quotes they stand in, even when the text is cut."""

from __future__ import annotations

import pytest

from penstock.sql.mask import mask

POSTGRES = {
    "UPDATE t SET a = 'secret' WHERE id = 7": "UPDATE t SET a = '…' WHERE id = 7",
    "SELECT 'it''s secret', \"a 'name'\"": "SELECT '…', \"a 'name'\"",
    r"SELECT E'\'secret', 'C:\', 'secret'": "SELECT '…', '…', '…'",
    "SELECT $$secret$$, $a$se$$cret$a$, $1": "SELECT '…', '…', $1",
    "ALTER ROLE x PASSWORD 'secr": "ALTER ROLE x PASSWORD '…'",
    "DO $body$ secret": "DO '…'",
    "-- it's a comment\nSELECT 'secret'": "-- it's a comment\nSELECT '…'",
    "/* don't */ SELECT 'secret' -- isn't": "/* don't */ SELECT '…' -- isn't",
    "SELECT name'secret'": "SELECT name'…'",
}
MYSQL = {
    "SELECT \"secret\", 'se\\'cret', `a 'name'`": "SELECT '…', '…', `a 'name'`",
    "# it's\nSET PASSWORD = PASSWORD('secret')": "# it's\nSET PASSWORD = PASSWORD('…')",
    "/*!50000 IDENTIFIED BY 'secret' */ /* isn't */": "/*!50000 IDENTIFIED BY '…' */ /* isn't */",
    'SELECT "se""cret': "SELECT '…'",
}


@pytest.mark.parametrize(("statement", "shown"), POSTGRES.items())
def test_postgres(statement: str, shown: str) -> None:
    assert mask(statement, "postgres") == shown


@pytest.mark.parametrize(("statement", "shown"), MYSQL.items())
@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_mysql(statement: str, shown: str, engine: str) -> None:
    assert mask(statement, engine) == shown
