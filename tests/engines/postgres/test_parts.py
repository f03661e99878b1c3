"""Parts of the PostgreSQL engine that need no server."""

from __future__ import annotations

import pytest

from penstock.domain.errors import ValidationFailed
from penstock.engines.base import FAILURE_CLASS, Failure, Target, application_name
from penstock.engines.patience import backoff
from penstock.engines.postgres.activity import is_older_attempt
from penstock.engines.postgres.connect import without_user
from penstock.engines.postgres.ledger import grants
from penstock.engines.postgres.sqlstates import Reaction, reaction
from penstock.engines.registry import engine_for


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("40001", Reaction.AGAIN),
        ("40P01", Reaction.AGAIN),
        ("55P03", Reaction.AGAIN),
        ("57P03", Reaction.RECONNECT),
        ("53300", Reaction.RECONNECT),
        ("08006", Reaction.UNCERTAIN),
        ("08P01", Reaction.UNCERTAIN),
        ("40003", Reaction.UNCERTAIN),
        ("57P01", Reaction.UNCERTAIN),
        ("57P02", Reaction.UNCERTAIN),
        (None, Reaction.UNCERTAIN),
        ("57014", Reaction.INTERRUPTED),
        ("23505", Reaction.FINAL),
        ("42P01", Reaction.FINAL),
    ],
)
def test_reactions(sqlstate: str | None, expected: Reaction) -> None:
    assert reaction(sqlstate) is expected


@pytest.mark.parametrize(
    ("deployment", "name"),
    [
        ("test", "penstock:test:7:a2"),
        ("a:b c", "penstock:a_b_c:7:a2"),
        ("0192f0c0-1111-7abc-8def-0123456789ab", "penstock:0192f0c0-1111-7abc-8def-0123456789ab:7:a2"),
        ("x" * 80, "penstock:" + "x" * 49 + ":7:a2"),
    ],
)
def test_a_session_is_named_after_its_attempt(deployment: str, name: str) -> None:
    assert application_name(deployment, 7, 2) == name
    assert len(name) <= 63


@pytest.mark.parametrize(
    ("theirs", "mine", "older"),
    [
        ("penstock:d:7:a1", "penstock:d:7:a2", True),
        ("penstock:d:7:a2", "penstock:d:7:a2", False),
        ("penstock:d:7:a10", "penstock:d:7:a9", False),
        ("penstock:d:8:a1", "penstock:d:7:a2", False),
        ("penstock:e:7:a1", "penstock:d:7:a2", False),
        ("penstock:d:7:a1", "penstock", False),
        ("psql", "penstock:d:7:a2", False),
        ("", "penstock:d:7:a2", False),
        ("xpenstock:d:7:a1", "penstock:d:7:a2", False),
    ],
)
def test_only_an_older_attempt_of_the_same_task_is_ours_to_end(theirs: str, mine: str, older: bool) -> None:
    assert is_older_attempt(theirs, mine) is older


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ('"$user", public', "public"),
        ('public, "$user"', "public"),
        ('a, "$user", b', "a, b"),
        ('"$user"', "''"),
        ('"a,b", public', '"a,b", public'),
    ],
)
def test_the_schema_of_the_user_is_taken_out_of_a_search_path(path: str, expected: str) -> None:
    assert without_user(path) == expected


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [backoff(tries) for tries in (0, 1, 2, 3, 1000)]
    assert pauses == sorted(pauses) and pauses[-1] == 2.0


def test_every_kind_of_failure_has_its_class() -> None:
    assert {kind for kind, found in FAILURE_CLASS.items() if found == "error"} == {
        "infrastructure",
        "tampered",
        "outcome_unknown",
    }
    assert Failure("check", "verify_failed", "no").failure_class == "failed"


def test_a_login_is_quoted_in_the_grants() -> None:
    assert 'TO "we""ird"' in grants('we"ird')


def test_a_password_is_not_in_a_representation() -> None:
    assert "hush" not in repr(Target("postgres", "h", 1, "u", "hush"))


def test_the_registry() -> None:
    assert engine_for("postgres") is engine_for("postgres")
    with pytest.raises(ValidationFailed, match="oracle"):
        engine_for("oracle")
