"""What a closed gate answers: a blocker says what is missing, who can clear it and when it may clear by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why a gate is closed (see ``gates.evaluate``).

    Args:
        gate: which gate, for example ``approval``.
        code: stable code inside the gate, for example ``changes_requested``.
        message: what is missing, for a person.
        waiting_for: who or what can clear it: labels such as ``user:ana@example.com``, ``role:workspace:dba``,
        ``stage:dev``.
        clears_at: RFC 3339 time when it clears by itself, if it does.
    """

    gate: str
    code: str
    message: str
    waiting_for: Sequence[str] = field(default_factory=tuple)
    clears_at: str | None = None
