"""A MySQL or MariaDB statement as its significant tokens, with what stands in versioned comments marked as such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from penstock.sql.splitter.mysql_tokens import Dialect, Kind, Lexer, LoneReturn, Unclosed

_SKIPPED: Final = frozenset({Kind.BLANK, Kind.COMMENT, Kind.VERSIONED_CLOSE})


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


_KINDS: Final = {Kind.WORD: "word", Kind.QUOTED_NAME: "name", Kind.STRING: "string"}


def read(text: str, dialect: Dialect) -> list[Word]:
    """The significant tokens of one statement, as far as they can be read."""
    return list(_read(text.encode(), dialect))


def outside(words: Sequence[Word]) -> list[Word]:
    """What is left when the server runs none of the versioned comments."""
    return [word for word in words if not word.piece]


def _read(data: bytes, dialect: Dialect) -> Iterator[Word]:
    lexer = Lexer(data, dialect=dialect)
    lexer.delimiter = None
    piece, inside = 0, False
    try:
        for token in lexer.tokens():
            if token.kind is Kind.VERSIONED_OPEN:
                piece, inside = piece + 1, True
            elif token.kind is Kind.VERSIONED_CLOSE:
                inside = lexer.in_versioned
            if token.kind in _SKIPPED or token.kind is Kind.VERSIONED_OPEN:
                continue
            raw = data[token.start : token.end].decode()
            yield _word(_KINDS.get(token.kind, "sign"), raw, piece if inside else 0)
    except (Unclosed, LoneReturn):
        return  # the splitter refuses such texts; what came before is all that there is to see


def _word(kind: str, raw: str, piece: int) -> Word:
    if kind == "word":
        return Word(raw.upper(), kind, raw, piece)
    if kind == "sign":
        return Word(raw, kind, raw, piece)
    quote = raw[0]
    return Word(raw[1:-1].replace(quote * 2, quote), kind, raw, piece)
