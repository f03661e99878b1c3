"""When nobody can know whether a change took effect, a person looks and says so; until then nothing else runs there."""

from __future__ import annotations

import asyncio

import pytest

from penstock.engines.base import Failure
from penstock.runtime.work.base import shown
from penstock.services.attempts import Attempts
from penstock.store import runs
from tests.builders import Json, Target, World
from tests.hand import Hand
from tests.integration.runtime.test_mariadb import Place, file
from tests.integration.runtime.test_mariadb import place as place
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server
from tests.waiting import eventually

CHANGES = [{"version": v, "statement": f"CREATE TABLE t{v} (id int)"} for v in ("1", "2")]
DIFF = {"diff": [{"object": "t1", "before": None, "now": "CREATE TABLE t1 (id int)"}]}


async def unknown(world: World, target: Target, *, versions: int = 1) -> tuple[Json, Json]:
    """An issue whose first change may have been applied, and its task."""
    issue = await world.file(CHANGES[:versions], target)
    hand = await Hand(world.database).register()
    (claimed,) = await hand.claim()
    await hand.start(claimed)
    failure = Failure("outcome_unknown", "outcome_unknown", "Nobody can tell.", statement_index=0, data=DIFF)
    end = runs.End(claimed, "failed", shown(failure), "error", sent=True, changes={"1": "unknown"})
    await Attempts(world.database).end(claimed.pipeline_id, [end])
    (task,) = await world.tasks(issue)
    assert task["status"] == "failed"
    return issue, task


async def settle(world: World, task: Json, outcome: str) -> Json:
    """What the task is after a releaser's word."""
    body = {"outcome": outcome, "reason": "I looked."}
    found: Json = await world.rita.ok("POST", f"/tasks/{task['id']}/settle", **body)
    return found


async def test_what_is_known_is_shown_to_whom_may_settle_it(calm: World) -> None:
    issue, task = await unknown(calm, await calm.target("dev"))
    assert task["failure"]["data"] == DIFF
    shown = await calm.rita.ok("GET", f"/issues/{issue['id']}")
    assert "retry_failed" not in shown["pipeline"]["stages"][0]["actions"]  # nothing here can be tried again
    assert [c["state"] for c in task["changes"]] == ["unknown"]
    assert task["actions"] == []  # a developer may only look
    assert (await calm.rita.ok("GET", f"/tasks/{task['id']}"))["actions"] == ["settle"]


async def test_settled_as_applied_it_is_in_the_ledger_and_succeeds(calm: World) -> None:
    dev = await calm.target("dev")
    issue, task = await unknown(calm, dev)
    settled = await settle(calm, task, "applied")
    assert (settled["status"], settled["failure"]) == ("succeeded", None)
    assert [(c["version"], c["state"]) for c in settled["changes"]] == [("1", "applied")]
    [said] = settled["settlements"]
    assert (said["outcome"], said["reason"], said["person"]["name"]) == ("applied", "I looked.", "Rita")
    assert await dev.fetch("SELECT version, actor FROM penstock.ledger") == [("1", "rita@example.com")]
    assert (await calm.issue(issue))["status"] == "done"
    names = [t for t, _ in await calm.events(issue)]
    assert names[-5:] == ["TASK_SETTLED", "TASK_SUCCESS", "TASK_COMPLETE", "PIPELINE_SUCCESS", "PIPELINE_COMPLETE"] or (
        names[-6:] == ["TASK_SETTLED", "TASK_SUCCESS", "TASK_COMPLETE", "PIPELINE_START", *names[-2:]]
    )
    audited = await calm.sql("SELECT data->>'outcome', data->>'reason' FROM audit WHERE action = 'task.settle'")
    assert ("applied", "I looked.") in audited


async def test_settled_as_applied_it_goes_on_with_the_next_change(calm: World) -> None:
    dev = await calm.target("dev")
    issue, task = await unknown(calm, dev, versions=2)
    await dev.execute("CREATE TABLE t1 (id int)")
    assert (await settle(calm, task, "applied"))["status"] == "ready"
    await calm.start()
    await calm.until(issue, "succeeded")
    assert await dev.ledger() == ["1", "2"] and await dev.has("t2")
    (task,) = await calm.tasks(issue)
    assert [c["state"] for c in task["changes"]] == ["applied", "applied"]


