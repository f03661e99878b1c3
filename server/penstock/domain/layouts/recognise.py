"""Which layout a directory has, and its changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from penstock.domain.layouts.alembic import REVISION, alembic
from penstock.domain.layouts.by_name import (
    DBMATE_UP,
    FLYWAY,
    FLYWAY_REPEATABLE,
    GOLANG,
    by_pattern,
    dbmate,
    flyway,
    golang_migrate,
    numbered,
)
from penstock.domain.layouts.source import LayoutError, Mistake, SourceChange, SourceFile
from penstock.domain.layouts.sqitch import PLAN, sqitch

Layout = Callable[[Sequence[SourceFile]], list[SourceChange]]

LAYOUTS: Final[Mapping[str, Layout]] = {
    "flyway": flyway,
    "golang-migrate": golang_migrate,
    "dbmate": dbmate,
    "sqitch": sqitch,
    "alembic-offline": alembic,
    "numbered": numbered,
}
_ENGINES: Final = {"postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "mariadb": "mariadb"}


def read(
    files: Sequence[SourceFile], *, layout: str | None = None, pattern: str | None = None, engine: str | None = None
) -> tuple[str, list[SourceChange]]:
    """The layout's name and the changes, in the order in which they are to be applied.

    Args:
        files: everything below the directory.
        layout: one of `LAYOUTS`; recognised if absent.
        pattern: names of one's own instead, as ``V{version}__{name}.sql``.
        engine: which of the folders ``postgres``, ``mysql``, ``mariadb`` counts, if there are any.

    Raises:
        LayoutError: it is no release; every mistake is named.
    """
    scripts = _of_engine([f for f in files if f.name.endswith(".sql") or f.path == PLAN], engine)
    if not any(f.name.endswith(".sql") for f in scripts):
        raise LayoutError([Mistake(".", "empty", "there is no .sql file here")])
    if pattern is not None:
        return "pattern", by_pattern(pattern)([f for f in scripts if f.path != PLAN])
    name = layout or recognise(scripts)
    if name == "sqitch" and not any(f.path == PLAN for f in scripts):
        raise LayoutError([Mistake(PLAN, "missing_version", "is not here: it says the order of changes")])
    return name, LAYOUTS[name](scripts if name == "sqitch" else [f for f in scripts if f.path != PLAN])


def recognise(files: Sequence[SourceFile]) -> str:
    """The layout whose marks the files bear. Raises `LayoutError` when they bear those of several."""
    if any(f.path == PLAN for f in files):
        return "sqitch"
    marks: dict[str, str] = {}
    for file in files:
        mark = _mark(file)
        if mark is not None:
            marks.setdefault(mark, file.path)
    if len(marks) > 1:
        told = ", ".join(f"{path} ({name})" for name, path in sorted(marks.items()))
        raise LayoutError([Mistake(".", "mixed_layouts", f"files of several layouts: {told}; say which with a layout")])
    return next(iter(marks), "numbered")


def _mark(file: SourceFile) -> str | None:
    if FLYWAY.fullmatch(file.name) or FLYWAY_REPEATABLE.fullmatch(file.name):
        return "flyway"
    if GOLANG.fullmatch(file.name):
        return "golang-migrate"
    head = file.data[:100_000].decode("utf-8", "replace")
    if DBMATE_UP.search(head):
        return "dbmate"
    return "alembic-offline" if REVISION.search(head) else None


def _of_engine(files: Sequence[SourceFile], engine: str | None) -> list[SourceFile]:
    """The files of one engine, where engines have folders of their own at the top."""
    folders = {f.path.partition("/")[0] for f in files if "/" in f.path} & _ENGINES.keys()
    if not folders:
        return list(files)
    wanted = sorted(folder for folder in folders if _ENGINES[folder] == engine)
    if engine is None and len(folders) > 1:
        told = ", ".join(sorted(folders))
        raise LayoutError([Mistake(".", "mixed_engines", f"scripts of several engines ({told}); say which engine")])
    chosen = wanted if engine is not None else sorted(folders)
    if not chosen:
        raise LayoutError([Mistake(".", "empty", f"there is no folder of {engine} here")])
    return [
        SourceFile(f.path.partition("/")[2], f.data) if f.path.partition("/")[0] in chosen else f
        for f in files
        if f.path.partition("/")[0] in chosen or f.path.partition("/")[0] not in folders
    ]
