"""Finds the ends of MySQL and MariaDB statements the way the ``mariadb`` client does, and refuses what only a client
could do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NoReturn

from penstock.sql.errors import SplitError
from penstock.sql.position import BOM, Positions
from penstock.sql.splitter.mysql_simple import CERTAIN, CLIENT_COMMANDS, simple
from penstock.sql.splitter.mysql_tokens import SEMICOLON, Dialect, Kind, Lexer, LoneReturn, Token, Unclosed
from penstock.sql.statement import Statement

_BETWEEN: Final = frozenset({Kind.BLANK, Kind.COMMENT})
_UNCLOSED: Final = {
    "unclosed_quote": "The quote that opens here is never closed.",
    "unclosed_comment": "The comment that opens here is never closed.",
}
_LONGEST_DELIMITER: Final = 16  # of the client
_MOST_DELIMITERS: Final = 32  # in one script; each has to be prepared for
_ROUTINES: Final = frozenset({b"PROCEDURE", b"FUNCTION", b"TRIGGER", b"EVENT", b"PACKAGE"})
_NO_ROUTINES: Final = frozenset(b"TABLE VIEW INDEX DATABASE SCHEMA USER ROLE SEQUENCE SERVER TEMPORARY".split())
_LINE: Final = re.compile(rb"[^\n]*+")
_ARGUMENT: Final = re.compile(rb"""[ \t\v\f\r]*+(?:(["'`])(?P<quoted>[^"'`]*+)\1|(?P<plain>[^\s"'`]*+))""")
_REST: Final = re.compile(rb"\s*+(?:(?:--|\#).*+|/\*[^*]*+\*/\s*+)?+", re.DOTALL)
_OTHER_DELIMITER: Final = re.compile(rb"[ \t]++[;$/|&^~!@%]++[ \t\r]*+(?:\n|\Z)")


def statements(data: bytes, positions: Positions, dialect: Dialect) -> Iterator[Statement]:
    """Cut UTF-8 bytes without NUL into statements; see `penstock.sql.splitter.statements`."""
    return _Splitter(data, positions, dialect).run()


class _Splitter:
    """One pass over one text. Use once."""

    def __init__(self, data: bytes, positions: Positions, dialect: Dialect) -> None:
        self._data = data
        self._positions = positions
        self._ordinary = dialect.backslash_escapes and not dialect.ansi_quotes
        self._current = _Open()
        self._delimiters: set[bytes] = set()
        self._lexer = Lexer(data, len(BOM) if data.startswith(BOM) else 0, dialect)

    def run(self) -> Iterator[Statement]:
        """The statements in order. Raises `SplitError`."""
        data, lexer, of = self._data, self._lexer, self._positions.of
        index, size = 0, len(data)
        while lexer.at < size:
            if self._ordinary and (found := simple(lexer.delimiter).match(data, lexer.at)):
                start, end = found.span("statement")
                lexer.at = found.end()
            else:
                current = self._one()
                if current.start is None:
                    continue
                start, end = current.start, current.end
            yield Statement(index, start, end, *of(start), data[start:end].decode())
            index += 1

    def _one(self) -> _Open:
        """Read token by token to the end of a statement or of a DELIMITER line."""
        self._current = _Open()
        try:
            for token in self._lexer.tokens():
                if token.kind is Kind.DELIMITER or self._is_end(token):
                    if self._current.start is not None or self._lexer.in_versioned:
                        break
                elif token.kind not in _BETWEEN and self._read(token):
                    break
        except Unclosed as error:
            self._refuse(error.start, _UNCLOSED[error.code], error.code)
        except LoneReturn as error:
            message = "The server reads on past this lone carriage return, so the comment does not end; use line feeds."
            self._refuse(error.start, message, "lone_carriage_return")
        self._check_end()
        return self._current

    def _is_end(self, token: Token) -> bool:
        """Whether it is a semicolon that ends the statement although the delimiter is another."""
        semicolon = token.kind is Kind.OTHER and self._data[token.start] == SEMICOLON[0]
        return semicolon and not self._lexer.in_versioned and self._current.has_no_body

    def _read(self, token: Token) -> bool:
        """Read a token; returns whether it was a whole DELIMITER line."""
        if token.kind is Kind.BACKSLASH and self._data[token.end : token.end + 1] != b"N":  # \N is NULL
            message = "Commands of the client (a backslash outside quotes) mean nothing to a server; use SQL."
            self._refuse(token.start, message, "client_metacommand")
        if token.kind is Kind.WORD:
            return self._word(token)
        self._current.add(token, self._data[token.start : token.start + 1])
        return False

    def _word(self, token: Token) -> bool:
        # No keyword that matters here is longer; a megabyte-long word need not be copied.
        word = self._data[token.start : min(token.end, token.start + 12)].upper()
        if word == b"DELIMITER":
            if self._current.start is None:
                self._set_delimiter(token)
                return True
            if _OTHER_DELIMITER.match(self._data, token.end):
                message = "DELIMITER is a command of the client: end the statement before it."
                self._refuse(token.start, message, "bad_delimiter")
        if self._current.start is None and word in CLIENT_COMMANDS:
            message = f"{word.decode()} is a command of the client, which means nothing to a server."
            self._refuse(token.start, message, "client_metacommand")
        self._current.add_word(token, word)
        return False

    def _set_delimiter(self, token: Token) -> None:
        line = _LINE.match(self._data, token.end)
        assert line is not None  # matches nothing, too
        argument = _ARGUMENT.match(line[0])
        assert argument is not None  # likewise
        delimiter = argument["plain"] if argument["quoted"] is None else argument["quoted"]
        blank = line[0][:1].isspace()
        if not delimiter or not blank or len(delimiter) > _LONGEST_DELIMITER or b"\\" in delimiter:
            message = "DELIMITER needs an argument of 1 to 16 characters without blanks, quotes and backslashes."
            self._refuse(token.start, message, "bad_delimiter")
        if b"\r" in line[0][:-1] or not _REST.fullmatch(line[0], argument.end()):
            # The client would throw it away without a word.
            self._refuse(token.start, "Nothing but a comment may follow DELIMITER on its line.", "bad_delimiter")
        self._delimiters.add(delimiter)
        if len(self._delimiters) > _MOST_DELIMITERS:
            message = f"This is the {len(self._delimiters)}th delimiter of this script; {_MOST_DELIMITERS} are enough."
            self._refuse(token.start, message, "bad_delimiter")
        self._lexer.delimiter = delimiter
        self._lexer.at = line.end()

    def _check_end(self) -> None:
        """Whether the statement may end here."""
        current = self._current
        if self._lexer.in_versioned:
            assert current.versioned is not None  # it was opened within this statement
            self._refuse(current.versioned, _UNCLOSED["unclosed_comment"], "unclosed_comment")
        if current.start is not None and self._lexer.delimiter == SEMICOLON and current.in_body:
            message = "The body of this routine is cut at its first semicolon; put DELIMITER lines around it."
            self._refuse(current.start, message, "unclosed_compound")

    def _refuse(self, offset: int, message: str, code: str) -> NoReturn:
        line, column = self._positions.of(offset)
        raise SplitError(message, line, column, code)


class _Open:
    """The statement that is being read: where it is, and whether it is inside a routine's body."""

    def __init__(self) -> None:
        self.start: int | None = None
        self.end = 0
        self.versioned: int | None = None
        self._first = b""
        self._object = b""  # what is created
        self._previous = b""
        self._body = 0  # BEGIN and CASE that are not ended; what a routine's body is made of stands inside a BEGIN

    @property
    def in_body(self) -> bool:
        """Whether a routine's BEGIN has no END yet."""
        return self._body > 0

    @property
    def has_no_body(self) -> bool:
        """Whether it is known to be none of those statements that may hold others."""
        return self._first in CERTAIN or self._object in _NO_ROUTINES or not self._first

    def add(self, token: Token, text: bytes = b"") -> None:
        """Read a token that is no word; of one byte, when its text is given."""
        if self.start is None:
            self.start = token.start
        self.end = token.end
        if token.kind is Kind.VERSIONED_OPEN:
            self.versioned = token.start
        elif token.kind is not Kind.VERSIONED_CLOSE:
            self._previous = text
            self._first = self._first or text

    def add_word(self, token: Token, word: bytes) -> None:
        """Read a word, given in upper case."""
        previous, first = self._previous, self._first
        self.add(token, word)
        if first == b"BEGIN" and previous == b"BEGIN" and word == b"NOT":
            self._object, self._body = b"BLOCK", 1  # BEGIN NOT ATOMIC, MariaDB's nameless block
        elif (first, previous, word) == (b"SET", b"SET", b"STATEMENT"):
            self._first = b"SET STATEMENT"  # what it is for stands further on
        elif first in (b"CREATE", b"ALTER") and not self._object:
            if word in _ROUTINES or word in _NO_ROUTINES:
                self._object = word
        elif (self._object == b"BLOCK" or self._object in _ROUTINES) and previous != b".":
            if word == b"BEGIN" or (word == b"CASE" and self._body):
                self._body += 1
            elif word == b"END" and self._body:
                self._body -= 1
