"""One statement of a change, and where it stands in the change's bytes."""

from __future__ import annotations

import msgspec

from penstock.sql.position import locate


class Statement(msgspec.Struct, frozen=True):
    """A statement without its terminator and without the blanks and comments around it.

    Args:
        index: 0-based among the statements of its change.
        start, end: byte offsets into the change's original bytes.
        line, column: 1-based position of its first character; columns count characters.
        text: exactly the bytes ``start`` to ``end``: this is what is sent to the server.
    """

    index: int
    start: int
    end: int
    line: int
    column: int
    text: str

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, in the whole change, of the character ``offset`` (0-based) of this statement."""
        line, column = locate(self.text, offset)
        return (self.line, self.column + column - 1) if line == 1 else (self.line + line - 1, column)
