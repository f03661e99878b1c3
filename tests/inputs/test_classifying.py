"""What the classifier says of every statement of real scripts, against what the server's catalog shows after it: what
it made and dropped, of which kind, and whether it could share a transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import pytest

from penstock.sql.classify import Classification
from penstock.sql.dialects import classify
from penstock.sql.splitter import split
from tests.inputs.catalogs import Object, of_their_own
from tests.inputs.histories import GRAPHILE, HISTORIES, KEA_MARIADB, PROCRASTINATE, SYNAPSE, ZONEMINDER, History
from tests.inputs.twins import Twins

pytestmark = pytest.mark.inputs

# How often a kind of statement shows something else in the catalog than the classifier says, and why that is so.
# Whatever is not in here agrees.
EXPLAINED: Final[dict[History, dict[tuple[str, str], int]]] = {
    PROCRASTINATE: {
        # CREATE INDEX ON t (…): the server makes the name up.
        ("made", "create_index"): 1,
        # DROP FUNCTION f(integer): names of functions are given without their arguments, and there is another f.
        ("still there", "drop_function"): 9,
        # What is renamed is neither made nor dropped: it is among what is written.
        ("made", "rename"): 7,
        ("dropped", "rename"): 7,
    },
    GRAPHILE: {
        ("made", "create_index"): 1,
        ("made", "rename"): 6,
        ("dropped", "rename"): 6,
    },
    SYNAPSE: {
        # ALTER SEQUENCE … OWNED BY: the sequence belongs to a column now, and we do not list those.
        ("dropped", "alter_sequence"): 1,
    },
    KEA_MARIADB: {
        # ADD CONSTRAINT … FOREIGN KEY brings an index of its own, DROP COLUMN takes one along.
        ("made", "alter_table"): 24,
        ("dropped", "alter_table"): 2,
    },
    ZONEMINDER: {
        # An index that a foreign key brought is dropped once somebody makes one that serves it as well.
        ("dropped", "create_index"): 2,
        # EXECUTE is opaque: it counts as one that commits, though what it runs here is mostly a SELECT.
        ("stayed in the transaction", "execute"): 76,
    },
}


@pytest.mark.parametrize("history", [history for history in HISTORIES if history.applies], ids=str)
async def test_the_catalog_shows_what_the_classifier_says(history: History, twins: Twins, database: str) -> None:
    found: Counter[tuple[str, str]] = Counter()
    statements = 0

    for script in history.scripts():
        async with twins.session(database) as session:
            before = await session.objects()
            for statement in split(script.without_transaction_control().text.encode(), history.engine):
                said = classify(statement, history.engine)
                assert said.parsed and said.refusal is None, statement.text
                stayed = await session.run(statement.text)
                after = await session.objects()
                found.update((difference, said.kind) for difference in differences(said, before, after, stayed=stayed))
                before, statements = after, statements + 1

    assert found == EXPLAINED.get(history, {})
    assert statements > 100


def differences(
    said: Classification, before: frozenset[Object], after: frozenset[Object], *, stayed: bool
) -> Iterator[str]:
    """Where the catalog and the classifier do not agree about one statement."""
    made, dropped = of_their_own(after - before), of_their_own(before - after)
    creates, drops, there = names(said.creates), names(said.drops), {each.name for each in after}
    if {each.name for each in made} - creates:
        yield "made"
    if {each.name for each in dropped} - drops:
        yield "dropped"
    if creates - there:
        yield "not there"
    if drops & there:
        yield "still there"
    verb, _, type_ = said.kind.partition("_")
    changed = {each.type for each in (made if verb == "create" else dropped) if each.name in creates | drops}
    if verb in ("create", "drop") and changed and changed != {type_}:
        yield "of another type"
    if stayed and not said.transactional:
        yield "stayed in the transaction"
    if said.transactional and not stayed:
        yield "ended the transaction"


def names(qualified: Iterable[str]) -> set[str]:
    """Without their schemas."""
    return {name.rsplit(".", 1)[-1] for name in qualified}
