"""Reads a directory of migrations into the changes of a release."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from penstock.domain.layouts.recognise import read
from penstock.domain.layouts.source import LayoutError, Mistake, SourceFile
from penstock.domain.layouts.sqitch import PLAN

Json = dict[str, Any]

LARGEST: Final = 20_000_000  # bytes of one script
_MOST: Final = 20_000  # scripts


def changes_in(
    folder: Path, *, layout: str | None = None, pattern: str | None = None, engine: str | None = None
) -> tuple[str, list[Json]]:
    """The layout's name, and the changes as ``POST /releases`` takes them.

    Args:
        engine: for which all of them are; those without one are for every engine.

    Raises:
        LayoutError: it is no release; every mistake is named.
    """
    name, found = read(_files(folder), layout=layout, pattern=pattern, engine=engine)
    more = {"engine": engine} if engine else {}
    return name, [
        {"version": c.version, "name": c.name, "statement": c.statement, **({"revert": c.revert} if c.revert else {})}
        | more
        for c in found
    ]


def _files(folder: Path) -> list[SourceFile]:
    """Scripts below a folder. A symbolic link is a mistake: a checkout of somebody else's must not reach out of it."""
    found: list[SourceFile] = []
    mistakes: list[Mistake] = []
    for path in _walk(folder, mistakes):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            mistakes.append(Mistake(name, "symbolic_link", "is a symbolic link, which is not followed"))
        elif path.stat().st_size > LARGEST:
            mistakes.append(Mistake(name, "too_large", f"is larger than {LARGEST // 1_000_000} MB"))
        elif len(found) == _MOST:
            raise LayoutError([Mistake(".", "too_many", f"more than {_MOST:,} scripts")])
        else:
            found.append(SourceFile(name, path.read_bytes()))
    if mistakes:
        raise LayoutError(mistakes)
    return found


def _walk(folder: Path, mistakes: list[Mistake]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        mistakes.append(Mistake(str(error.filename), "unreadable", f"cannot be read: {error.strerror}"))

    for place, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (Path(place) / name).is_symlink():
                yield Path(place) / name
        for name in sorted(files):
            if name.endswith(".sql") or name == PLAN:
                yield Path(place) / name
