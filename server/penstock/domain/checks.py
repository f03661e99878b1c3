"""Status checks: what other systems say of a release in an environment, and whether it may leave there.

The latest word counts, for each context and database; a word about no database in particular speaks for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from penstock.domain.errors import FieldError

State = Literal["pending", "success", "failure", "error"]
Standing = Literal["success", "error", "pending", "missing", "failure"]
STATES: Final[tuple[State, ...]] = ("pending", "success", "failure", "error")
# The mildest first.  An error is milder than what nobody can override: it must never hide that.
STANDINGS: Final[tuple[Standing, ...]] = ("success", "error", "pending", "missing", "failure")

CONTEXT_LENGTH: Final = 200
_CONTEXT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_.:-]+")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Report:
    """The latest word of one context about one database.

    Args:
        id: grows with every report of a release.
        database: its id; None: about all of the release's databases there.
    """

    id: int
    context: str
    database: int | None
    state: State


@dataclass(frozen=True, slots=True)
class Check:
    """How a context stands for a release in an environment.

    Args:
        revision: id of the newest report of this context: an override is for what was known then.
        database: the one that stands worst; None where the word is about all, or there is none.
        overridden: a person let this error pass, for this revision and one stage.
    """

    release: int
    environment: str
    context: str
    state: Standing
    revision: int | None = None
    database: str | None = None
    overridden: bool = False

    @property
    def passes(self) -> bool:
        """It does not hold the release."""
        return self.state == "success" or (self.state == "error" and self.overridden)


def stand(context: str, databases: Sequence[int], reports: Sequence[Report]) -> tuple[Standing, int | None, int | None]:
    """How a context stands: the worst of the latest word about each database.

    Args:
        databases: those that have the release.  None yet: whatever was reported counts.
        reports: the latest ones of the release in the environment, of any context; at most one for a database and
            one for all.

    Returns:
        Standing, the database that stands worst if the word is about it alone, and the revision.
    """
    own = [r for r in reports if r.context == context]
    revision = max((r.id for r in own), default=None)
    by_database = {r.database: r for r in own}
    for_all = by_database.pop(None, None)
    worst: tuple[Standing, int | None] = ("success", None)
    asked: Sequence[int] = databases or [d for d in by_database if d is not None]
    if not own or not asked:
        return (for_all.state if for_all else "missing"), None, revision
    for database in asked:
        word = by_database.get(database)
        if word is None or (for_all is not None and for_all.id > word.id):
            word = for_all
        state: Standing = "missing" if word is None else word.state
        if STANDINGS.index(state) > STANDINGS.index(worst[0]):
            worst = state, database if word is None or word.database is not None else None
    return *worst, revision


def mistakes(filed: Mapping[str, Any]) -> list[FieldError]:
    """Everything that is wrong with a report.

    Args:
        filed: context, state, and maybe target_url, commit, propagate and propogate.
    """
    found = []
    if not is_context(filed["context"]):
        message = "A context is system_type/unique_name, for example ci/circle."
        found.append(FieldError("context", message, "bad_context"))
    if filed["state"] not in STATES:
        found.append(FieldError("state", f"A state is one of {', '.join(STATES)}.", "bad_state"))
    if filed.get("target_url") is not None and not is_web_address(filed["target_url"]):
        found.append(FieldError("target_url", "Not an address that begins with http:// or https://.", "bad_url"))
    found += commit_mistakes(filed.get("commit"))
    given = {filed[key] for key in ("propagate", "propogate") if filed.get(key) is not None}
    if len(given) > 1:
        found.append(FieldError("propagate", "propagate and propogate contradict each other.", "contradiction"))
    return found


def is_context(text: str) -> bool:
    """Tell whether a text is ``system_type/unique_name``."""
    return len(text) <= CONTEXT_LENGTH and _CONTEXT.fullmatch(text) is not None


def commit_mistakes(commit: str | None) -> list[FieldError]:
    """What is wrong with a commit that a release was made from; nothing if none is given."""
    if commit is None or _COMMIT.fullmatch(commit) is not None:
        return []
    message = "A commit is its whole hash: 40 or 64 hexadecimal digits in lower case."
    return [FieldError("commit", message, "bad_commit")]


def is_web_address(text: str) -> bool:
    """Tell whether a text is an absolute http or https address that a page may link to."""
    try:
        parts = urlsplit(text)
        well = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
    return well and text.isprintable() and " " not in text
