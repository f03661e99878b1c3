"""PostgreSQL's own grammar (libpg_query, version 18) as plain Python values: an adapter around one C
function.

The JSON form is used because the protobuf form gives up on expressions nested a few dozen levels deep. What
the grammar does not know is a `ParseError`, never a guess.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from postgast.native import lib

from penstock.sql.splitter.postgres_tokens import Kind, Unclosed, tokens

MAX_CHARACTERS: Final = 1_000_000
# The C code writes its tree recursively: about 50,000 levels overflow an 8 MB stack and end the process.
MAX_NESTING: Final = 8_000


class ParseError(Exception):
    """The grammar does not know this text.

    Args:
        message: what libpg_query says.
        position: 0-based character, when it names one.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        self.message = message
        self.position = position
        super().__init__(message)


def parse(text: str) -> list[dict[str, Any]]:
    """The statements of ``text`` as ``{"CreateStmt": {…}}`` nodes; ``text`` holds no NUL.

    Raises:
        ParseError: a syntax error, a text over `MAX_CHARACTERS`, or nesting too deep to be read.
    """
    if len(text) > MAX_CHARACTERS:
        raise ParseError(f"The statement is longer than {MAX_CHARACTERS} characters and is not parsed.")
    data = text.encode()
    if len(data) > MAX_NESTING and nesting(data) > MAX_NESTING:
        raise ParseError("The statement is nested too deeply to be read.")
    result = lib.pg_query_parse(data)
    try:
        if result.error:
            error = result.error.contents
            raise ParseError(error.message.decode(errors="replace"), max(0, error.cursorpos - 1))
        tree = msgspec.json.decode(result.parse_tree)
    except (RecursionError, msgspec.DecodeError) as error:
        raise ParseError("The statement is nested too deeply to be read.") from error
    finally:
        lib.pg_query_free_parse_result(result)
    return [raw["stmt"] for raw in tree.get("stmts", ()) if "stmt" in raw]


def nesting(data: bytes) -> int:
    """An upper bound of the depth of the tree: no branch is longer than the tokens between the commas around
    it.

    Raises:
        ParseError: a quote or comment is not closed.
    """
    deepest = here = 0  # in the innermost open parenthesis: of the items so far, and of the current one
    outer: list[tuple[int, int]] = []
    try:
        for token in tokens(data):
            if token.kind in (Kind.BLANK, Kind.COMMENT):
                continue
            here += 1
            if token.kind is Kind.OPEN:
                outer.append((deepest, here))
                deepest = here = 0
            elif token.kind is Kind.CLOSE and outer:
                inner = max(deepest, here)
                deepest, here = outer.pop()
                here += inner
            elif token.kind is Kind.OTHER and data[token.start] == 0x2C:
                deepest, here = max(deepest, here), 0
    except Unclosed as error:
        raise ParseError(f"Something is never closed ({error.code}).", error.start) from error
    for before, current in reversed(outer):
        here = max(deepest, here) + current
        deepest = before
    return max(deepest, here)
