"""One result of SQL review."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Severity: TypeAlias = Literal["error", "warning", "info"]

RANK: Final[dict[str, int]] = {"info": 0, "warning": 1, "error": 2}


class Finding(msgspec.Struct, frozen=True):
    """What a rule says about one place of a change.

    Args:
        rule: the rule's id, or the splitter's code in words of a rule.
        message: what was found, and why it matters.
        hint: what to do instead.
        statement_index: 0-based; None when it concerns the change as a whole.
        line, column: 1-based position in the change's text.
    """

    rule: str
    severity: Severity
    message: str
    hint: str | None = None
    statement_index: int | None = None
    line: int | None = None
    column: int | None = None


def at_least(findings: list[Finding], severity: Severity) -> list[Finding]:
    """The findings of at least a severity."""
    return [f for f in findings if RANK[f.severity] >= RANK[severity]]
