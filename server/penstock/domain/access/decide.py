"""Who may do what: one pure function that every route and service asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.domain.access import permission
from penstock.domain.errors import Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request.

    Args:
        id: account id.
        kind: ``person`` or ``service_account``.
        workspace_role: ``admin``, ``dba`` or ``member``.
        projects: project id -> project role.
        groups: slugs of the groups that the caller belongs to.
    """

    id: int
    kind: str
    name: str
    email: str | None
    workspace_role: str
    projects: Mapping[int, str] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()

    @property
    def is_person(self) -> bool:
        """People approve and override; machines do not."""
        return self.kind == "person"

    @property
    def sees_all_projects(self) -> bool:
        """Admins and DBAs see every project; everybody else those they are a member of."""
        return "project.read" in permission.WORKSPACE_ROLES[self.workspace_role]


def permissions(principal: Principal, project: int | None = None) -> frozenset[str]:
    """All permissions of a caller: in the workspace, or in one project when it is given."""
    held = permission.SIGNED_IN | permission.WORKSPACE_ROLES[principal.workspace_role]
    if project is not None and (role := principal.projects.get(project)):
        held |= permission.PROJECT_ROLES[role]
    return held if principal.is_person else held - permission.PEOPLE_ONLY | permission.MACHINES_TOO


def allowed(principal: Principal, verb: str, project: int | None = None) -> bool:
    """Tell whether the caller holds a permission."""
    return verb in permissions(principal, project)


def anywhere(principal: Principal, verb: str) -> bool:
    """Tell whether the caller holds a permission in the workspace or in at least one project."""
    return allowed(principal, verb) or any(allowed(principal, verb, p) for p in principal.projects)


def require(principal: Principal, verb: str, project: int | None = None) -> None:
    """Raise unless the caller holds a permission.

    Raises:
        NotFound: the caller may not even see the project: what you may not see does not exist.
        Forbidden: the caller sees it but may not do this.
    """
    if allowed(principal, verb, project):
        return
    if project is not None and not allowed(principal, "project.read", project):
        raise NotFound
    raise Forbidden(f"This needs the permission {verb}. Ask a project owner or a workspace administrator for it.")
