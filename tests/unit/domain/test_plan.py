"""From a release and its targets to stages and tasks."""

from __future__ import annotations

import pytest

from penstock.domain.errors import ValidationFailed
from penstock.domain.pipeline.plan import TargetDatabase, plan


def target(id_: int, environment: str, position: int, instance: str = "pg", engine: str = "postgres") -> TargetDatabase:
    return TargetDatabase(
        id=id_,
        name=f"db{id_}",
        instance_id=position + 1,
        instance=f"{instance}-{environment}",
        engine=engine,
        host="db.example.com",
        port=5432,
        server_identity="7",
        environment_id=100 + position,
        environment=environment,
        environment_position=position,
    )


DEV, STAGING = target(1, "dev", 0), target(2, "staging", 1)
PROD, PROD_2 = target(3, "prod", 2), target(4, "prod", 2, "a")


def test_one_stage_per_environment_in_order_each_needing_the_one_before() -> None:
    stages = plan([None], [PROD, DEV, PROD_2, STAGING])
    assert [(s.name, s.needs, [t.name for t in s.tasks]) for s in stages] == [
        ("dev", (), ["pg-dev/db1"]),
        ("staging", (0,), ["pg-staging/db2"]),
        ("prod", (1,), ["a-prod/db4", "pg-prod/db3"]),
    ]


def test_an_environment_that_is_left_out_leaves_no_gap() -> None:
    assert [(s.name, s.needs) for s in plan([None], [PROD, DEV])] == [("dev", ()), ("prod", (0,))]


def test_no_target_is_refused() -> None:
    with pytest.raises(ValidationFailed) as refused:
        plan([None], [])
    assert refused.value.code == "no_targets"


def test_every_engine_mismatch_is_named() -> None:
    with pytest.raises(ValidationFailed) as refused:
        plan(["postgres", None, "mariadb"], [DEV, target(5, "dev", 0, engine="mysql")])
    assert refused.value.code == "engine_mismatch"
    assert [e.field for e in refused.value.errors] == [
        "release.changes[0].engine",
        "release.changes[2].engine",
        "release.changes[2].engine",
    ]
