"""A script that is corrected must begin with what was applied of the old one, byte for byte."""

from __future__ import annotations

import pytest

from penstock.services.kept import first_difference

OLD = b"CREATE TABLE t ();\nVACUUM t;\nCREATE INDEX CONCURRENTLY i ON t (a);"


@pytest.mark.parametrize(
    ("new", "kept", "place"),
    [
        (OLD, 2, None),
        (b"CREATE TABLE t ();\nVACUUM t;", 2, None),
        (b"CREATE TABLE t ();\nVACUUM t;\nSELECT 1", 2, None),
        (b"CREATE TABLE t ();\nVACUUM t -- c\n;", 2, None),
        (b"CREATE TABLE t ();\nVACUUM u;", 2, (2, 8)),
        (b"CREATE TABLE t ();\nVACUUM t, u;", 2, (2, 9)),
        (b"-- c\nCREATE TABLE t ();\nVACUUM t;", 2, (1, 1)),
        (b"CREATE TABLE t ();", 2, (1, 19)),
        (b"CREATE TABLE t ();", 1, None),
        (b"", 1, (1, 1)),
        (b"CREATE TABLE t ();\nVACUUM t; SELECT 'open", 2, (2, 18)),
    ],
)
def test_where_it_departs(new: bytes, kept: int, place: tuple[int, int] | None) -> None:
    assert first_difference(OLD, new, "postgres", kept) == place
