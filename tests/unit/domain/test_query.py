"""What an answer means: each line is a question, its answer, and the verdict."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.pipeline.query import (
    MOST_OUTPUTS,
    SAFE_INTEGER,
    Answer,
    Condition,
    Operator,
    Query,
    Scalar,
    judge,
    mistakes,
    scalar,
)

NONE = Answer()
ONE = Answer(("n",), ((3,),))
TWO = Answer(("n",), ((3,), (4,)))
WIDE = Answer(("a", "b", "a"), ((1, "x", 2),))
MANY = Answer(("n",), tuple((n,) for n in range(100)), more=True)


def of(value: Scalar, *, booleans: bool = True) -> Answer:
    """One row with one value."""
    return Answer(("ok",), ((value,),), booleans=booleans)


@pytest.mark.parametrize(
    ("answer", "code"),
    [(NONE, None), (ONE, "unexpected_rows"), (MANY, "unexpected_rows")],
)
def test_no_rows(answer: Answer, code: str | None) -> None:
    assert judge(Query("q", "no_rows"), answer).code == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (of(True), None),
        (of(False), "not_true"),
        (of(None), "not_true"),
        (of(1), "not_true"),  # this server has booleans, so a number is something else
        (of(1, booleans=False), None),
        (of(0, booleans=False), "not_true"),
        (of(1.0, booleans=False), "not_true"),
        (of("1", booleans=False), "not_true"),
        (NONE, "not_true"),
        (Answer(("a",), ((True,), (True,))), "not_true"),
        (Answer(("a",), ((True,),), more=True), "not_true"),
        (Answer(("a", "b"), ((True, True),)), "not_true"),
    ],
)
def test_true(answer: Answer, code: str | None) -> None:
    assert judge(Query("q", "true"), answer).code == code


@pytest.mark.parametrize(
    ("query", "answer", "outputs"),
    [
        (Query("q"), NONE, {}),
        (Query("q"), TWO, {"n": 3}),
        (Query("q"), WIDE, {"a": 1, "b": "x"}),
        (Query("q", output={"k": "b"}), WIDE, {"k": "x"}),
        (Query("q", output={}), WIDE, {}),
        (Query("q", "true"), of(True), {"ok": True}),
    ],
)
def test_outputs(query: Query, answer: Answer, outputs: dict[str, Scalar]) -> None:
    verdict = judge(query, answer)
    assert (verdict.code, verdict.outputs) == (None, outputs)


def test_columns_that_can_be_no_outputs_are_left_out_and_said() -> None:
    answer = Answer(("?column?", "long", "n"), ((1, "x" * 1001, None),))
    verdict = judge(Query("q"), answer)
    assert (verdict.outputs, verdict.left_out) == ({"n": None}, ["?column?", "long"])
    many = Answer(tuple(f"c{n}" for n in range(40)), (tuple(range(40)),))
    assert len(judge(Query("q"), many).outputs) == MOST_OUTPUTS


@pytest.mark.parametrize(
    ("query", "answer", "code"),
    [
        (Query("q", output={"k": "m"}), ONE, "no_output"),
        (Query("q", output={"k": "n"}), NONE, "no_output"),
        (Query("q", output={"k": "n"}), of("x" * 1001), "no_output"),
        (Query("q", output={"k": "ok"}), of("x" * 1001), "output_too_long"),
    ],
)
def test_an_output_that_was_named_must_be_there(query: Query, answer: Answer, code: str) -> None:
    verdict = judge(query, answer)
    assert (verdict.code, verdict.outputs) == (code, {})


def test_a_failure_shows_a_few_rows_and_no_long_values() -> None:
    answer = Answer(("n",), tuple(("x" * 1000,) for _ in range(9)))
    data: Any = judge(Query("q", "no_rows"), answer).data
    assert (len(data["rows"]), len(data["rows"][0][0]), data["found"]) == (5, 200, 9)


@pytest.mark.parametrize(
    ("op", "value", "found", "holds"),
    [
        ("eq", 1, 1, True),
        ("eq", 1, 1.0, True),
        ("eq", 1, True, False),
        ("eq", 1, "1", False),
        ("eq", None, None, True),
        ("eq", None, 0, False),
        ("ne", 1, 2, True),
        ("ne", 1, "1", True),
        ("ne", 1, 1, False),
        ("lt", 2, 1, True),
        ("lt", 2, 2, False),
        ("le", 2, 2, True),
        ("gt", 2, 3, True),
        ("ge", 2, 2, True),
        ("ge", 2, 1, False),
        ("gt", "a", "b", True),
        ("gt", 1, "2", False),
        ("le", 1, "0", False),
        ("gt", 0, None, False),
        ("gt", 0, True, False),
    ],
)
def test_conditions(op: Operator, value: Scalar, found: Scalar, holds: bool) -> None:
    assert Condition("k", value, op).holds({"k": found}) is holds


@pytest.mark.parametrize("op", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_what_nobody_has_given_meets_nothing(op: Operator) -> None:
    assert not Condition("k", 1, op).holds({"j": 1})


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (SAFE_INTEGER, SAFE_INTEGER),
        (SAFE_INTEGER + 1, str(SAFE_INTEGER + 1)),
        (math.inf, "inf"),
        ("a\0b", "a␀b"),
        (b"\x01\xff", "0x01ff"),
        ([1, {"a": None}], '[1, {"a": null}]'),
        (True, True),
    ],
)
def test_values_are_kept_as_json_can_carry_them(value: object, stored: Scalar) -> None:
    assert scalar(value) == stored


@given(st.from_type(object).filter(lambda v: not isinstance(v, type)) | st.floats() | st.integers() | st.text())
def test_any_value_becomes_a_scalar(value: object) -> None:
    found = scalar(value)
    assert found is None or isinstance(found, bool | int | float | str)
    assert not isinstance(found, float) or math.isfinite(found)
    assert not isinstance(found, int) or isinstance(found, bool) or abs(found) <= SAFE_INTEGER


def test_everything_that_is_wrong_is_said_at_once() -> None:
    conditions = [Condition("k", True, "lt"), *[Condition("k", 1)] * 10]
    found = mistakes({"a b": "c", **{f"n{i}": "c" for i in range(40)}}, conditions, "tasks[0]")
    assert [e.code for e in found] == ["too_many_outputs", "bad_output_name", "too_many_conditions", "bad_condition"]


def test_options_are_read_back_as_they_were() -> None:
    for query in (Query("SELECT 1"), Query("SELECT 1", "true", {"k": "n"})):
        assert Query.of_options(query.as_options()) == query
