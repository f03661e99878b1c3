"""Events in words, for people who read them in a chat or a mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_SAYS: Final[Mapping[str, str]] = {
    "PIPELINE_START": "started (attempt {attempt})",
    "PIPELINE_SUCCESS": "everything is applied",
    "PIPELINE_FAIL": "did not pass",
    "PIPELINE_COMPLETE": "ended",
    "PIPELINE_HELD": "paused: {reason}",
    "PIPELINE_RESUMED": "goes on",
    "TASK_START": "{name} began",
    "TASK_SUCCESS": "{name} succeeded",
    "TASK_FAIL": "{name} failed",
    "TASK_COMPLETE": "{name} ended: {outcome}",
    "ISSUE_CREATED": "was filed",
    "ISSUE_UPDATED": "was edited",
    "ISSUE_CANCELED": "was canceled",
    "ISSUE_REOPENED": "was reopened",
    "COMMENTED": "has a new comment",
    "APPROVAL_REQUESTED": "{stage} waits for an approval",
    "APPROVED": "{stage} was approved",
    "REJECTED": "changes of {stage} were asked for",
    "STAGE_OPENED": "{stage} may run",
    "STAGE_CLOSED": "{stage} may not run any more",
    "STAGE_SKIPPED": "{stage} was passed over ({reason})",
    "STAGE_ADVANCED": "{stage} was run by hand",
    "STAGE_BYPASSED": "gates of {stage} were bypassed: {reason}",
    "CHECK_REPORTED": "{context} says {state} of release {release} in {environment}",
    "CHECK_OVERRIDDEN": "checks of {stage} were overridden: {reason}",
    "SYNC_COMPLETE": "the schema was read",
    "DRIFT_OPENED": "{database} is not as Penstock left it",
    "DRIFT_IGNORED": "the drift of {database} is ignored",
    "DRIFT_ENDED": "the drift of {database} ended: {how}",
}
_LONGEST: Final = 500


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def line(event: Mapping[str, Any]) -> str:
    """One line about an event.

    Args:
        event: ``type, data`` and where known ``project, issue, title, actor``.
    """
    data = event.get("data") or {}
    facts = _Facts({key: _plain(str(value)) for key, value in data.items() if not isinstance(value, (dict, list))})
    stages = data.get("stages")
    if isinstance(stages, list):
        facts.setdefault("stage", ", ".join(_plain(str(s)) for s in stages))
    kind = str(event["type"])
    said = _SAYS.get(kind, kind.replace("_", " ").lower()).format_map(facts)
    about = [_plain(str(event["project"]))] if event.get("project") else []
    if event.get("issue"):
        title = f" “{_plain(str(event['title']))}”" if event.get("title") else ""
        about.append(f"#{event['issue']}{title}")
    actor = event.get("actor")
    by = f" ({_plain(str(actor['name']))})" if actor else ""
    return (" ".join(about) + ": " if about else "") + said + by


def _plain(text: str) -> str:
    """Hostile text on one line: no control characters, not endless."""
    return "".join(c if c.isprintable() else " " for c in text)[:_LONGEST]
