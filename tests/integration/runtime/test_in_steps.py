"""A change with statements outside of a transaction, from its review to its correction after half of it was applied."""

from __future__ import annotations

from tests.builders import World

STATEMENT = """\
CREATE TABLE t (a int);
INSERT INTO t VALUES (1), (1);
CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);
INSERT INTO t VALUES (2);"""


async def test_it_runs_in_steps_and_is_corrected_without_running_any_of_them_twice(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file(STATEMENT, dev)
    release = await world.ana.ok("GET", f"/releases/{issue['release']}")
    steps = release["changes"][0]["steps"]
    assert [(s["transactional"], s["line"], s["undecidable"]) for s in steps] == [
        (True, 1, False),
        (False, 3, False),
        (True, 4, False),
    ]
    await world.until(issue, "failed")
    (task,) = await world.tasks(issue)
    assert (task["failure"]["code"], task["failure"]["line"]) == ("23505", 3)
    assert await dev.fetch("SELECT a FROM t") == [(1,), (1,)] and await dev.ledger() == []

    path = f"/issues/{issue['id']}/release"
    other = STATEMENT.replace("(1), (1)", "(1), (2)")
    status, code, problem = await world.ana.refused("PUT", path, statement=other)
    assert (status, code) == (409, "conflict") and "line 2, column 28" in problem["detail"]

    corrected = STATEMENT.replace("UNIQUE ", "")
    await world.ana.ok("PUT", path, statement=corrected)
    await world.rita.ok("POST", f"/tasks/{task['id']}/retry")
    await world.until(issue, "succeeded")
    assert await dev.fetch("SELECT a FROM t ORDER BY a") == [(1,), (1,), (2,)]
    assert len(await dev.ledger()) == 1


async def test_what_cannot_be_decided_is_labelled_before_it_is_approved(calm: World) -> None:
    statement = "CREATE TABLE t (a int);\nDROP SUBSCRIPTION s;\nVACUUM t;"
    found = await calm.ana.ok("POST", "/reviews", engine="postgres", statement=statement)
    assert [s["undecidable"] for s in found["steps"]] == [False, True, False]
    assert [(f["rule"], f["severity"], f["line"]) for f in found["findings"]] == [
        ("undecidable", "warning", 2),
        ("non-transactional", "info", 2),
        ("non-transactional", "info", 3),
        ("several-steps", "warning", None),
    ]
