"""What a ``database.query`` task may ask for, and what its answer means: the expectation, the outputs, the conditions.

Pure: engines read the rows, this judges them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from penstock.domain.errors import FieldError

Scalar: TypeAlias = bool | int | float | str | None
Expectation: TypeAlias = Literal["no_rows", "true"]
Operator: TypeAlias = Literal["eq", "ne", "lt", "le", "gt", "ge"]

MOST_ROWS: Final = 100  # are read of an answer
MOST_ROW_BYTES: Final = 65_536
SHOWN_ROWS: Final = 5
SHOWN_TEXT: Final = 200  # characters of a value in a failure
MOST_OUTPUTS: Final = 32
MOST_TEXT: Final = 1_000  # characters of an output's value
MOST_CONDITIONS: Final = 10
SAFE_INTEGER: Final = 2**53 - 1  # what every reader of JSON reads as it was written
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True, slots=True)
class Answer:
    """The first rows of a query's answer.

    Args:
        columns: their names, which need not differ; empty when there is no row.
        more: the server had further rows.
        booleans: the server has them; one that has none says 1 for true.
    """

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Scalar]] = ()
    more: bool = False
    booleans: bool = True

    @property
    def count(self) -> str:
        """How many rows there are, as far as anybody looked."""
        if self.more:
            return f"{len(self.rows)} rows and more"
        return "1 row" if len(self.rows) == 1 else f"{len(self.rows)} rows" if self.rows else "no row"


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison with an output of a task before; see `Condition.holds`."""

    output: str
    value: Scalar
    op: Operator = "eq"

    def holds(self, outputs: Mapping[str, Scalar]) -> bool:
        """Whether it is met.  An output that nobody has given meets nothing, nor does one of another kind."""
        if self.output not in outputs:
            return False
        found = outputs[self.output]
        if self.op in ("eq", "ne"):
            same = _kind(found) == _kind(self.value) and found == self.value
            return same == (self.op == "eq")
        if _kind(found) != _kind(self.value) or _kind(found) not in ("number", "text"):
            return False
        before, same = found < self.value, found == self.value  # type: ignore[operator]  # both numbers, or both texts
        return {"lt": before, "le": before or same, "gt": not (before or same), "ge": not before}[self.op]


