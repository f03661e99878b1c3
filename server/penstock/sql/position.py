"""Lines and columns, counted as an editor counts them: ``\\n``, ``\\r\\n`` and a lone ``\\r`` each end a
line."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_LINE_END_BYTES: Final = re.compile(rb"\r\n|\r|\n")
BOM: Final = b"\xef\xbb\xbf"


def locate(text: str, offset: int) -> tuple[int, int]:
    """1-based line and column of the character at ``offset``; an offset past the end is the end."""
    line, start = 1, 0
    for end in _LINE_END.finditer(text, 0, max(0, offset)):
        line, start = line + 1, end.end()
    return line, min(offset, len(text)) - start + 1


class Positions:
    """Line and column of byte offsets; asking in ascending order costs linear time for the whole text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._starts = [3 if data.startswith(BOM) else 0]
        self._starts += [end.end() for end in _LINE_END_BYTES.finditer(data)]
        self._known = (self._starts[0], 1)

    def of(self, offset: int) -> tuple[int, int]:
        """1-based line and column of the byte at ``offset``; columns count characters, a byte order mark is
        none."""
        line = max(1, bisect_right(self._starts, offset))
        start = self._starts[line - 1]
        known, column = self._known
        if not start <= known <= offset:
            known, column = start, 1
        column += sum(byte & 0xC0 != 0x80 for byte in self._data[known:offset])
        self._known = (max(start, offset), column)
        return line, column
