"""The commit statuses of one project as GitLab keeps them, for the hosts of the tests.

Source: GitLab's "Commits" API (v4), https://docs.gitlab.com/api/commits/#commit-status, and what its service
``Ci::CreateCommitStatusService`` does: the status of a name that is pending or running is moved, one that was decided
stays and gets another beside it, and a move that there is not is refused with the words of its state machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STATES = ("pending", "running", "success", "failed", "canceled", "skipped")
UNDECIDED = ("pending", "running")
# What a status cannot become, by the event that would make it that.
REFUSED = {("pending", "pending"): "enqueue", ("pending", "running"): "enqueue", ("running", "running"): "run"}


@dataclass
class Statuses:
    """What was said of commits.

    Args:
        rows: every status, the oldest first, as the API shows it.
        unwritten: what those who write are answered instead, while it is set.
        unread: what those who read are answered instead, while it is set.
        filters: by the name that is asked for; a server between us and it may have forgotten the query.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    unwritten: int | None = None
    unread: int | None = None
    filters: bool = True

    def say(self, sha: str, given: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer ``POST /projects/:id/statuses/:sha``."""
        if self.unwritten is not None:
            return self.unwritten, {"message": f"{self.unwritten} of the test"}
        state, name = given.get("state"), given.get("name") or given.get("context") or "default"
        if state not in STATES:
            return 400, {"error": "state does not have a valid value"}
        row = next((r for r in self._of(sha, name) if r["status"] in UNDECIDED), None)
        if row is not None and (event := REFUSED.get((state, row["status"]))) is not None:
            why = f'(Reason(s): Status cannot transition via "{event}")'
            return 400, {"message": f"Cannot transition status via :{event} from :{row['status']} {why}"}
        if row is None:
            row = {"id": len(self.rows) + 1, "sha": sha, "name": name, "description": None, "target_url": None}
            self.rows.append(row)
        about = {key: given[key] for key in ("description", "target_url") if key in given}
        row |= {"status": state, **about}
        return 201, row

    def listing(self, sha: str, name: str | None) -> tuple[int, Any]:
        """Answer ``GET /projects/:id/repository/commits/:sha/statuses``: the latest of each name."""
        if self.unread is not None:
            return self.unread, {"message": f"{self.unread} of the test"}
        latest = {row["name"]: row for row in self.rows if row["sha"] == sha}
        return 200, [row for row in latest.values() if name in (None, row["name"]) or not self.filters]

    def of(self, sha: str, name: str) -> list[str]:
        """Every status of a name at a commit, the oldest first."""
        return [row["status"] for row in self._of(sha, name)]

    def _of(self, sha: str, name: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if (row["sha"], row["name"]) == (sha, name)]
