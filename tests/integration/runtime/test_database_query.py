"""Query tasks: what is asked, what the answer must be, what is kept of it, and what is never done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import PROJECT, Json, World, stage, task
from tests.mariadb_place import Place
from tests.mariadb_place import place as place
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server
from tests.waiting import eventually

Ask = Callable[..., Json]


def of(target: Any) -> Ask:
    """Makes the bodies of tasks that ask this database."""

    def ask(statement: str, **more: Any) -> Json:
        where = {"instance": target.instance, "database": target.id}
        return {**where, "type": "database.query", "statement": statement, **more}

    return ask


async def asked(world: World, *tasks: Json) -> list[Json]:
    """File a lone pipeline with these tasks, each in a stage of its own, and answer the tasks once they have ended."""
    stages = [stage(f"s{n}", "dev", one) for n, one in enumerate(tasks)]
    made = await world.ana.ok("POST", "/pipelines", project=PROJECT, stages=stages)

    async def over() -> list[int]:
        shown = await world.ana.ok("GET", f"/pipelines/{made['id']}/tasks")
        ended = all(t["status"] in ("succeeded", "failed", "canceled", "skipped") for t in shown["items"])
        return sorted(t["id"] for t in shown["items"]) if ended else []

    return [await world.task(i) for i in await eventually(over, 30)]


@pytest.fixture(params=["postgres", "mariadb"])
async def ask(request: pytest.FixtureRequest, world: World, place: Place) -> Ask:
    """One test for both engines: a database with three orders in it."""
    if request.param == "postgres":
        target = await world.target()
        await target.execute(
            "CREATE TABLE orders (id int, total int); INSERT INTO orders VALUES (1, 5), (2, 7), (3, 9)"
        )
        return of(target)
    await place.rows("CREATE TABLE orders (id int, total int)")
    await place.rows("INSERT INTO orders VALUES (1, 5), (2, 7), (3, 9)")
    return of(place)


async def test_an_expectation_that_is_met_succeeds(world: World, ask: Ask) -> None:
    none, true, any_ = await asked(
        world,
        ask("SELECT id FROM orders WHERE total < 0", expect="no_rows"),
        ask("SELECT count(*) = 3 FROM orders -- all of them", expect=True),
        ask("SELECT id, total FROM orders ORDER BY id;"),
    )
    assert [t["status"] for t in (none, true, any_)] == ["succeeded"] * 3, (none, true, any_)
    assert none["query"] == {"statement": "SELECT id FROM orders WHERE total < 0", "expect": "no_rows", "output": None}
    assert (none["outputs"], none["progress"]) == ({}, "no row")
    assert true["query"]["expect"] == "true"
    assert (any_["outputs"], any_["progress"]) == ({"id": 1, "total": 5}, "3 rows")


async def test_one_that_is_not_met_fails_and_shows_some_rows(world: World, ask: Ask) -> None:
    found, wrong, several = await asked(
        world,
        ask("SELECT id, total FROM orders ORDER BY id", expect="no_rows"),
        ask("SELECT count(*) = 4 FROM orders", expect="true"),
        ask("SELECT id FROM orders", expect="true"),
    )
    failure = found["failure"]
    assert (failure["kind"], failure["class"], failure["code"]) == ("check", "failed", "unexpected_rows")
    assert failure["message"] == "The query was to find no row, and it found 3 rows."
    assert failure["data"] == {
        "columns": ["id", "total"],
        "rows": [[1, 5], [2, 7], [3, 9]],
        "found": 3,
        "more": False,
    }
    assert wrong["failure"]["code"] == several["failure"]["code"] == "not_true"
    assert "3 rows" in several["failure"]["message"]
    assert [t["outputs"] for t in (found, wrong, several)] == [{}, {}, {}]
    # Who listens to events is told that it failed, and not what the rows hold.
    [(said,)] = await world.sql(
        "SELECT data -> 'failure' FROM event WHERE type = 'TASK_FAIL' AND (data ->> 'task')::bigint = :task",
        task=found["id"],
    )
    assert said["code"] == "unexpected_rows" and "data" not in said


async def test_outputs_are_named_columns_of_the_first_row(world: World, ask: Ask) -> None:
    named, missing, nothing, long = await asked(
        world,
        ask("SELECT count(*) AS n, 'x' AS word, NULL AS nought FROM orders", output={"orders": "n", "gap": "nought"}),
        ask("SELECT 1 AS n", output={"orders": "m"}),
        ask("SELECT id FROM orders WHERE id > 9", output={"order": "id"}),
        ask("SELECT repeat('x', 2000) AS n", output={"n": "n"}),
    )
    assert named["outputs"] == {"orders": 3, "gap": None}
    assert missing["failure"]["code"] == nothing["failure"]["code"] == "no_output"
    assert long["failure"]["code"] == "output_too_long"


async def test_no_more_is_read_than_somebody_can_look_at(world: World, ask: Ask) -> None:
    many = " UNION ALL ".join(["SELECT 1 AS n"] * 120)
    rows, large = await asked(
        world,
        ask(many, expect="no_rows"),
        ask("SELECT repeat('x', 70000) AS n"),
    )
    assert "100 rows and more" in rows["failure"]["message"]
    assert (len(rows["failure"]["data"]["rows"]), rows["failure"]["data"]["more"]) == (5, True)
    assert (large["failure"]["kind"], large["failure"]["code"]) == ("check", "row_too_large")


async def test_what_the_database_refuses_says_where(world: World, ask: Ask) -> None:
    (refused,) = await asked(world, ask("\n\nSELECT nothing\nFROM orders"))
    assert refused["failure"]["kind"] == "check"
    assert "nothing" in refused["failure"]["message"]


async def test_a_query_that_takes_too_long_is_stopped(world: World, ask: Ask) -> None:
    sleep = "pg_sleep(60)" if ask("SELECT 1")["instance"] == "pg-dev" else "sleep(60)"
    (late,) = await asked(world, ask(f"SELECT {sleep}", timeout=1))
    assert (late["failure"]["kind"], late["failure"]["code"], late["timeout"]) == ("timeout", "deadline", 1)


async def test_a_running_query_is_canceled(world: World, ask: Ask) -> None:
    sleep = "pg_sleep(60)" if ask("SELECT 1")["instance"] == "pg-dev" else "sleep(60)"
    made = await world.ana.ok("POST", "/pipelines", project=PROJECT, stages=[stage("s", "dev", ask(f"SELECT {sleep}"))])
    [shown] = (await world.ana.ok("GET", f"/pipelines/{made['id']}/tasks"))["items"]
    await world.until_task(shown["id"], "running")
    await world.rita.ok("POST", f"/tasks/{shown['id']}/cancel")
    ended = await world.until_task(shown["id"], "canceled")
    assert ended["failure"] is None


async def test_nothing_can_be_written_by_way_of_a_function(world: World) -> None:
    dev = await world.target()
    await dev.execute(
        "CREATE TABLE t (id int); CREATE SEQUENCE q;"
        "CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql AS"
        " $$ BEGIN SET LOCAL transaction_read_only = off; INSERT INTO t VALUES (1); RETURN 1; END $$"
    )
    ask = of(dev)
    sly, sequence = await asked(world, ask("SELECT sly()"), ask("SELECT nextval('q')"))
    assert {sly["failure"]["kind"], sequence["failure"]["kind"]} == {"check"}
    assert sequence["failure"]["code"] == "25006" and "file an issue" in sequence["failure"]["hint"]
    assert await dev.fetch("SELECT * FROM t") == []


async def test_nothing_can_be_written_by_way_of_a_function_on_mariadb(world: World, place: Place) -> None:
    await place.rows("CREATE TABLE t (id int) ENGINE = InnoDB")
    await place.rows(
        "CREATE FUNCTION sly() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (1); RETURN 1; END"
    )
    (sly,) = await asked(world, of(place)("SELECT sly()"))
    assert sly["failure"]["code"] == "1792" and "file an issue" in sly["failure"]["hint"]
    assert await place.rows("SELECT * FROM t") == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"statement": "DELETE FROM orders"}, "not_a_query"),
        ({"statement": "SELECT 1; SELECT 2"}, "not_a_query"),
        ({"statement": "-- nothing"}, "not_a_query"),
        ({"statement": "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone"}, "not_a_query"),
        ({"statement": "SELECT 1 INTO x"}, "not_a_query"),
        ({"statement": "SELECT * FROM orders FOR UPDATE"}, "query_acts"),
        ({"statement": "SELECT pg_catalog.pg_terminate_backend(1)"}, "query_acts"),
        ({"statement": "SELECT * FROM dblink('host=x', 'DROP TABLE t') AS t(a int)"}, "query_acts"),
        ({"statement": "SELECT 1", "release": 1}, "one_release"),
        ({"release": 1}, "query_release"),
        ({}, "required"),
        ({"statement": "SELECT 1 AS n", "output": {"not a name": "n"}}, "bad_output_name"),
        ({"statement": "SELECT 1 AS n", "output": {f"n{i}": "n" for i in range(40)}}, "too_many_outputs"),
        ({"statement": "SELECT " + " + ".join(["1"] * 20_000)}, "query_too_long"),
        ({"statement": "SELECT 1", "only_if": [{"output": "k", "value": 1}]}, "unknown_output"),
        ({"statement": "SELECT 1", "expect": False}, "bad_expectation"),
        ({"type": "database.change", "statement": "SELECT 1", "expect": "no_rows"}, "not_a_query_task"),
    ],
)
async def test_what_a_query_task_cannot_be(calm: World, wrong: Json, code: str) -> None:
    dev = await calm.target()
    body = {"type": "database.query", "instance": dev.instance, "database": dev.id, **wrong}
    status, _, problem = await calm.ana.refused("POST", "/pipelines", project=PROJECT, stages=[stage("s", "dev", body)])
    assert (status, problem["errors"][0]["code"]) == (422, code), problem
    assert await calm.sql("SELECT count(*) FROM pipeline") == [(0,)]


async def test_a_file_is_never_written_or_read(calm: World, place: Place) -> None:
    for statement in ("SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT load_file('/etc/passwd')"):
        body = of(place)(statement)
        _, _, problem = await calm.ana.refused("POST", "/pipelines", project=PROJECT, stages=[stage("s", "dev", body)])
        assert problem["errors"][0]["code"] == "query_acts", problem


async def test_a_query_needs_no_approval_and_a_change_beside_it_does(calm: World) -> None:
    staging = await calm.target("staging")
    query = of(staging)("SELECT 1")
    issue = await calm.file_stages(
        "CREATE TABLE t (id int)",
        stage("look", "staging", query),
        stage("both", "staging", query, task(staging, name="change")),
    )
    shown = await calm.stages(issue)
    assert [b["gate"] for b in shown["look"]["blockers"]] == []
    assert "approval" in [b["gate"] for b in shown["both"]["blockers"]]


async def test_another_question_is_another_digest(calm: World) -> None:
    dev = await calm.target()

    async def digest(**more: Any) -> str:
        issue = await calm.file_stages(None, stage("s", "dev", of(dev)("SELECT 1 AS n", **more)))
        return str((await calm.stages(issue))["s"]["digest"])

    found = [await digest(), await digest(), await digest(expect="no_rows"), await digest(output={"k": "n"})]
    assert found[0] == found[1] and len(set(found)) == 3