async def test_settled_as_not_applied_it_runs_again(calm: World) -> None:
    dev = await calm.target("dev")
    issue, task = await unknown(calm, dev)
    settled = await settle(calm, task, "not_applied")
    assert (settled["status"], settled["changes"][0]["state"]) == ("ready", "not_run")
    await calm.start()
    await calm.until(issue, "succeeded")
    assert await dev.has("t1") and await dev.ledger() == ["1"]


async def test_the_ledger_outranks_a_persons_word(calm: World) -> None:
    dev = await calm.target("dev")
    _, task = await unknown(calm, dev)
    other = await calm.file(CHANGES[:1], await calm.target("dev"))  # only makes a ledger elsewhere
    await calm.start()
    await calm.until(other, "succeeded")
    source = (await calm.tasks(other))[0]["name"].split("/")[1]
    [row] = [t for t in [await _ledger_row(calm, source)] if t]
    await dev.execute(
        "CREATE SCHEMA penstock; CREATE TABLE penstock.ledger (project text, version text, name text,"
        " change_digest text, release_digest text, deployment text, statement_count integer, run text, actor text,"
        " applied_at timestamptz DEFAULT clock_timestamp(), PRIMARY KEY (project, version));"
        "COMMENT ON TABLE penstock.ledger IS 'penstock ledger 1';"
        f"INSERT INTO penstock.ledger VALUES ('shop', '1', '', '{row}', '', 'x', 1, '1', 'zoe@example.com')"
    )
    path = f"/tasks/{task['id']}/settle"
    status, code, problem = await calm.rita.refused("POST", path, outcome="not_applied", reason="I think not.")
    assert (status, code) == (409, "conflict") and "zoe@example.com" in problem["detail"]
    assert (await settle(calm, task, "applied"))["status"] == "succeeded"


async def _ledger_row(world: World, database: str) -> str:
    connection = Target(0, database, "dev", "pg-dev", world.site.server.url(database))
    [(digest,)] = await connection.fetch("SELECT change_digest FROM penstock.ledger")
    return str(digest)


async def test_until_it_is_settled_nothing_else_runs_on_that_database(calm: World) -> None:
    dev, elsewhere = await calm.target("dev"), await calm.target("dev")
    _, task = await unknown(calm, dev)
    other = await calm.file("CREATE TABLE other (id int)", dev, elsewhere)
    await calm.start()
    there, here = sorted(await calm.tasks(other), key=lambda t: t["database_id"] == dev.id)
    await calm.until_task(there["id"], "succeeded")
    [blocker] = (await calm.task(here["id"]))["blockers"]
    assert (blocker["gate"], blocker["code"]) == ("unknown-outcome", "unsettled")
    assert f"task:{task['id']}" in blocker["waiting_for"]
    assert (await calm.task(here["id"]))["attempts"] == 0
    await settle(calm, task, "applied")
    await calm.until(other, "succeeded")
    assert await dev.has("other")


async def test_until_it_is_settled_it_is_neither_retried_nor_skipped(calm: World) -> None:
    issue, task = await unknown(calm, await calm.target("dev"))
    pipeline = f"/pipelines/{issue['pipeline']['id']}/stages/dev/retry-failed"
    for path, body in (
        (f"/tasks/{task['id']}/retry", {}),
        (f"/tasks/{task['id']}/skip", {"reason": "Away with it."}),
        (pipeline, {}),
    ):
        assert (await calm.rita.refused("POST", path, **body))[:2] == (409, "unknown_outcome"), path
    assert (await calm.task(task["id"]))["status"] == "failed"


async def test_a_canceled_issue_leaves_the_question_open(calm: World) -> None:
    dev = await calm.target("dev")
    issue, task = await unknown(calm, dev)
    await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    other = await calm.file("CREATE TABLE other (id int)", dev)
    hand = await Hand(calm.database).register()
    assert await hand.claim() == []
    assert (await settle(calm, task, "not_applied"))["status"] == "waiting"
    assert [c.issue_id for c in await hand.claim()] == [other["id"]]


