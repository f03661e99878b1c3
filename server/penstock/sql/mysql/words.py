"""A MySQL or MariaDB statement as its significant tokens, with what stands in versioned comments marked as such."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from penstock.sql.splitter.mysql_tokens import Dialect


class Word(NamedTuple):
    """One token that means something.

    Args:
        text: a bare word in upper case, a sign as it is; the content of a quoted name or string, unescaped as far as
            doubled quotes go.
        kind: ``word``, ``name`` (in backticks), ``string`` or ``sign``.
        raw: as it is written.
        piece: 0 outside versioned comments, else which one, counted from 1.
    """

    text: str
    kind: str
    raw: str
    piece: int = 0

    @property
    def is_name(self) -> bool:
        """Whether it may name an object."""
        return self.kind in ("word", "name")

    @property
    def name(self) -> str:
        """As the name of an object."""
        return self.text if self.kind == "name" else self.raw


def read(text: str, dialect: Dialect) -> list[Word]:
    """The significant tokens of one statement, as far as they can be read: the splitter refuses what cannot."""
    return list(_read(text, _token(dialect)))


def outside(words: Sequence[Word]) -> list[Word]:
    """What is left when the server runs none of the versioned comments."""
    return [word for word in words if not word.piece]


@lru_cache
def _token(dialect: Dialect) -> re.Pattern[str]:
    """The same tokens as those of `penstock.sql.splitter.mysql_tokens`, without a delimiter."""
    versioned = r"/\*M?!" if dialect.mariadb else r"/\*!"
    escaped = r"'(?:[^'\\]++|\\.|'')*+'" + ("" if dialect.ansi_quotes else r'|"(?:[^"\\]++|\\.|"")*+"')
    plain = r"'[^']*+(?:''[^']*+)*+'" + ("" if dialect.ansi_quotes else r'|"[^"]*+(?:""[^"]*+)*+"')
    names = r"`[^`]*+(?:``[^`]*+)*+`" + (r'|"[^"]*+(?:""[^"]*+)*+"' if dialect.ansi_quotes else "")
    return re.compile(
        r"[ \t\n\r\f\v]++"
        r"|(?:\#|--(?=[\x00-\x20\x7f]|\Z))[^\n\r]*+(?=\n|\r\n|\r?\Z)"
        rf"|(?!{versioned})/\*(?s:.*?)\*/"
        r"|(?P<word>[A-Za-z0-9_$\x80-\U0010ffff]++)"
        rf"|(?P<string>{escaped if dialect.backslash_escapes else plain})"
        rf"|(?P<name>{names})"
        rf"|(?P<open>{versioned}(?:[0-9]{{5,6}})?)"
        r"|(?P<close>\*/)"
        r"|(?P<unclosed>['\"`\#]|/\*|--(?=[\x00-\x20\x7f]))"
        r"|(?P<sign>.)",
        re.DOTALL,
    )


def _read(text: str, token: re.Pattern[str]) -> Iterator[Word]:
    piece = depth = 0
    inside = 0  # the piece that the word stands in, 0 outside
    at, match = 0, token.match
    while found := match(text, at):
        at, kind = found.end(), found.lastgroup
        if kind is None:
            continue  # blanks and comments
        raw = found[0]
        if kind == "word":
            yield Word(raw.upper(), kind, raw, inside)
        elif kind == "sign":
            yield Word(raw, kind, raw, inside)
        elif kind == "close" and not depth:
            yield Word("*", "sign", "*", inside)
            at -= 1  # it closes nothing: the slash may open something
        elif kind == "open":
            piece, depth = piece + 1, depth + 1
            inside = piece
        elif kind == "close":
            depth -= 1
            inside = piece if depth else 0
        elif kind == "unclosed":
            return
        else:
            quote = raw[0]
            yield Word(raw[1:-1].replace(quote * 2, quote), kind, raw, inside)
