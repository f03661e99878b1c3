"""The review gate: closed while review has findings that the tier does not let pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.domain.gates.gate import Blocker

SEVERITIES: Final = ("error", "warning", "info")  # the worst first


def blockers(findings: Mapping[str, int], blocking_severity: str) -> list[Blocker]:
    """Why the gate is closed; empty when it is open.

    Args:
        findings: severity -> how many the stage's changes have.
        blocking_severity: the mildest that still blocks.
    """
    blocking = SEVERITIES[: SEVERITIES.index(blocking_severity) + 1]
    counted = [(findings.get(severity, 0), severity) for severity in blocking]
    words = " and ".join(f"{n} {severity}{'s' if n > 1 and severity != 'info' else ''}" for n, severity in counted if n)
    if not words:
        return []
    return [Blocker("review", "findings", f"Review found {words}. Edit the change so that they go away.", ("author",))]
