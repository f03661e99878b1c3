"""Permissions and roles as data.

A permission is a ``resource.verb`` string.  Workspace roles give permissions everywhere, project roles inside one
project.
Service accounts and agents never get the verbs that only a person may use, whatever their role.
"""

from __future__ import annotations

from typing import Final

# Everybody who is signed in.
SIGNED_IN: Final = frozenset(
    {"account.self", "project.list", "environment.read", "tier.read", "group.read", "event.read"}
)

_VIEWER = frozenset({"project.read", "database.read", "release.read", "issue.read", "pipeline.read", "task.read"})
_DEVELOPER = _VIEWER | {
    "release.create",
    "check.report",
    "pipeline.create",
    "issue.create",
    "issue.edit",
    "issue.comment",
    "issue.cancel",
}
_RELEASER = _DEVELOPER | {
    "pipeline.hold",
    "stage.advance",
    "task.retry",
    "task.cancel",
    "task.skip",
    "task.settle",
    "task.sessions",
    "check.override",
    "stage.edit",
    "database.sync",
}
_OWNER = _RELEASER | {
    "issue.approve",
    "check.require",
    "project.edit",
    "project.freeze",
    "plugin.read",
    "plugin.edit",
    "repository.read",
    "repository.edit",
    "member.edit",
    "database.edit",
    "drift.accept",
}

PROJECT_ROLES: Final = {"viewer": _VIEWER, "developer": _DEVELOPER, "releaser": _RELEASER, "owner": _OWNER}

_WORKSPACE_DBA = _OWNER | {
    "instance.read",
    "instance.edit",
    "instance.sync",
    "schedule.edit",
    "environment.freeze",
    "workspace.stop",
    "stage.bypass",
    "database.edit",
    "user.read",
}
_WORKSPACE_ADMIN = _WORKSPACE_DBA | {
    "project.create",
    "project.delete",
    "environment.edit",
    "tier.edit",
    "group.edit",
    "user.edit",
    "service_account.edit",
    "audit.read",
    "metrics.read",
}

WORKSPACE_ROLES: Final = {
    "member": frozenset[str](),
    "dba": frozenset(_WORKSPACE_DBA),
    "admin": frozenset(_WORKSPACE_ADMIN),
}

# A machine can file, watch and report; it never approves and never overrides (8-api.md 8.3).
PEOPLE_ONLY: Final = frozenset(
    {
        "issue.approve",
        "task.skip",
        "task.settle",
        "drift.accept",
        "check.override",
        "check.require",
        "stage.edit",
        "stage.bypass",
        "environment.freeze",
        "project.freeze",
        "workspace.stop",
        "user.edit",
        "service_account.edit",
        "member.edit",
        "plugin.edit",
        "repository.edit",
        "tier.edit",
        "group.edit",
    }
)

# Machines may watch the machine.
MACHINES_TOO: Final = frozenset({"metrics.read"})

ALL: Final = SIGNED_IN | _OWNER | _WORKSPACE_ADMIN
