"""User codes: what people type is read, and what cannot be a code is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.access import user_code


def test_a_new_code_is_read_as_it_is_shown() -> None:
    code = user_code.new()
    assert user_code.read(user_code.shown(code)) == code
    assert len(user_code.shown(code)) == 9


@pytest.mark.parametrize("typed", ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "bc-df-gh-jk"])
def test_case_spaces_and_hyphens_do_not_count(typed: str) -> None:
    assert user_code.read(typed) == "BCDFGHJK"


@pytest.mark.parametrize("typed", ["", "BCDF-GHJ", "BCDF-GHJKL", "ABCD-FGHJ", "BCDF-GHJ1", "BCDFGHJK\n", "token"])
def test_anything_else_is_no_code(typed: str) -> None:
    assert user_code.read(typed) is None


@given(st.text())
def test_what_is_read_can_be_stored(typed: str) -> None:
    code = user_code.read(typed)
    assert code is None or (len(code) == user_code.LENGTH and set(code) <= set(user_code.LETTERS))
