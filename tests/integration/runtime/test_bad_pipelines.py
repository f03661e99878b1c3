"""Pipelines that make no sense: each mistake has a code of its own, all are named at once, and nothing is left behind.

Absurdly large ones are refused, or taken, before anybody gets impatient.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import PROJECT, Json, World, stage


def issue(**more: Any) -> Json:
    return {"project": PROJECT, "title": "x", "statement": "SELECT 1", **more}


async def nothing_is_left(world: World) -> None:
    for table in ("pipeline", "stage", "task", "issue", "release", "event"):
        assert await world.sql(f"SELECT count(*) FROM {table}") == [(0,)], table


# What is wrong with a pipeline whose stage and task would be fine: (stages, codes of the errors).
WORK: Json = {"instance": "pg-dev", "database": "pg-dev-db"}
WRONG: dict[str, tuple[list[Json], set[str]]] = {
    "a name twice": ([stage("a", "dev", WORK), stage("a", "dev", WORK)], {"duplicate_stage"}),
    "a task's name twice": (
        [stage("a", "dev", {**WORK, "name": "n"}, {**WORK, "name": "n"})],
        {"duplicate_task"},
    ),
    "two tasks without names": ([stage("a", "dev", WORK, WORK)], {"duplicate_task"}),
    "no task": ([stage("a", "dev")], {"empty_stage"}),
    "no stage": ([], {"no_stages"}),
    "a need of nothing": ([stage("a", "dev", WORK, needs=["b"])], {"unknown_need"}),
    "a need of itself": ([stage("a", "dev", WORK, needs=["a"])], {"self_need"}),
    "two in a circle": (
        [stage("a", "dev", WORK, needs=["b"]), stage("b", "dev", WORK, needs=["a"])],
        {"cyclic_needs"},
    ),
    "a need of a later phase": (
        [stage("a", "dev", WORK, needs=["b"]), stage("b", "dev", WORK, phase=1)],
        {"need_in_later_phase"},
    ),
    "no such environment": ([stage("a", "moon", WORK)], {"unknown_environment", "instance_outside_environment"}),
    "no such instance": ([stage("a", "dev", {**WORK, "instance": "moon"})], {"unknown_instance"}),
    "no such database": ([stage("a", "dev", {**WORK, "database": "moon"})], {"unknown_database"}),
    "no database": ([stage("a", "dev", {"instance": "pg-dev"})], {"required"}),
    "another environment's instance": ([stage("a", "prod", WORK)], {"instance_outside_environment"}),
    "a release and a statement": (
        [stage("a", "dev", {**WORK, "release": 1, "statement": "SELECT 1"})],
        {"one_release"},
    ),
    "everything at once": (
        [
            stage("a", "dev", {**WORK, "database": "moon"}, needs=["x"]),
            stage("a", "moon", {**WORK, "instance": "moon"}),
            stage("c", "dev"),
        ],
        {
            "duplicate_stage",
            "unknown_need",
            "unknown_database",
            "unknown_environment",
            "unknown_instance",
            "empty_stage",
        },
    ),
}


@pytest.fixture
async def furnished(calm: World) -> World:
    await calm.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, i.slug || '-db', p.id"
        " FROM instance i, project p WHERE p.slug = :project",
        project=PROJECT,
    )
    return calm


@pytest.mark.parametrize(("stages", "codes"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_named(furnished: World, stages: list[Json], codes: set[str]) -> None:
    status, code, problem = await furnished.ana.refused("POST", "/issues", **issue(pipeline={"stages": stages}))
    assert (status, {e["code"] for e in problem["errors"]}) == (422, codes)
    assert code == (codes.copy().pop() if len(codes) == 1 else "validation_failed")
    assert all(e["field"].startswith("pipeline.stages") and e["message"] for e in problem["errors"])
    await nothing_is_left(furnished)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phase": -1}, "phase"),
        ({"phase": 1.5}, "phase"),
        ({"phase": "first"}, "phase"),
        ({"phase": 10**30}, ""),
        ({"environment": None}, "environment"),
        ({"name": ""}, "name"),
        ({"name": "n" * 1_000_000}, "name"),
        ({"tasks": None}, "tasks"),
        ({"tasks": [{}]}, "instance"),
        ({"status": "succeeded"}, ""),
        ({"task_order": "random"}, "task_order"),
        ({"not_before": "yesterday"}, "not_before"),
        ({"max_parallel": 0}, ""),
    ],
)
async def test_what_has_the_wrong_shape_is_refused(furnished: World, change: Json, field: str) -> None:
    body = issue(pipeline={"stages": [{**stage("a", "dev", WORK, task_order="parallel"), **change}]})
    status, _, problem = await furnished.ana.refused("POST", "/issues", **body)
    assert status == 422
    assert any(field in e["field"] + e["message"] for e in problem["errors"]), problem
    await nothing_is_left(furnished)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"pipeline": {"stages": [stage("a", "dev", WORK)], "tasks": [WORK]}}, "stages_or_tasks"),
        ({"pipeline": {}}, "stages_or_tasks"),
        ({"pipeline": {"stages": [stage("a", "dev", WORK)]}, "targets": {"databases": [1]}}, None),
        ({"pipeline": {"tasks": [WORK, {"instance": "pg-prod", "database": "pg-prod-db"}]}}, "several_environments"),
        ({"statement": None, "release": {"changes": []}, "targets": {"environments": ["dev"]}}, None),
        ({"targets": {"environments": []}}, "no_targets"),
        ({"targets": {"databases": []}}, "no_targets"),
        ({"targets": {"databases": ["pg-dev/moon"]}}, "unknown_database"),
        ({"targets": {"databases": ["pg-dev/pg-dev-db", "pg-dev/pg-dev-db"]}}, "duplicate_target"),
        ({"targets": {}}, "no_targets"),
        (
            {
                "statement": None,
                "release": {"changes": [{"statement": "SELECT 1", "engine": "mysql"}]},
                "targets": {"environments": ["dev"]},
            },
            "engine_mismatch",
        ),
    ],
)
async def test_what_contradicts_itself_is_refused(furnished: World, more: Json, code: str | None) -> None:
    status, found, problem = await furnished.ana.refused("POST", "/issues", **issue(**more))
    assert status == 422
    assert code is None or code in (found, *(e["code"] for e in problem["errors"]))
    await nothing_is_left(furnished)


async def test_a_circle_of_a_thousand_is_named(furnished: World) -> None:
    stages = [stage(f"s{n}", "dev", WORK, needs=[f"s{(n + 1) % 1_000}"]) for n in range(1_000)]
    status, code, problem = await furnished.ana.refused("POST", "/issues", **issue(pipeline={"stages": stages}))
    assert (status, code) == (422, "cyclic_needs")
    [error] = problem["errors"]
    assert error["message"].startswith("These stages need each other in a circle of 1000: s0 needs s1 needs s2 ")
    assert len(error["message"]) < 500
    await nothing_is_left(furnished)


async def test_ten_thousand_stages_are_too_many(furnished: World) -> None:
    stages = [stage(f"s{n}", "dev", WORK, needs=[f"s{n - 1}"] if n else []) for n in range(10_000)]
    status, code, problem = await furnished.ana.refused("POST", "/issues", **issue(pipeline={"stages": stages}))
    assert (status, code) == (422, "too_many_stages")
    assert problem["errors"][0]["message"] == "A pipeline has at most 1,000 stages, not 10,000."
    await nothing_is_left(furnished)


async def test_many_scripts_belong_into_releases(furnished: World) -> None:
    tasks = [{**WORK, "name": f"t{n}", "statement": f"SELECT {n}"} for n in range(301)]
    status, code, _ = await furnished.ana.refused(
        "POST", "/issues", **issue(statement=None, pipeline={"stages": [stage("a", "dev", *tasks)]})
    )
    assert (status, code) == (422, "too_many_statements")
    await nothing_is_left(furnished)


@pytest.mark.parametrize(
    "body",
    [
        '{"project": "shop", "title": "a", "title": "b", "statement": "SELECT 1"}',
        '{"project": "shop", "title": "a", "targets": {"databases": [1], "databases": [2]}, "statement": "SELECT 1"}',
        '{"project": "shop", "pipeline": {"stages": [{"name": "a", "environment": "dev", "environment": "prod"}]}}',
        '{"project": "shop", "labels": {"a": "1", "\\u0061": "2"}}',
    ],
)
async def test_a_key_twice_is_refused(furnished: World, body: str) -> None:
    """Whoever reads the request on its way may take the other one for what is meant."""
    answer = await furnished.ana.post("/issues", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "duplicate_key")
    await nothing_is_left(furnished)


@pytest.mark.parametrize("deep", ["[" * 200_000, '{"a":' * 200_000, '{"title": "x", "labels": ' + '{"a":' * 50_000])
async def test_deep_nesting_is_refused(furnished: World, deep: str) -> None:
    answer = await furnished.ana.post("/issues", content=deep, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    closed = json.dumps(issue(labels={"a": "b"})).replace('"b"', "[" * 5_000 + "]" * 5_000)
    answer = await furnished.ana.post("/issues", content=closed, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    await nothing_is_left(furnished)
