"""What happened in a simulated world, to be read by people and compared by tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

Line = tuple[float, str, str]


class Trace:
    """Collects what happened; lines are put into words only when somebody reads them.

    Args:
        clock: the world's time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lines: list[tuple[float, str, str, tuple[object, ...]]] = []

    def __call__(self, who: str, what: str, *given: object) -> None:
        """Note something; ``what`` is formatted with what is given."""
        self._lines.append((self._clock(), who, what, given))

    def text(self) -> str:
        """All of it."""
        return "\n".join(f"{at:9.3f}  {who:<10} {what.format(*given)}" for at, who, what, given in self._lines)

    def digest(self) -> str:
        """The same for the same happenings."""
        return hashlib.sha256(self.text().encode()).hexdigest()
