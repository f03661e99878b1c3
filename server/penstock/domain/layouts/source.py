"""What a directory holds and what is read from it, whatever its layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the directory.

    Args:
        path: below the directory, with forward slashes.
    """

    path: str
    data: bytes

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A change as a directory has it; ``path`` is where it stands, for messages."""

    version: str
    name: str
    statement: str
    path: str
    revert: str | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one file; ``code`` is stable."""

    path: str
    code: str
    message: str


class LayoutError(ValueError):
    """A directory is no release; every mistake is named."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__("; ".join(f"{m.path}: {m.message}" for m in self.mistakes[:10]))


class Mistakes:
    """Collects mistakes, so that all are named at once."""

    def __init__(self) -> None:
        self._found: list[Mistake] = []

    def add(self, path: str, code: str, message: str) -> None:
        """One more."""
        self._found.append(Mistake(path, code, message))

    def text(self, file: SourceFile) -> str:
        """A file's text; without it, a mistake and nothing."""
        try:
            return file.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.add(file.path, "not_utf8", f"is not UTF-8 (byte {error.start})")
            return ""

    def version(self, file: SourceFile, version: str) -> bool:
        """Whether a version may be one; if not, a mistake."""
        if VERSION.fullmatch(version):
            return True
        self.add(file.path, "bad_version", f"{version!r} cannot be a version: letters, digits and . _ + - only")
        return False

    def twice(self, changes: Iterable[SourceChange], same: Iterable[object]) -> None:
        """Name every change whose version another one has, too.

        Args:
            same: what makes versions equal, one each: ``1.0`` may be the same as ``1``.
        """
        first: dict[object, SourceChange] = {}
        for change, key in zip(changes, same, strict=True):
            if key in first:
                message = f"has version {change.version}, as {first[key].path} has"
                self.add(change.path, "duplicate_version", message)
            first.setdefault(key, change)

    def end(self) -> None:
        """Raise `LayoutError` if there was any."""
        if self._found:
            raise LayoutError(self._found)


_TRANSACTION: Final = re.compile(
    r"\A((?:\s|--[^\n]*\n)*)BEGIN(?:\s+(?:WORK|TRANSACTION))?\s*;(.*)(?:COMMIT|END)(?:\s+(?:WORK|TRANSACTION))?\s*;"
    r"\s*\Z",
    re.DOTALL | re.IGNORECASE,
)


def without_transaction(script: str) -> str:
    """A script without the BEGIN and COMMIT around all of it, which are ours to send."""
    found = _TRANSACTION.match(script)
    return f"{found[1]}{found[2]}".strip("\n") + "\n" if found else script


def words(name: str) -> str:
    """A file's name as words: ``add_users-table`` is ``add users table``."""
    return " ".join(re.split(r"[_\-\s]+", name)).strip()[:200]
