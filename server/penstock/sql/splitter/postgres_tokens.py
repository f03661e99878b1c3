"""The lexical structure of PostgreSQL's SQL: bytes in, tokens out, nothing lost in between.

Source of the rules: ``src/backend/parser/scan.l`` and the chapter "Lexical Structure" of the PostgreSQL
manual. Strings are read with ``standard_conforming_strings`` on, which is the default since 9.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple


class Kind(Enum):
    """What a token is, as far as finding the ends of statements needs to know."""

    BLANK = auto()
    COMMENT = auto()
    STRING = auto()
    QUOTED_NAME = auto()
    WORD = auto()
    NUMBER = auto()
    SEMICOLON = auto()
    OPEN = auto()
    CLOSE = auto()
    BACKSLASH = auto()
    OTHER = auto()


class Token(NamedTuple):
    """The bytes ``start`` to ``end``."""

    kind: Kind
    start: int
    end: int


class Unclosed(Exception):
    """A quote or comment that starts at ``start`` never ends."""

    def __init__(self, code: str, start: int) -> None:
        self.code = code
        self.start = start
        super().__init__(code)


_LEAD: Final = re.compile(
    rb"""
      (?P<BLANK>[ \t\n\r\f\v]++)
    | (?P<COMMENT>--[^\n\r]*+)
    | (?P<block>/\*)
    | (?P<escape>[eE]')
    | (?P<string>')
    | (?P<quoted>")
    | (?P<dollar>\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*+)?\$)
    | (?P<WORD>[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*+)
    | (?P<NUMBER>\$?[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?)
    | (?P<SEMICOLON>;)
    | (?P<OPEN>\()
    | (?P<CLOSE>\))
    | (?P<BACKSLASH>\\)
    | (?P<OTHER>[,=<>+*%^&|!~@\#?:\[\]]++|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED_BODY: Final = re.compile(rb"(?:[^'\\]++|\\.|'')*+'", re.DOTALL)
# Two E'' pieces on different lines are one string, and the second piece still has escapes.
_CONTINUED: Final = re.compile(rb"(?>[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?>[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*+'")
_BLOCK_EDGE: Final = re.compile(rb"/\*|\*/")
_PLAIN: Final = {kind.name: kind for kind in Kind}


def tokens(data: bytes, start: int = 0) -> Iterator[Token]:
    """Yield the tokens of ``data`` from ``start`` on: they touch each other, none is empty, together they are
    all of it.

    Raises:
        Unclosed: where the tokens before it have been yielded already.
    """
    at, size = start, len(data)
    while at < size:
        lead = _LEAD.match(data, at)
        assert lead is not None  # the last branch matches any byte
        group, end = lead.lastgroup or "", lead.end()
        kind = _PLAIN.get(group)
        if kind is None:
            kind, end = _quoted(data, group, at, end)
        yield Token(kind, at, end)
        at = end


def _quoted(data: bytes, group: str, start: int, inner: int) -> tuple[Kind, int]:
    if group == "block":
        return Kind.COMMENT, _block_comment(data, start, inner)
    if group == "escape":
        return Kind.STRING, _escape_string(data, start, inner)
    if group == "dollar":
        close = data.find(data[start:inner], inner)
        if close < 0:
            raise Unclosed("unclosed_dollar_quote", start)
        return Kind.STRING, close + inner - start
    return (Kind.STRING if group == "string" else Kind.QUOTED_NAME), _doubled(data, start, inner)


def _doubled(data: bytes, start: int, inner: int) -> int:
    quote = data[start : start + 1]
    while (close := data.find(quote, inner)) >= 0:
        if data[close + 1 : close + 2] != quote:
            return close + 1
        inner = close + 2
    raise Unclosed("unclosed_quote", start)


def _escape_string(data: bytes, start: int, inner: int) -> int:
    while body := _ESCAPED_BODY.match(data, inner):
        continued = _CONTINUED.match(data, body.end())
        if continued is None:
            return body.end()
        inner = continued.end()
    raise Unclosed("unclosed_quote", start)


def _block_comment(data: bytes, start: int, inner: int) -> int:
    depth = 1
    for edge in _BLOCK_EDGE.finditer(data, inner):
        depth += 1 if edge[0] == b"/*" else -1
        if depth == 0:
            return edge.end()
    raise Unclosed("unclosed_comment", start)
