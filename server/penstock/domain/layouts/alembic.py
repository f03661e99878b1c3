"""Alembic's offline mode: ``alembic upgrade base:head --sql`` prints every revision behind a comment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from penstock.domain.layouts.source import Mistakes, SourceChange, SourceFile

REVISION: Final = re.compile(r"^-- Running upgrade (?P<before>[^\n]*?) ?-> (?P<version>[^\s,]+)[^\n]*$", re.MULTILINE)
_CONTROL: Final = re.compile(r"^(?:BEGIN|COMMIT|START TRANSACTION)(?: TRANSACTION)?;[ \t\r]*$", re.MULTILINE)


def alembic(files: Sequence[SourceFile]) -> list[SourceChange]:
    """One change per revision; the statements that keep ``alembic_version`` stay, so that Alembic agrees.

    Raises:
        LayoutError: a file without a revision, or a revision that stands there twice.
    """
    mistakes = Mistakes()
    made: list[SourceChange] = []
    for file in sorted(files, key=lambda each: each.path):
        text = mistakes.text(file)
        heads = list(REVISION.finditer(text))
        if not heads:
            mistakes.add(
                file.path, "no_version", "has no line -- Running upgrade … -> …, as `alembic upgrade --sql` prints"
            )
        for n, head in enumerate(heads):
            begin = 0 if n == 0 else head.end()  # what makes alembic_version stands before the first
            end = heads[n + 1].start() if n + 1 < len(heads) else len(text)
            statement = _CONTROL.sub("", text[begin:end]).strip() + "\n"
            if mistakes.version(file, head["version"]):
                made.append(SourceChange(head["version"], "", statement, file.path))
    mistakes.twice(made, [change.version for change in made])
    mistakes.end()
    return made
