"""Escalations: what review found may ask for more approvals than the tier's own steps.

Pure decisions over facts that were stored with the stage's latest review.  What is not known never lets anything
through: then the escalation applies, and says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from penstock.domain.gates.review import SEVERITIES
from penstock.domain.gates.step import Step


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Conditions that must all hold; at least one is given.

    Args:
        finding_severity: review has a finding of this severity or worse.
        destructive: the change removes data (true), or does not (false).
        rows_over, table_bytes_over: a table that the change names has more rows, or takes more room.
    """

    finding_severity: Literal["error", "warning", "info"] | None = None
    destructive: bool | None = None
    rows_over: int | None = None
    table_bytes_over: int | None = None


class Escalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Steps that follow the tier's own when the conditions hold."""

    when: When
    add_steps: tuple[Step, ...]


class Largest(msgspec.Struct, frozen=True):
    """The largest that was found, and where: ``orders on pg-prod/shop``."""

    value: int
    of: str


class ReviewFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the latest review knows of what a stage does, beside its findings.

    Args:
        destructive: it removes data; None when that cannot be read from its text.
        why_destructive_unknown: then, why not.
        rows, table_bytes: the largest of the tables that were measured.
        why_sizes_unknown: why some table was not measured; None when all were.
        unparsed: the version of a change with a statement that nobody but a person can read; None when there is none.
    """

    destructive: bool | None = None
    why_destructive_unknown: str | None = None
    rows: Largest | None = None
    table_bytes: Largest | None = None
    why_sizes_unknown: str | None = None
    unparsed: str | None = None


UNREVIEWED: Final = ReviewFacts(
    why_destructive_unknown="it was not reviewed since escalations exist; run its review again",
    why_sizes_unknown="it was not reviewed since escalations exist; run its review again",
)


def read_facts(stored: object) -> ReviewFacts:
    """Facts as they were stored; what cannot be read is not known."""
    if not stored:
        return UNREVIEWED
    try:
        return msgspec.convert(stored, ReviewFacts)
    except msgspec.ValidationError:
        return UNREVIEWED


def asked_for(
    escalations: Sequence[Escalation], findings: Mapping[str, int], facts: ReviewFacts
) -> list[tuple[Step, str]]:
    """The steps that escalations add, in order, each with why.

    Args:
        findings: severity -> how many the stage's changes have.
    """
    return [
        (step, why)
        for escalation in escalations
        if (why := applies(escalation.when, findings, facts)) is not None
        for step in escalation.add_steps
    ]


def applies(when: When, findings: Mapping[str, int], facts: ReviewFacts) -> str | None:
    """Why an escalation applies, or None when one of its conditions surely does not hold."""
    answers = list(_answers(when, findings, facts))
    if not answers or any(holds is False for holds, _ in answers):
        # An escalation without a condition is refused when a tier is saved.
        return None if answers else "its condition is missing"
    return ", and ".join(why for _, why in answers)


def _answers(when: When, findings: Mapping[str, int], facts: ReviewFacts) -> Iterator[tuple[bool | None, str]]:
    """Whether each condition holds (None: nobody knows), and the words for it."""
    if when.finding_severity is not None:
        worse = SEVERITIES[: SEVERITIES.index(when.finding_severity) + 1]
        counted = [(findings.get(severity, 0), severity) for severity in worse]
        said = " and ".join(
            f"{n} {severity}{'s' if n > 1 and severity != 'info' else ''}" for n, severity in counted if n
        )
        yield bool(said), f"review found {said}"
    if when.destructive is not None:
        if facts.destructive is None:
            yield None, f"it is not known whether the change removes data: {facts.why_destructive_unknown}"
        else:
            says = "the change removes data" if facts.destructive else "the change removes no data"
            yield facts.destructive == when.destructive, says
    for limit, found, noun in (
        (when.rows_over, facts.rows, "rows"),
        (when.table_bytes_over, facts.table_bytes, "bytes"),
    ):
        if limit is not None:
            yield _over(limit, found, noun, facts.why_sizes_unknown)


def _over(limit: int, found: Largest | None, noun: str, unknown: str | None) -> tuple[bool | None, str]:
    if found is not None and found.value > limit:
        return True, f"{found.of} has about {found.value:,} {noun} (more than {limit:,})"
    if unknown is not None:
        return None, f"it is not known how many {noun} its tables have: {unknown}"
    return False, ""
