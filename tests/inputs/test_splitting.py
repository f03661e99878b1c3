"""What the splitter makes of real scripts, against what the servers' own clients make of them: the statements that went
over the wire, in their order, and that the server accepted.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

import pytest

from penstock.sql.splitter import split
from penstock.sql.splitter.mysql_tokens import Kind, Lexer
from tests.inputs.histories import HISTORIES, ZONEMINDER, History
from tests.inputs.twins import Twins
from tests.inputs.wire import overheard

pytestmark = pytest.mark.inputs

# ZoneMinder forgets three times, in each of three scripts, that its delimiter is // and ends a statement with a
# semicolon. The client sends it together with the next one; the server, allowed to by the client, reads two. Penstock
# never allows it to, and so must find two itself.
TWO_IN_ONE_MESSAGE: Final = {ZONEMINDER: 9}


def by_us(history: History) -> list[str]:
    """The statements of a history, without blanks that no client preserves and comments that one does not."""
    found = [s.text for script in history.scripts() for s in split(script.text.encode(), history.engine)]
    if history.engine == "postgres":
        return _normal(found)
    return _normal([_without_comments(text) for text in found])


def by_client(history: History, sent: list[str]) -> list[str]:
    """The same of what went over the wire."""
    if history.engine == "postgres":
        return _normal([_without_licence(text).removesuffix(";") for text in sent])
    return _normal(sent)


@pytest.mark.parametrize("history", [history for history in HISTORIES if history.applies], ids=str)
async def test_statements_are_those_that_the_servers_own_client_sends(
    history: History, twins: Twins, database: str
) -> None:
    async with overheard(twins.server.host, twins.server.port, history.engine) as (port, sent):
        await twins.by_client(database, history.scripts(), port=port, comments=False)

    ours, theirs = by_us(history), by_client(history, sent)
    together = 0
    for message in theirs:
        if ours[0] != message:
            first, second = ours[:2]
            assert message == f"{first}; {second}"
            together += 1
            del ours[0]
        del ours[0]
    assert ours == []
    assert together == TWO_IN_ONE_MESSAGE.get(history, 0)


def _normal(statements: list[str]) -> list[str]:
    squeezed = [" ".join(text.split()) for text in statements]
    # psql gets these around scripts that have none of their own.
    return [text for text in squeezed if text not in ("BEGIN", "COMMIT")]


def _without_licence(text: str) -> str:
    """What psql sends, without comments before it, which it takes for a part when one of them is a block."""
    while text.startswith(("/*", "--")):
        text = text.partition("*/" if text.startswith("/*") else "\n")[2].lstrip()
    return text


def _without_comments(text: str) -> str:
    data, lexer = text.encode(), Lexer(text.encode())
    lexer.delimiter = None
    pieces = groupby(lexer.tokens(), key=lambda token: token.kind is Kind.COMMENT)
    kept = (b" " if comment else b"".join(data[t.start : t.end] for t in group) for comment, group in pieces)
    return b"".join(kept).decode()