@dataclass(frozen=True, slots=True)
class Query:
    """What a query task asks for.

    Args:
        statement: one SELECT.
        expect: ``no_rows``; ``true``, which is one row with one true value; None when any answer will do.
        output: name -> column of the first row; None takes every column that can be one, by its own name.
    """

    statement: str
    expect: Expectation | None = None
    output: Mapping[str, str] | None = None

    def as_options(self) -> dict[str, Any]:
        """As it is stored with its task, and so covered by the digest."""
        return {
            "statement": self.statement,
            "expect": self.expect,
            "output": dict(self.output) if self.output is not None else None,
        }

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> Query:
        """Read back what `as_options` gave."""
        return cls(options["statement"], options["expect"], options["output"])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means: the outputs, or why the task fails.

    Args:
        left_out: columns that are no outputs, although nobody named those that should be.
        data: the first rows, where the answer is not what was expected.
    """

    outputs: Mapping[str, Scalar] = field(default_factory=dict)
    left_out: Sequence[str] = ()
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    data: Mapping[str, Any] | None = None


def judge(query: Query, answer: Answer) -> Verdict:
    """Compare an answer with what was expected, and take the outputs from its first row."""
    if query.expect == "no_rows" and answer.rows:
        message = f"The query was to find no row, and it found {answer.count}."
        return Verdict(code="unexpected_rows", message=message, data=_shown(answer))
    if query.expect == "true" and not _is_true(answer):
        message = f"The query was to answer one row with one true value, and it answered {_described(answer)}."
        return Verdict(code="not_true", message=message, data=_shown(answer))
    if not answer.rows:
        return Verdict() if not query.output else _no_row(query.output)
    return _named(query.output, answer) if query.output is not None else _all(answer)


def _is_true(answer: Answer) -> bool:
    if len(answer.rows) != 1 or answer.more or len(answer.rows[0]) != 1:
        return False
    value = answer.rows[0][0]
    return value is True or (not answer.booleans and isinstance(value, int) and value == 1)


def _described(answer: Answer) -> str:
    if len(answer.rows) == 1 and len(answer.rows[0]) == 1:
        return json.dumps(_short(answer.rows[0][0]), ensure_ascii=False)
    return answer.count if len(answer.rows) != 1 else f"1 row with {len(answer.rows[0])} columns"


def _no_row(wanted: Mapping[str, str]) -> Verdict:
    names = ", ".join(wanted)
    message = f"The query answered no row, so there is nothing to take {names} from."
    return Verdict(code="no_output", message=message, hint="Let it answer a row in any case, as an aggregate does.")


def _named(wanted: Mapping[str, str], answer: Answer) -> Verdict:
    first = dict(zip(answer.columns, answer.rows[0], strict=True))
    outputs: dict[str, Scalar] = {}
    for name, column in wanted.items():
        if column not in first:
            there = ", ".join(answer.columns)[:500]
            message = f"The output {name} is to be the column {column}, which the answer does not have."
            return Verdict(code="no_output", message=message, hint=f"It has {there}.")
        if _too_long(first[column]):
            message = f"The output {name} has more than {MOST_TEXT:,} characters."
            return Verdict(code="output_too_long", message=message, hint="Have the query answer less, or a digest.")
        outputs[name] = first[column]
    return Verdict(outputs)


def _all(answer: Answer) -> Verdict:
    outputs: dict[str, Scalar] = {}
    left_out: list[str] = []
    for name, value in zip(answer.columns, answer.rows[0], strict=True):
        if name in outputs or not NAME.fullmatch(name) or _too_long(value) or len(outputs) == MOST_OUTPUTS:
            left_out.append(name)
        else:
            outputs[name] = value
    return Verdict(outputs, left_out)


def _too_long(value: Scalar) -> bool:
    return isinstance(value, str) and len(value) > MOST_TEXT


def _shown(answer: Answer) -> dict[str, Any]:
    rows = [[_short(value) for value in row[:MOST_OUTPUTS]] for row in answer.rows[:SHOWN_ROWS]]
    return {
        "columns": [c[:SHOWN_TEXT] for c in answer.columns[:MOST_OUTPUTS]],
        "rows": rows,
        "found": len(answer.rows),
        "more": answer.more,
    }


def _short(value: Scalar) -> Scalar:
    return value[: SHOWN_TEXT - 1] + "…" if isinstance(value, str) and len(value) > SHOWN_TEXT else value


def scalar(value: object) -> Scalar:
    """A value as JSON can carry it without loss: what is no boolean, number or text becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value.replace("\0", "\N{SYMBOL FOR NULL}")
    if isinstance(value, bytes | bytearray):
        return "0x" + value[:MOST_TEXT].hex()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _kind(value: Scalar) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def mistakes(output: Mapping[str, str] | None, conditions: Sequence[Condition], field: str) -> Iterator[FieldError]:
    """What is wrong with a task's outputs and conditions by themselves.

    Args:
        field: where the task stands in the request.
    """
    if output is not None and len(output) > MOST_OUTPUTS:
        yield FieldError(f"{field}.output", f"A query has at most {MOST_OUTPUTS} outputs.", "too_many_outputs")
    for name in output or ():
        if not NAME.fullmatch(name):
            message = f"An output is named like a variable, with at most 63 characters, not {name[:100]!r}."
            yield FieldError(f"{field}.output", message, "bad_output_name")
    if len(conditions) > MOST_CONDITIONS:
        yield FieldError(f"{field}.only_if", f"Give at most {MOST_CONDITIONS} conditions.", "too_many_conditions")
    for n, condition in enumerate(conditions):
        if condition.op not in ("eq", "ne") and _kind(condition.value) not in ("number", "text"):
            message = "Numbers and texts have an order; for anything else compare with eq or ne."
            yield FieldError(f"{field}.only_if[{n}].value", message, "bad_condition")
