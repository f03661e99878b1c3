"""Label selectors, written as Kubernetes writes them: ``env=prod,tier in (gold,silver),!legacy``.

Requirements are separated by commas and must all hold: ``key`` (has it), ``!key`` (has it not), ``key=value`` or
``key==value``, ``key!=value``, ``key in (a,b)``, ``key notin (a,b)``.  As there, ``!=`` and ``notin`` also hold where
the label is missing.  What holds a blank or one of ``,()=!"`` is put in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from penstock.domain.errors import FieldError, ValidationFailed

Operator = Literal["in", "notin", "exists", "absent"]

_TOKEN: Final = re.compile(r'\s*(?:(?P<mark>==|!=|[=!(),])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s,()=!"]+))')
_BARE: Final = re.compile(r'[^\s,()=!"\\]+')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label must be.

    Args:
        values: of ``in`` and ``notin``, each once, in order; otherwise none.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet it."""
        if self.operator == "exists":
            return self.key in labels
        if self.operator == "absent":
            return self.key not in labels
        return (labels.get(self.key) in self.values) == (self.operator == "in")

    def __str__(self) -> str:
        key = _spelled(self.key, keyword=True)
        if self.operator == "exists":
            return key
        if self.operator == "absent":
            return f"!{key}"
        if len(self.values) == 1:
            return f"{key}{'=' if self.operator == 'in' else '!='}{_spelled(self.values[0])}"
        return f"{key} {self.operator} ({','.join(map(_spelled, self.values))})"


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet every requirement."""
        return all(r.matches(labels) for r in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


def parse(text: str, field: str = "selector") -> Selector:
    """Read a selector.

    Args:
        field: what a mistake is reported for.

    Raises:
        ValidationFailed: it cannot be read; says where and what was expected.
    """
    return _Reader(text, field).selector()


def _spelled(word: str, *, keyword: bool = False) -> str:
    bare = _BARE.fullmatch(word) and not (keyword and word in ("in", "notin"))
    return word if bare else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class _Token:
    """A mark such as ``==``, or a word; ``at`` counts characters from 1."""

    text: str
    is_mark: bool
    at: int
    quoted: bool = False


class _Reader:
    def __init__(self, text: str, field: str) -> None:
        self._field = field
        self._end = len(text) + 1
        self._tokens = list(self._read(text))
        self._next = 0

    def _read(self, text: str) -> list[_Token]:
        found, at = [], 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                start = at + len(text[at:]) - len(text[at:].lstrip())
                raise self._mistake("a closing double quote", "the end", start + 1)
            if match["mark"] is not None:
                found.append(_Token(match["mark"], True, match.start("mark") + 1))
            elif match["word"] is not None:
                found.append(_Token(match["word"], False, match.start("word") + 1))
            else:
                found.append(_Token(_ESCAPED.sub(r"\1", match["quoted"]), False, match.start("quoted"), quoted=True))
            at = match.end()
        return found

    def selector(self) -> Selector:
        found = [self._requirement()]
        while self._peek() is not None:
            self._mark(",")
            found.append(self._requirement())
        return Selector(tuple(dict.fromkeys(found)))

    def _requirement(self) -> Requirement:
        if self._took("!"):
            return Requirement(self._key(), "absent")
        key = self._key()
        for mark, operator in (("=", "in"), ("==", "in"), ("!=", "notin")):
            if self._took(mark):
                return Requirement(key, operator, (self._value(),))  # type: ignore[arg-type]  # both are operators
        token = self._peek()
        if token is not None and not token.is_mark and not token.quoted and token.text in ("in", "notin"):
            self._next += 1
            return Requirement(key, "in" if token.text == "in" else "notin", self._values())
        return Requirement(key, "exists")

    def _key(self) -> str:
        token = self._peek()
        if token is None or token.is_mark or not token.text:
            raise self._expected("the name of a label")
        self._next += 1
        return token.text

    def _value(self) -> str:
        """A value; none at all is the empty one."""
        token = self._peek()
        if token is None or token.is_mark:
            return ""
        self._next += 1
        return token.text

    def _values(self) -> tuple[str, ...]:
        self._mark("(")
        found = [self._value()]
        while self._took(","):
            found.append(self._value())
        self._mark(")")
        return tuple(dict.fromkeys(found))

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _took(self, mark: str) -> bool:
        token = self._peek()
        found = token is not None and token.is_mark and token.text == mark
        self._next += found
        return found

    def _mark(self, mark: str) -> None:
        if not self._took(mark):
            raise self._expected({",": "a comma", "(": "an opening bracket", ")": "a comma or a closing bracket"}[mark])

    def _expected(self, what: str) -> ValidationFailed:
        token = self._peek()
        if token is None:
            return self._mistake(what, "the end", self._end)
        return self._mistake(what, f"“{token.text}”", token.at)

    def _mistake(self, what: str, instead: str, at: int) -> ValidationFailed:
        message = f"Character {at}: expected {what}, found {instead}. Write for example env=prod,tier in (a,b),!legacy."
        return ValidationFailed(errors=[FieldError(self._field, message, "bad_selector")], code="bad_selector")
