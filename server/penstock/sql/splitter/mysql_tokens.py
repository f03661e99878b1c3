"""The lexical structure of MySQL's and MariaDB's SQL: bytes in, tokens out, nothing lost in between.

Source of the rules: ``sql/sql_lex.cc`` of both servers, and ``client/mysql.cc`` for the delimiter, which the client
looks for before anything else, even in the middle of a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

SEMICOLON: Final = b";"


class Kind(Enum):
    """What a token is, as far as finding the ends of statements needs to know."""

    BLANK = auto()
    COMMENT = auto()
    VERSIONED_OPEN = auto()  # /*! or /*!50100: what follows is SQL
    VERSIONED_CLOSE = auto()
    STRING = auto()
    QUOTED_NAME = auto()
    WORD = auto()
    DELIMITER = auto()
    BACKSLASH = auto()
    OTHER = auto()


class Token(NamedTuple):
    """The bytes ``start`` to ``end``."""

    kind: Kind
    start: int
    end: int


class Dialect(NamedTuple):
    """How a session reads text.

    Args:
        mariadb: ``/*M! … */`` is SQL as well; to MySQL it is a comment.
        backslash_escapes: off under ``NO_BACKSLASH_ESCAPES``.
        ansi_quotes: double quotes hold names.
    """

    mariadb: bool = True
    backslash_escapes: bool = True
    ansi_quotes: bool = False


class Unclosed(Exception):
    """A quote or comment that starts at ``start`` never ends."""

    def __init__(self, code: str, start: int) -> None:
        self.code = code
        self.start = start
        super().__init__(code)


class LoneReturn(Exception):
    """A comment has a carriage return at ``start`` that is no line end to the server, but is one to an editor."""

    def __init__(self, start: int) -> None:
        self.start = start
        super().__init__(start)


_ESCAPED: Final = {
    b"'": re.compile(rb"(?:[^'\\]++|\\.|'')*+'", re.DOTALL),
    b'"': re.compile(rb'(?:[^"\\]++|\\.|"")*+"', re.DOTALL),
}
_PLAIN: Final = {kind.name: kind for kind in Kind}


class Lexer:
    """Reads one text. The delimiter may change between two tokens; within versioned comments ``*/`` closes them."""

    def __init__(self, data: bytes, start: int = 0, dialect: Dialect = Dialect()) -> None:  # noqa: B008, immutable
        self.delimiter: bytes | None = SEMICOLON
        self.at = start
        self._data = data
        self._dialect = dialect
        self._versioned = 0

    @property
    def in_versioned(self) -> bool:
        """Whether the next token stands inside a versioned comment."""
        return self._versioned > 0

    def close_versioned(self) -> None:
        """Forget about versioned comments that are open: the client has cut them off."""
        self._versioned = 0

    def tokens(self) -> Iterator[Token]:
        """Yield the tokens that are left: they touch each other and none is empty.

        Raises:
            Unclosed, LoneReturn: where the tokens before it have been yielded already.
        """
        size = len(self._data)
        while self.at < size:
            token = self._next()
            self.at = token.end
            yield token

    def _next(self) -> Token:
        data, at = self._data, self.at
        lead = _lead(self.delimiter).match(data, at)
        assert lead is not None  # the last branch matches any byte
        group, end = lead.lastgroup or "", lead.end()
        if group in _PLAIN:
            return Token(_PLAIN[group], at, end)
        if group == "line":
            if lone := _LONE_RETURN.search(data, at, end):
                raise LoneReturn(lone.start())
            return Token(Kind.COMMENT, at, end)
        if group == "quote":
            return self._quoted(at, end)
        if group == "close" and self._versioned:
            self._versioned -= 1
            return Token(Kind.VERSIONED_CLOSE, at, end)
        if group == "open":
            return self._comment(at)
        return Token(Kind.OTHER, at, at + 1)  # a "*/" that closes nothing

    def _comment(self, at: int) -> Token:
        versioned = _VERSIONED.match(self._data, at)
        if versioned and (self._dialect.mariadb or not versioned["mariadb"]):
            self._versioned += 1
            return Token(Kind.VERSIONED_OPEN, at, versioned.end())
        close = self._data.find(b"*/", at + 2)
        if close < 0:
            raise Unclosed("unclosed_comment", at)
        return Token(Kind.COMMENT, at, close + 2)

    def _quoted(self, at: int, inner: int) -> Token:
        quote = self._data[at:inner]
        is_name = quote == b"`" or (quote == b'"' and self._dialect.ansi_quotes)
        kind = Kind.QUOTED_NAME if is_name else Kind.STRING
        if self._dialect.backslash_escapes and not is_name:
            body = _ESCAPED[quote].match(self._data, inner)
            if body is None:
                raise Unclosed("unclosed_quote", at)
            return Token(kind, at, body.end())
        while (close := self._data.find(quote, inner)) >= 0:
            if self._data[close + 1 : close + 2] != quote:
                return Token(kind, at, close + 1)
            inner = close + 2
        raise Unclosed("unclosed_quote", at)


_VERSIONED: Final = re.compile(rb"/\*(?P<mariadb>M)?!(?:[0-9]{5,6})?")
_LONE_RETURN: Final = re.compile(rb"\r(?!\n|\Z)")


@lru_cache(maxsize=64)
def _lead(delimiter: bytes | None) -> re.Pattern[bytes]:
    cut = re.escape(delimiter) if delimiter else rb"(?!)"
    word = rb"[A-Za-z0-9_$\x80-\xff]"
    return re.compile(
        rb"""
          (?P<DELIMITER>"""
        + cut
        + rb""")
        | (?P<BLANK>[ \t\n\r\f\v]++)
        | (?P<line>\#[^\n]*+|--(?=[\x00-\x20\x7f]|\Z)[^\n]*+)
        | (?P<quote>['"`])
        | (?P<open>/\*)
        | (?P<close>\*/)
        | (?P<WORD>(?:(?!"""
        + cut
        + rb""")"""
        + word
        + rb""")++)
        | (?P<BACKSLASH>\\)
        | (?P<OTHER>.)
        """,
        re.VERBOSE | re.DOTALL,
    )
