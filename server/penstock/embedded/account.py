"""The operating system account that PostgreSQL runs as: it refuses to run as root, so root hands over."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from penstock.embedded.errors import EmbeddedPostgresError

_CANDIDATES = ("penstock", "nobody")


class Credentials(TypedDict, total=False):
    """Keyword arguments of subprocess functions that switch the account; empty to stay who we are."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """Who PostgreSQL runs as.

    Args:
        name: the account's name, for messages.
        uid: its user id.
        gid: its group id.
        switch: false when it is the account that we run as ourselves.
    """

    name: str
    uid: int
    gid: int
    switch: bool

    @classmethod
    def choose(cls) -> Account:
        """Ourselves, or when we are root: ``$PENSTOCK_PG_USER``, ``penstock`` or ``nobody``.

        Raises:
            EmbeddedPostgresError: we are root and none of these accounts exists.
        """
        if os.geteuid():
            return cls(str(os.geteuid()), os.geteuid(), os.getegid(), switch=False)
        wanted = os.environ.get("PENSTOCK_PG_USER")
        for name in (wanted,) if wanted else _CANDIDATES:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(name, entry.pw_uid, entry.pw_gid, switch=True)
        raise EmbeddedPostgresError(
            f"PostgreSQL must not run as root, and there is no account {wanted or ' or '.join(_CANDIDATES)}."
            " Name one in PENSTOCK_PG_USER."
        )

    def credentials(self) -> Credentials:
        """Arguments for subprocess functions that make the child run as this account."""
        return Credentials(user=self.uid, group=self.gid, extra_groups=[]) if self.switch else Credentials()

    def take(self, path: Path) -> None:
        """Make this account the owner of a file or directory."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def check_reach(self, directory: Path) -> None:
        """Make sure that this account can enter a directory.

        Raises:
            EmbeddedPostgresError: a directory above is closed to it.
        """
        if not self.switch:
            return
        # A shell of that account is the only honest answer: ACLs and mounts decide too.
        entered = subprocess.run(
            ["/bin/sh", "-c", 'cd "$0"', directory], cwd="/", capture_output=True, **self.credentials()
        )
        if entered.returncode:
            raise EmbeddedPostgresError(
                f"PostgreSQL must not run as root, so it runs as {self.name}, who cannot reach {directory}."
                " Choose a data directory that is open to all, for example /var/lib/penstock."
            )
