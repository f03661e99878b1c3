"""Finds the embedded server that another process runs, to look into it; never starts one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from penstock.embedded.cluster import SUPERUSER


def running_url(root: Path) -> str | None:
    """A SQLAlchemy URL of the server of a data directory; None when none has been started there, or it is stopped.

    Raises:
        PermissionError: this account may not read its password.
    """
    try:
        lines = (root / "pgdata" / "postmaster.pid").read_text().splitlines()
        password = (root / "password").read_text()
    except FileNotFoundError:
        return None
    return f"postgresql+asyncpg://{SUPERUSER}:{quote(password, safe='')}@127.0.0.1:{lines[3]}/postgres"
