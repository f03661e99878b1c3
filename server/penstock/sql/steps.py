"""Cuts a change into steps where a statement cannot share a transaction.

The order of statements is never changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Final

import msgspec

from penstock.sql.classify import Classification
from penstock.sql.statement import Statement

MOST_NAMES: Final = 100


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """Statements that run in one transaction, or the one statement that runs outside of any.

    Args:
        statements: their indices, ascending and without gaps.
        line: 1-based, of the first of them.
        undecidable: if a crash interrupts it, nobody can tell whether it took effect.
        kinds: of its statements, each once, in order.
        reads, writes, creates, drops: what they name, each once; at most `MOST_NAMES` each.
        destructive: one of them removes data.
        opaque: what one of them does cannot be read from its text.
    """

    index: int
    transactional: bool
    statements: tuple[int, ...]
    line: int | None = None
    undecidable: bool = False
    kinds: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    destructive: bool = False
    opaque: bool = False


def cut(
    classifications: Sequence[Classification],
    statements: Sequence[Statement] = (),
    commits_after: Collection[int] = (),
) -> list[Step]:
    """Steps of a change's statements, given in order; none for a change without statements.

    Args:
        statements: the same statements, for the steps' lines.
        commits_after: indices of statements after which a step ends, see `penstock.sql.enum_values`.
    """
    groups: list[tuple[bool, list[int]]] = []
    for index, found in enumerate(classifications):
        if found.transactional and groups and groups[-1][0] and index - 1 not in commits_after:
            groups[-1][1].append(index)
        else:
            groups.append((found.transactional, [index]))
    return [
        _step(index, transactional, group, [classifications[n] for n in group], statements)
        for index, (transactional, group) in enumerate(groups)
    ]


def _step(
    index: int,
    transactional: bool,
    group: Sequence[int],
    found: Sequence[Classification],
    statements: Sequence[Statement],
) -> Step:
    return Step(
        index,
        transactional,
        tuple(group),
        line=statements[group[0]].line if statements else None,
        undecidable=any(each.undecidable for each in found),
        kinds=_first(each.kind for each in found),
        reads=_first(name for each in found for name in each.reads),
        writes=_first(name for each in found for name in each.writes),
        creates=_first(name for each in found for name in each.creates),
        drops=_first(name for each in found for name in each.drops),
        destructive=any(each.destructive for each in found),
        opaque=any(each.opaque for each in found),
    )


def _first(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(names), MOST_NAMES))
