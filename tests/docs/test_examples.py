"""Every shell example of the documentation works as it is written, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.conftest import Shell
from tests.docs.pages import DOCS, PAGES, Example, examples, name

FIRST = DOCS / "guide" / "getting-started.md"
OTHERS = [page for page in PAGES if page != FIRST and examples(page)]


def test_getting_started(shell: tuple[Shell, dict[int, str]]) -> None:
    """The first page works on a new server, from the first command to the last."""
    _, printed = shell
    check(examples(FIRST), printed)


@pytest.mark.parametrize("page", OTHERS, ids=name)
def test_page(page: Path, shell: tuple[Shell, dict[int, str]]) -> None:
    """The other pages go on from there, each by itself."""
    blocks = examples(page)
    check(blocks, shell[0].run(blocks))


def check(blocks: list[Example], printed: dict[int, str]) -> None:
    """Each example printed what the page says."""
    for block in blocks:
        for line in block.shown:
            assert line in printed[block.line], f"line {block.line}: {printed[block.line]!r}"
