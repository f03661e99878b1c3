"""Cuts a change into steps where a statement cannot share a transaction.

The order of statements is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from penstock.sql.classify import Classification


class Step(msgspec.Struct, frozen=True):
    """Statements that run in one transaction, or the one statement that runs outside of any.

    Args:
        statements: their indices, ascending and without gaps.
    """

    index: int
    transactional: bool
    statements: tuple[int, ...]


def cut(classifications: Sequence[Classification]) -> list[Step]:
    """Steps of a change's statements, given in order; none for a change without statements."""
    groups: list[tuple[bool, list[int]]] = []
    for index, classification in enumerate(classifications):
        if classification.transactional and groups and groups[-1][0]:
            groups[-1][1].append(index)
        else:
            groups.append((classification.transactional, [index]))
    return [Step(index, transactional, tuple(statements)) for index, (transactional, statements) in enumerate(groups)]
