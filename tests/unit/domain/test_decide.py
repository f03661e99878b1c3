"""Who may do what, as one matrix."""

from __future__ import annotations

import pytest

from penstock.domain.access import permission
from penstock.domain.access.decide import Principal, allowed, anywhere, require
from penstock.domain.errors import Forbidden, NotFound

PROJECT, OTHER = 1, 2


def principal(workspace: str = "member", project: str | None = None, kind: str = "person") -> Principal:
    return Principal(7, kind, "x", "x@example.com", workspace, {PROJECT: project} if project else {})


CALLERS = {
    "stranger": principal(),
    "viewer": principal(project="viewer"),
    "developer": principal(project="developer"),
    "releaser": principal(project="releaser"),
    "owner": principal(project="owner"),
    "dba": principal("dba"),
    "admin": principal("admin"),
    "robot": principal(project="owner", kind="service_account"),
}

# In a project: x may, . may not.
MATRIX = """
                    stranger viewer developer releaser owner dba admin robot
event.read             x       x        x         x      x    x    x     x
project.read           .       x        x         x      x    x    x     x
issue.read             .       x        x         x      x    x    x     x
issue.create           .       .        x         x      x    x    x     x
issue.cancel           .       .        x         x      x    x    x     x
pipeline.hold          .       .        .         x      x    x    x     x
stage.advance          .       .        .         x      x    x    x     x
task.retry             .       .        .         x      x    x    x     x
task.cancel            .       .        .         x      x    x    x     x
task.skip              .       .        .         x      x    x    x     .
issue.approve          .       .        .         .      x    x    x     .
project.edit           .       .        .         .      x    x    x     x
member.edit            .       .        .         .      x    x    x     .
instance.edit          .       .        .         .      .    x    x     .
user.read              .       .        .         .      .    x    x     .
tier.edit              .       .        .         .      .    .    x     .
environment.edit       .       .        .         .      .    .    x     .
user.edit              .       .        .         .      .    .    x     .
audit.read             .       .        .         .      .    .    x     .
"""


def _cells() -> list[tuple[str, str, bool]]:
    header, *rows = [line.split() for line in MATRIX.strip().splitlines()]
    return [(row[0], who, mark == "x") for row in rows for who, mark in zip(header, row[1:], strict=True)]


@pytest.mark.parametrize(("verb", "who", "may"), _cells())
def test_matrix(verb: str, who: str, may: bool) -> None:
    assert verb in permission.ALL
    assert allowed(CALLERS[who], verb, PROJECT) is may


def test_a_project_role_ends_at_the_project() -> None:
    owner = CALLERS["owner"]
    assert not allowed(owner, "issue.create", OTHER) and not allowed(owner, "issue.create")
    assert anywhere(owner, "issue.create") and not anywhere(owner, "tier.edit")


def test_what_you_may_not_see_does_not_exist() -> None:
    with pytest.raises(NotFound):
        require(CALLERS["owner"], "issue.create", OTHER)
    with pytest.raises(Forbidden, match=r"task\.retry"):
        require(CALLERS["developer"], "task.retry", PROJECT)
    require(CALLERS["releaser"], "task.retry", PROJECT)


def test_only_a_person_ever_gets_the_verbs_of_people() -> None:
    for workspace in permission.WORKSPACE_ROLES:
        for role in permission.PROJECT_ROLES:
            machine = principal(workspace, role, kind="service_account")
            assert not any(allowed(machine, verb, PROJECT) for verb in permission.PEOPLE_ONLY)


def test_every_role_holds_known_permissions() -> None:
    for held in (*permission.WORKSPACE_ROLES.values(), *permission.PROJECT_ROLES.values()):
        assert held <= permission.ALL
