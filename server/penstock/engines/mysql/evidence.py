"""What is known of a statement that nobody can tell the outcome of, for the person who has to settle it."""

from __future__ import annotations

import difflib
import itertools
from dataclasses import dataclass
from typing import Any, Final

_MOST_LINES: Final = 500
_MOST_CHARACTERS: Final = 20_000


@dataclass(frozen=True)
class Evidence:
    """What the objects of a statement looked like, as `fingerprint.describe` says it.

    Args:
        before: when it was about to run; None when that is not known.
        expected: what it was to leave; None when that could not be foreseen.
        now: under the lock, after it was lost sight of.
    """

    before: str | None
    expected: str | None
    now: str

    def as_json(self) -> dict[str, Any]:
        """With the difference between what is there and what was expected, or was there before."""
        name, wanted = ("expected", self.expected) if self.expected is not None else ("before", self.before)
        lines = difflib.unified_diff((wanted or "").splitlines(), self.now.splitlines(), name, "now", lineterm="")
        return {
            "before": _cut(self.before),
            "expected": _cut(self.expected),
            "now": _cut(self.now),
            "diff": list(itertools.islice(lines, _MOST_LINES)) if wanted is not None else [],
        }


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _MOST_CHARACTERS:
        return text
    return f"{text[:_MOST_CHARACTERS]}\n-- … {len(text) - _MOST_CHARACTERS:,} more characters"
