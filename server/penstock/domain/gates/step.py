"""A step of an approval tier: how many of which people must say yes, and the words for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

ROLE_LABELS: Final = {
    "project:owner": "project owner",
    "project:releaser": "releaser",
    "project:developer": "developer",
    "workspace:dba": "DBA",
    "workspace:admin": "administrator",
}


class Filler(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may fill a step: a role (``project:owner``, ``workspace:dba``), a group by slug, or one user by e-mail."""

    role: str | None = None
    user: str | None = None
    group: str | None = None

    @property
    def label(self) -> str:
        """How blockers and pages name it."""
        if self.role:
            return f"role:{self.role}"
        return f"group:{self.group}" if self.group else f"user:{self.user}"

    @property
    def words(self) -> str:
        """How a sentence names it."""
        if self.role:
            return ROLE_LABELS.get(self.role, self.role)
        return f"group {self.group}" if self.group else str(self.user)


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``count`` different people out of ``any_of`` must approve."""

    any_of: tuple[Filler, ...]
    count: int = 1

    @property
    def words(self) -> str:
        """``project owner or DBA``."""
        return in_words(self.any_of)

    @property
    def label(self) -> str:
        """``project owner or DBA``, with the number of people when it is more than one."""
        return self.words if self.count == 1 else f"{self.count} × {self.words}"


def in_words(fillers: Iterable[Filler]) -> str:
    """``project owner or group payments``."""
    return " or ".join(f.words for f in fillers)
