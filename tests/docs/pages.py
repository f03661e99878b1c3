"""Reads the documentation as its tests need it: shell examples with what they should print, links, headings, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```[^\S\n]*$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"\A\n+((?: {4}.+\n)+)")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One block of shell in a page.

    Args:
        line: of its first line in the page.
        shown: what the page says that it prints, line by line.
    """

    line: int
    script: str
    shown: tuple[str, ...]


def name(page: Path) -> str:
    """The page's path in the checkout."""
    return page.relative_to(ROOT).as_posix()


def examples(page: Path) -> list[Example]:
    """The blocks marked ``sh``; an indented paragraph right after one is what it prints."""
    text = page.read_text()
    found = []
    for fence in _FENCE.finditer(text):
        if fence[1].strip() == "sh":
            after = _SHOWN.match(text[fence.end() :])
            shown = tuple(line.strip() for line in after[1].splitlines()) if after else ()
            found.append(Example(text.count("\n", 0, fence.start()) + 2, fence[2], shown))
    return found


def links(page: Path) -> Iterator[str]:
    """Targets of links and pictures, those in code left out."""
    for match in _LINK.finditer(_FENCE.sub("", page.read_text())):
        yield next(filter(None, match.groups()))


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as a link gives them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    plain = (re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def rows(page: Path) -> list[list[str]]:
    """The cells of every table row of a page, without backticks and without the lines below headings."""
    found = []
    for line in page.read_text().splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line):
            found.append([cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")])
    return found
