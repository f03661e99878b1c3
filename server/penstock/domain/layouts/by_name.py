"""Layouts in which a file's name says its version: Flyway, golang-migrate, dbmate, numbered files, one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from penstock.domain.layouts.source import LayoutError, Mistake, Mistakes, SourceChange, SourceFile, words

Natural = tuple[tuple[int, int | str], ...]
Key = TypeVar("Key", int, Natural)
Back = TypeVar("Back")

FLYWAY: Final = re.compile(r"(?P<kind>[VU])(?P<version>[0-9]+(?:[._][0-9]+)*)__(?P<name>.+)\.sql")
FLYWAY_REPEATABLE: Final = re.compile(r"R__(?P<name>.+)\.sql")
_FLYWAY_OTHER: Final = re.compile(r"B[0-9._]+__.+\.sql|(?:before|after)[A-Z]\w*\.sql")
GOLANG: Final = re.compile(r"(?P<version>[0-9]+)_(?P<name>.+)\.(?P<way>up|down)\.sql")
NUMBERED: Final = re.compile(r"(?P<version>[0-9]+(?:\.[0-9]+)*)(?:[_\- ]+(?P<name>.+))?\.sql")
DBMATE_UP: Final = re.compile(r"^--[ \t]*migrate:up(?P<options>[^\n]*)$", re.MULTILINE)
_DBMATE_DOWN: Final = re.compile(r"^--[ \t]*migrate:down[^\n]*$", re.MULTILINE)


def flyway(files: Sequence[SourceFile]) -> list[SourceChange]:
    """``V1_2__name.sql`` in the order of versions, ``U1_2__name.sql`` as its revert, then ``R__name.sql`` by name.

    Source: Flyway's "Migrations" documentation; ``1_2`` and ``1.2.0`` are the same version there. Baseline scripts and
    callbacks are not changes and are passed over. Raises `LayoutError`.
    """
    mistakes = Mistakes()
    ups: list[tuple[tuple[int, ...], SourceChange]] = []
    downs: dict[tuple[int, ...], tuple[str, str]] = {}
    repeatables: list[SourceChange] = []
    for file in files:
        if again := FLYWAY_REPEATABLE.fullmatch(file.name):
            version = f"R__{again['name']}"
            if mistakes.version(file, version):
                repeatables.append(SourceChange(version, words(again["name"]), mistakes.text(file), file.path))
        elif found := FLYWAY.fullmatch(file.name):
            version = found["version"].replace("_", ".")
            if not mistakes.version(file, version):  # before it is a number: Python has longest ones
                continue
            numbers = _numbers(version)
            if found["kind"] == "U":
                _take_back(downs, numbers, file, mistakes)
            else:
                change = SourceChange(version, words(found["name"]), mistakes.text(file), file.path)
                ups.append((numbers, change))
        elif not _FLYWAY_OTHER.fullmatch(file.name):
            mistakes.add(file.path, "no_version", "is not named as Flyway names scripts: V1__name.sql, R__name.sql")
    ups.sort(key=lambda up: up[0])
    mistakes.twice([change for _, change in ups], [numbers for numbers, _ in ups])
    mistakes.twice(repeatables, [change.version for change in repeatables])
    known = {numbers for numbers, _ in ups}
    for numbers, (path, _) in downs.items():
        if numbers not in known:
            mistakes.add(path, "missing_version", "undoes a version that is not here")
    mistakes.end()
    versioned = [_with_revert(change, downs[n][1] if n in downs else None) for n, change in ups]
    return versioned + sorted(repeatables, key=lambda change: change.name)


def golang_migrate(files: Sequence[SourceFile]) -> list[SourceChange]:
    """``000001_name.up.sql`` in the order of numbers, ``000001_name.down.sql`` as its revert. Raises `LayoutError`."""
    mistakes = Mistakes()
    ups: list[tuple[int, SourceChange]] = []
    downs: dict[int, tuple[str, str]] = {}
    for file in files:
        found = GOLANG.fullmatch(file.name)
        if found is None:
            mistakes.add(file.path, "no_version", "is not named as golang-migrate names scripts: 000001_name.up.sql")
        elif not mistakes.version(file, found["version"]):
            continue
        elif found["way"] == "down":
            _take_back(downs, int(found["version"]), file, mistakes)
        else:
            change = SourceChange(found["version"], words(found["name"]), mistakes.text(file), file.path)
            ups.append((int(found["version"]), change))
    ups.sort(key=lambda up: up[0])
    mistakes.twice([change for _, change in ups], [number for number, _ in ups])
    known = {number for number, _ in ups}
    for number, (path, _) in downs.items():
        if number not in known:
            mistakes.add(path, "missing_version", "is the way down of a version that has no way up")
    mistakes.end()
    return [_with_revert(change, downs[number][1] if number in downs else None) for number, change in ups]


def dbmate(files: Sequence[SourceFile]) -> list[SourceChange]:
    """``20260101_name.sql`` with ``-- migrate:up`` and ``-- migrate:down`` parts. Raises `LayoutError`."""
    mistakes = Mistakes()
    made: list[tuple[int, SourceChange]] = []
    for file in files:
        found = re.fullmatch(r"(?P<version>[0-9]+)_(?P<name>.*)\.sql", file.name)
        text = mistakes.text(file)
        up = DBMATE_UP.search(text)
        if found is None:
            mistakes.add(file.path, "no_version", "is not named as dbmate names scripts: 20260101120000_name.sql")
        elif up is None:
            mistakes.add(file.path, "no_up", "has no line -- migrate:up")
        elif mistakes.version(file, found["version"]):
            down = _DBMATE_DOWN.search(text, up.end())
            statement = text[up.end() : down.start() if down else len(text)].strip() + "\n"
            revert = text[down.end() :].strip() if down else ""
            change = SourceChange(found["version"], words(found["name"]), statement, file.path, revert or None)
            made.append((int(found["version"]), change))
    return _ordered(made, mistakes)


def numbered(files: Sequence[SourceFile]) -> list[SourceChange]:
    """``001_name.sql``, ``1.2-name.sql`` or ``001.sql`` in the order of numbers. Raises `LayoutError`."""
    return _matching(NUMBERED, files, "begins with no number: 001_name.sql")


def by_pattern(pattern: str) -> Callable[[Sequence[SourceFile]], list[SourceChange]]:
    """A layout from a pattern as ``V{version}__{name}.sql``, which paths below the directory must match.

    Raises:
        LayoutError: the pattern has no ``{version}``, or something else in braces.
    """
    parts = re.split(r"(\{[^{}]*\})", pattern)
    places = [part for part in parts if part.startswith("{")]
    if places.count("{version}") != 1 or any(places.count(p) > 1 or p not in ("{version}", "{name}") for p in places):
        message = "needs {version} once, and may have {name} once: V{version}__{name}.sql"
        raise LayoutError([Mistake(pattern, "bad_pattern", message)])
    means = {"{version}": r"(?P<version>[A-Za-z0-9][A-Za-z0-9._+-]*?)", "{name}": r"(?P<name>[^/]*)"}
    expression = re.compile("".join(means.get(part) or re.escape(part) for part in parts))
    return lambda files: _matching(expression, files, f"does not match {pattern}", by_path="/" in pattern)


def _matching(
    expression: re.Pattern[str], files: Sequence[SourceFile], otherwise: str, *, by_path: bool = False
) -> list[SourceChange]:
    mistakes = Mistakes()
    made: list[tuple[Natural, SourceChange]] = []
    for file in files:
        found = expression.fullmatch(file.path if by_path else file.name)
        if found is None:
            mistakes.add(file.path, "no_version", otherwise)
        elif mistakes.version(file, found["version"]):
            name = found["name"] if "name" in expression.groupindex else None
            change = SourceChange(found["version"], words(name or ""), mistakes.text(file), file.path)
            made.append((natural(found["version"]), change))
    return _ordered(made, mistakes)


def natural(version: str) -> Natural:
    """What sorts versions as people do: 2 before 10, 1.9 before 1.10; numbers before words."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"[0-9]+|[A-Za-z]+", version))


def _ordered(made: Sequence[tuple[Key, SourceChange]], mistakes: Mistakes) -> list[SourceChange]:
    ordered = sorted(made, key=lambda each: each[0])
    mistakes.twice([change for _, change in ordered], [key for key, _ in ordered])
    mistakes.end()
    return [change for _, change in ordered]


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _take_back(downs: dict[Back, tuple[str, str]], version: Back, file: SourceFile, mistakes: Mistakes) -> None:
    """Keep the way back of a version. Of two, nobody could say which one is meant."""
    if version in downs:
        mistakes.add(file.path, "duplicate_version", f"undoes the same version as {downs[version][0]} does")
    downs.setdefault(version, (file.path, mistakes.text(file)))


def _with_revert(change: SourceChange, revert: str | None) -> SourceChange:
    return SourceChange(change.version, change.name, change.statement, change.path, revert)
