"""Finds the ends of PostgreSQL statements the way psql does, plus what psql alone would do and a server
cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NoReturn

from penstock.sql.errors import SplitError
from penstock.sql.position import BOM, Positions
from penstock.sql.splitter.postgres_simple import SIMPLE
from penstock.sql.splitter.postgres_tokens import Kind, Token, Unclosed, tokens
from penstock.sql.statement import Statement

_BETWEEN: Final = frozenset({Kind.BLANK, Kind.COMMENT})
_ROUTINES: Final = (
    (b"CREATE", b"FUNCTION"),
    (b"CREATE", b"PROCEDURE"),
    (b"CREATE", b"OR", b"REPLACE", b"FUNCTION"),
    (b"CREATE", b"OR", b"REPLACE", b"PROCEDURE"),
)
_UNCLOSED: Final = {
    "unclosed_quote": "The quote that opens here is never closed.",
    "unclosed_comment": "The comment that opens here is never closed.",
    "unclosed_dollar_quote": "The dollar quote that opens here is never closed.",
}


def statements(data: bytes, positions: Positions) -> Iterator[Statement]:
    """Cut UTF-8 bytes without NUL into statements; see `penstock.sql.splitter.statements`."""
    at = len(BOM) if data.startswith(BOM) else 0
    index, size = 0, len(data)
    while at < size:
        if simple := SIMPLE.match(data, at):
            start, end = simple.span("statement")
            at = simple.end()
        else:
            current, at = _read(data, positions, at)
            if current.start is None:
                return
            if current.copies_from_stdin:
                message = "COPY … FROM STDIN carries its rows outside SQL; write INSERT statements instead."
                _refuse(positions, current.start, message, "copy_from_stdin")
            start, end = current.start, current.end
        yield Statement(index, start, end, *positions.of(start), data[start:end].decode())
        index += 1


def _read(data: bytes, positions: Positions, at: int) -> tuple[_Open, int]:
    """Read one statement token by token; returns it with where the next may begin."""
    current = _Open()
    try:
        for token in tokens(data, at):
            if token.kind in _BETWEEN:
                continue
            if token.kind is Kind.BACKSLASH:
                message = "Commands of psql (a backslash outside quotes) mean nothing to a server; use SQL."
                _refuse(positions, token.start, message, "client_metacommand")
            if token.kind is not Kind.SEMICOLON or not current.may_end:
                current.add(data, token)
            elif current.start is not None:
                return current, token.end
    except Unclosed as error:
        _refuse(positions, error.start, _UNCLOSED[error.code], error.code)
    return current, len(data)


def _refuse(positions: Positions, offset: int, message: str, code: str) -> NoReturn:
    line, column = positions.of(offset)
    raise SplitError(message, line, column, code)


class _Open:
    """The statement that is being read: just enough of it to know where it may end."""

    def __init__(self) -> None:
        self.start: int | None = None
        self.end = 0
        self.copies_from_stdin = False
        self._words: list[bytes] = []  # the first four, to know what it is
        self._parentheses = 0
        self._body = 0  # nesting of BEGIN ATOMIC … END, CASE … END counted
        self._previous = b""

    @property
    def may_end(self) -> bool:
        """Whether a semicolon here is the statement's end: CREATE RULE has some in parentheses, bodies have
        their own."""
        return self._parentheses == 0 and self._body == 0

    def add(self, data: bytes, token: Token) -> None:
        """Read one token that is neither blank nor comment."""
        if self.start is None:
            self.start = token.start
        self.end = token.end
        if token.kind is Kind.WORD:
            # No keyword that matters here is longer; a megabyte-long word need not be copied.
            word = data[token.start : min(token.end, token.start + 10)].upper()
            if len(self._words) < 4:
                self._words.append(word)
            if self._parentheses == 0:
                self._read_word(word)
            self._previous = word
            return
        if token.kind is Kind.OPEN:
            self._parentheses += 1
        elif token.kind is Kind.CLOSE:
            self._parentheses = max(0, self._parentheses - 1)
        self._previous = data[token.start : token.start + 1] if token.kind is Kind.OTHER else b""
        if len(self._words) < 4:
            self._words.append(b"")

    def _read_word(self, word: bytes) -> None:
        if word == b"STDIN" and self._previous == b"FROM" and self._words[0] == b"COPY":
            self.copies_from_stdin = True
        if self._previous in (b"AS", b"."):
            return  # a label, which may be any keyword: SELECT a AS end, t.case
        if word == b"ATOMIC" and self._previous == b"BEGIN" and self._body == 0 and self._is_routine:
            self._body = 1
        elif self._body and word == b"CASE":
            self._body += 1
        elif self._body and word == b"END":
            self._body -= 1

    @property
    def _is_routine(self) -> bool:
        return any(tuple(self._words[: len(start)]) == start for start in _ROUTINES)
