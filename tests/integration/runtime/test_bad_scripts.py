"""Scripts that cannot be applied as they stand: reviewed with a finding, refused when filed, never an error of ours."""

from __future__ import annotations

import pytest

from tests.builders import Json, World

SCRIPTS = [
    ("postgres", "SELECT 1;\nSELECT 'a", "unclosed_quote", 2),
    ("postgres", "SELECT 1 /* a", "unclosed_comment", 1),
    ("postgres", "DO $x$ BEGIN", "unclosed_dollar_quote", 1),
    ("postgres", "\\i other.sql", "client_metacommand", 1),
    ("postgres", "SELECT 1;\n\\copy t from 'f'", "client_metacommand", 2),
    ("postgres", "COPY t FROM stdin;\n1\n\\.\n", "copy_from_stdin", 1),
    ("postgres", "SELECT 1;\nBEGIN;\nSELECT 2;", "transaction_control", 2),
    ("mariadb", "SELECT `a", "unclosed_quote", 1),
    ("mariadb", "/*!50000 DROP TABLE t;", "unclosed_comment", 1),
    ("mariadb", "SELECT 1;\nDELIMITER\n", "bad_delimiter", 2),
    ("mariadb", "CREATE PROCEDURE p() BEGIN SELECT 1; END", "unclosed_compound", 1),
    ("mariadb", "-- a\rDROP TABLE t;", "lone_carriage_return", 1),
    ("mariadb", "source other.sql", "client_metacommand", 1),
    ("mariadb", "/*! COMMIT */", "transaction_control", 1),
]


@pytest.mark.parametrize(("engine", "statement", "code", "line"), SCRIPTS)
async def test_a_bad_script_is_found_by_review_and_refused_when_filed(
    calm: World, engine: str, statement: str, code: str, line: int
) -> None:
    review = await calm.ana.ok("POST", "/reviews", engine=engine, statement=statement)
    rule = "transaction-nesting" if code == "transaction_control" else code.replace("_", "-")
    assert (rule, "error", line) in [(f["rule"], f["severity"], f["line"]) for f in review["findings"]]

    dev = await calm.target("dev")
    change = {"version": "1", "name": "bad", "statement": statement, "engine": engine}
    body = {"project": "shop", "title": "Bad", "release": {"changes": [change]}, "targets": {"databases": [dev.id]}}
    answer = await calm.ana.post("/issues", json=body)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["code"], error["field"]) == (code, "release.changes[0].statement")
    assert error["message"].startswith(f"Line {line}, column ")


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
@pytest.mark.parametrize("statement", ["SELECT '\0'", "SELECT 1;\0DROP TABLE t"])
async def test_a_nul_is_refused_before_anybody_reads_on(calm: World, engine: str, statement: str) -> None:
    answer = await calm.ana.post("/reviews", json={"engine": engine, "statement": statement})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_what_is_not_utf_8_is_refused(calm: World) -> None:
    body = '{"engine": "postgres", "statement": "SELECT \'schön\'"}'.encode("latin-1")
    answer = await calm.ana.post("/reviews", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
async def test_nine_megabytes_in_one_statement_are_left_to_a_person(calm: World, engine: str) -> None:
    statement = "ALTER TABLE t COMMENT '" + "x" * 9_000_000 + "'"
    review = await calm.ana.ok("POST", "/reviews", engine=engine, statement=statement)
    assert "unparsable" in {f["rule"] for f in review["findings"]}
    [step] = review["steps"]
    assert (step["kinds"], step["opaque"]) == (["unknown"], True)


async def test_more_than_the_limit_is_too_large(calm: World) -> None:
    answer = await calm.ana.post("/reviews", json={"engine": "postgres", "statement": "x" * (10 * 1024 * 1024 + 1)})
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_a_comment_that_hides_a_drop_is_shown_as_what_is_inside(calm: World) -> None:
    review = await calm.ana.ok("POST", "/reviews", engine="mariadb", statement="/*!50000 DROP TABLE carts */;")
    assert "destructive" in {f["rule"] for f in review["findings"]}
    [step] = review["steps"]
    assert (step["kinds"], step["drops"], step["destructive"]) == (["drop_table"], ["carts"], True)


async def test_what_cannot_be_parsed_does_not_run_before_a_person_says_so(world: World) -> None:
    """On the most open tier, too: unknown is never safe."""
    dev = await world.target("dev")
    issue = await world.file("CREATE TABLE shipped (a int) WITH OIDS AND MORE", dev)
    stage = (await world.stages(issue))["dev"]
    assert [b["gate"] for b in stage["blockers"]] == ["approval"] and stage["status"] == "waiting"
    assert (await world.ana.refused("POST", f"/issues/{issue['id']}/approvals", **approval(stage)))[0] == 403
    await world.decide(world.bo, issue, "dev")
    [task] = await world.tasks(issue)
    failed = await world.until_task(task["id"], "failed")
    assert failed["failure"]["code"] == "42601"


def approval(stage: Json) -> Json:
    """The body that approves a stage."""
    return {"stages": ["dev"], "digest": {"dev": stage["digest"]}, "decision": "approve", "comment": ""}