async def test_who_may_settle_and_with_what(calm: World) -> None:
    _, task = await unknown(calm, await calm.target("dev"))
    path, body = f"/tasks/{task['id']}/settle", {"outcome": "applied", "reason": "I looked."}
    assert (await calm.ana.refused("POST", path, **body))[:2] == (403, "forbidden")
    assert (await calm.person("robot").refused("POST", path, **body))[:2] == (403, "forbidden")
    assert (await calm.person("eve").refused("POST", path, **body))[0] in (403, 404)
    for wrong in ({"outcome": "applied"}, {"outcome": "perhaps", "reason": "x"}, {**body, "reason": ""}):
        assert (await calm.rita.refused("POST", path, **wrong))[:2] == (422, "validation_failed")
    assert (await calm.rita.refused("POST", "/tasks/999999/settle", **body))[:2] == (404, "not_found")
    await settle(calm, task, "applied")
    assert (await calm.rita.refused("POST", path, **body))[:2] == (409, "invalid_transition")


async def test_a_target_that_is_away_or_in_use_is_said_and_nothing_changes(
    calm: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.services.settling.WAIT_SECONDS", 0.2)
    dev = await calm.target("dev")
    _, task = await unknown(calm, dev)
    path, body = f"/tasks/{task['id']}/settle", {"outcome": "applied", "reason": "I looked."}
    async with dev.locked_by_somebody():
        for outcome in ("applied", "not_applied"):
            answer = await calm.rita.refused("POST", path, **{**body, "outcome": outcome})
            assert answer[:2] == (503, "target_unavailable"), answer
    assert (await calm.task(task["id"]))["settlements"] == []
    await calm.sql("UPDATE instance SET port = 1 WHERE slug = 'pg-dev'")
    try:
        assert (await calm.rita.refused("POST", path, **body))[:2] == (503, "target_unavailable")
    finally:
        await calm.sql("UPDATE instance SET port = :p WHERE slug = 'pg-dev'", p=calm.site.server.port)


async def test_two_people_do_not_settle_one_task_at_once(calm: World) -> None:
    dev = await calm.target("dev")
    _, task = await unknown(calm, dev)
    path = f"/tasks/{task['id']}/settle"
    bodies = [{"outcome": o, "reason": "I looked."} for o in ("applied", "not_applied")]
    answers = await asyncio.gather(*(calm.rita.post(path, json=body) for body in bodies))
    assert sorted(a.status_code for a in answers) == [200, 409]
    assert len((await calm.task(task["id"]))["settlements"]) == 1


@pytest.mark.parametrize("outcome", ["applied", "not_applied"])
async def test_on_mariadb_the_journal_hears_of_it_too(world: World, place: Place, outcome: str) -> None:
    await place.rows("CREATE TABLE effect (id int)")
    await place.rows("CREATE TABLE pause (seconds int)")
    await place.rows("INSERT INTO pause VALUES (60)")
    body = "BEGIN DECLARE n int; INSERT INTO effect VALUES (1); SELECT SLEEP(seconds) INTO n FROM pause; END"
    await place.rows(f"CREATE PROCEDURE slow() {body}")
    issue = await file(world, place, "CREATE TABLE before_it (id int); CALL slow(); CREATE TABLE after_it (id int)")
    query = f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{place.name}' AND STATE = 'User sleep'"
    [(pid,)] = await eventually(lambda: place.rows(query))
    await place.rows(f"KILL CONNECTION {pid}")
    await world.until(issue, "error")
    (task,) = await world.tasks(issue)
    assert task["failure"]["kind"] == "outcome_unknown", task["failure"]
    await place.rows("UPDATE pause SET seconds = 0")
    before = await place.rows("SELECT count(*) FROM effect")
    await settle(world, task, outcome)
    await world.until(issue, "succeeded")
    ran = {name for (name,) in await place.rows("SHOW TABLES")} & {"before_it", "after_it"}
    if outcome == "applied":  # as a whole: the rest is taken for done, too
        assert ran == {"before_it"} and await place.rows("SELECT count(*) FROM effect") == before
    else:  # what was interrupted runs once more, and the rest after it
        assert ran == {"before_it", "after_it"}
        assert await place.rows("SELECT count(*) FROM effect") == [(before[0][0] + 1,)]
