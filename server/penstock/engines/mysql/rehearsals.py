"""Remembers what rehearsals have shown: one change often goes to many databases of a server that are alike.

Nothing rests on it. Whoever has forgotten rehearses again; and a result that is not true any more makes an interrupted
step undecidable at worst, since what is there is compared with what was there before, too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

_MOST: Final = 4_000_000  # characters of all descriptions together


class Rehearsals:
    """The last results, by everything that they follow from. One per engine; used in one event loop at a time."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._size = 0
        self._known: OrderedDict[str, Mapping[int, str]] = OrderedDict()

    def recall(self, key: str) -> Mapping[int, str] | None:
        """What each step will leave, by its ``seq``; None when that is not known."""
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def remember(self, key: str, foreseen: Mapping[int, str]) -> None:
        """Keep a result; those that were not asked for longest go when there are too many."""
        self._size += _size(foreseen) - _size(self._known.pop(key, {}))
        self._known[key] = dict(foreseen)
        while self._size > self._most:
            _, oldest = self._known.popitem(last=False)
            self._size -= _size(oldest)


def _size(foreseen: Mapping[int, str]) -> int:
    return sum(map(len, foreseen.values()))
