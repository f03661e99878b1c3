"""What an approval is bound to: every fact of a task that matters moves the digest of its stage."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from penstock.domain import digest

TARGET = {"engine": "postgres", "host": "db", "port": 5432, "database": "shop", "server": "7"}
RELEASE = digest.of_release([("1", "", digest.of_bytes(b"SELECT 1"))])


def test_a_release_is_its_lines() -> None:
    changes = [("v1", "Add t", digest.of_bytes(b"a")), ("v2", "", digest.of_bytes(b"b"))]
    a, b = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()
    expected = hashlib.sha256(f"v1\tAdd t\t{a}\nv2\t\t{b}\n".encode()).hexdigest()
    assert digest.of_release(changes) == f"sha256:{expected}"
    assert digest.of_release(changes[::-1]) != digest.of_release(changes)


@pytest.mark.parametrize(
    "other",
    [
        {"operation": "schema.sync"},
        {"release": digest.of_bytes(b"other")},
        {"release": None},
        {"options": {"lock_timeout": 3}},
        *({"target": {**TARGET, key: "else"}} for key in TARGET),
        {"target": {**TARGET, "server": None}},
    ],
)
def test_everything_counts(other: dict[str, Any]) -> None:
    facts: dict[str, Any] = {"operation": "database.change", "release": RELEASE, "options": {}, "target": TARGET}
    assert digest.of_task(**facts) != digest.of_task(**{**facts, **other})


def test_the_order_of_keys_does_not_count_but_that_of_tasks_does() -> None:
    turned = dict(reversed(TARGET.items()))
    assert digest.of_task("x", None, {}, TARGET) == digest.of_task("x", None, {}, turned)
    assert digest.of_stage(["sha256:1", "sha256:2"]) != digest.of_stage(["sha256:2", "sha256:1"])
    assert digest.of_stage(["sha256:1"]) != digest.of_stage(["sha256:1", "sha256:1"])
