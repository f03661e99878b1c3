"""Lines and columns, counted as an editor counts them: ``\\n``, ``\\r\\n`` and a lone ``\\r`` each end a
line."""

from __future__ import annotations

import re
from typing import Final

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_CONTINUES_A_CHARACTER: Final = bytes(range(0x80, 0xC0))
BOM: Final = b"\xef\xbb\xbf"


def locate(text: str, offset: int) -> tuple[int, int]:
    """1-based line and column of the character at ``offset``; an offset past the end is the end."""
    line, start = 1, 0
    for end in _LINE_END.finditer(text, 0, max(0, offset)):
        line, start = line + 1, end.end()
    return line, min(offset, len(text)) - start + 1


class Positions:
    """Line and column of byte offsets; asking in ascending order costs linear time and no memory for the whole
    text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._returns = b"\r" in data
        self._first = len(BOM) if data.startswith(BOM) else 0
        self._begin()

    def _begin(self) -> None:
        self._at = self._first
        self._line = 1
        self._column = 1

    def of(self, offset: int) -> tuple[int, int]:
        """1-based line and column of the byte at ``offset``; columns count characters, a byte order mark is
        none."""
        if offset < self._at:
            self._begin()
        data, at = self._data, self._at
        offset = max(offset, at)
        if lines := self._line_ends(at, offset):
            self._line += lines
            at = 1 + (self._last_line_end(at, offset) if self._returns else data.rfind(b"\n", at, offset))
            self._column = 1
        if at < offset:
            self._column += len(data[at:offset].translate(None, _CONTINUES_A_CHARACTER))
        self._at = offset
        return self._line, self._column

    def _line_ends(self, start: int, end: int) -> int:
        lines = self._data.count(b"\n", start, end)
        if self._returns:
            # Those before a line feed belong to it, even when it is just out of sight.
            lines += self._data.count(b"\r", start, end) - self._data.count(b"\r\n", start, end + 1)
        return lines

    def _last_line_end(self, start: int, end: int) -> int:
        data = self._data
        feed, back = data.rfind(b"\n", start, end), data.rfind(b"\r", start, end)
        if back == end - 1 and data[end : end + 1] == b"\n":
            back = max(data.rfind(b"\r", start, back), start - 1)
        return max(feed, back)
