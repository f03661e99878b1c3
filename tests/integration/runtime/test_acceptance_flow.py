"""Acceptance scenarios of the pipeline model that are about issues and pipelines as a whole."""

from __future__ import annotations

import pytest

from tests.builders import PROJECT, World, stage, task
from tests.hand import Hand
from tests.waiting import eventually

SQL = "CREATE TABLE t (id int)"


async def test_02_without_stages_one_environment_follows_the_other(world: World) -> None:
    dev, staging = await world.target("dev"), await world.target("staging")
    issue = await world.file(SQL, staging, dev)
    assert issue["pipeline"]["order"] == "sequential"
    assert [(s["name"], s["needs"], s["task_order"]) for s in issue["pipeline"]["stages"]] == [
        ("dev", [], "parallel"),
        ("staging", ["dev"], "parallel"),
    ]
    await world.until(issue, "blocked")
    shown = await world.stages(issue)
    assert (shown["dev"]["status"], shown["staging"]["status"]) == ("succeeded", "waiting")
    assert [b["gate"] for b in shown["staging"]["blockers"]] == ["approval"]
    assert await dev.has("t") and not await staging.has("t")


async def test_02_the_later_environment_waits_whatever_is_approved(calm: World) -> None:
    dev, staging = await calm.target("dev"), await calm.target("staging")
    issue = await calm.file(SQL, dev, staging)
    await calm.decide(calm.bo, issue, "staging")
    assert [b["waiting_for"] for b in (await calm.stages(issue))["staging"]["blockers"]] == [["stage:dev"]]
    hand = await Hand(calm.database).register()
    assert await hand.take() == [f"pg-dev/{dev.name}"]
    await hand.end({f"pg-dev/{dev.name}": "succeeded"})
    assert await hand.take() == [f"pg-staging/{staging.name}"]


async def test_29_issue_and_pipeline_have_one_status(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file(SQL, dev)
    assert issue["status"] == issue["pipeline"]["status"] == "open"
    refused = await calm.ana.patch(f"/issues/{issue['id']}", json={"status": "done"})
    assert refused.status_code == 422
    canceled = await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    assert canceled["status"] == canceled["pipeline"]["status"] == "canceled"
    opened = await calm.ana.ok("POST", f"/issues/{issue['id']}/reopen")
    assert opened["status"] == opened["pipeline"]["status"] == "open"
    await calm.start()
    done = await calm.until(issue, "succeeded")
    assert done["status"] == done["pipeline"]["status"] == "done"
    for verb in ("cancel", "reopen"):
        status, code, _ = await calm.ana.refused("POST", f"/issues/{issue['id']}/{verb}")
        assert (status, code) == (409, "invalid_transition")
    same = await calm.ana.ok("POST", f"/issues/{issue['id']}/resolve")
    assert (same["status"], same["pipeline"]["version"]) == ("done", done["pipeline"]["version"])


async def test_31_a_stage_has_no_status_to_write(calm: World) -> None:
    issue = await calm.file(SQL, await calm.target("dev"))
    path = f"/pipelines/{issue['pipeline']['id']}/stages/dev"
    for method, status in (("PATCH", 422), ("PUT", 405)):  # what can be changed of a stage are its limits
        answer = await calm.ada.request(method, path, json={"status": "succeeded"})
        assert answer.status_code == status
    assert (await calm.stages(issue))["dev"]["status"] == "ready"


async def test_35_what_runs_or_is_applied_cannot_be_edited(calm: World) -> None:
    dev, staging = await calm.target("dev"), await calm.target("staging")
    issue = await calm.file(SQL, dev, staging)
    path = f"/issues/{issue['id']}/release"
    hand = await Hand(calm.database).register()
    (claimed,) = await hand.claim()
    for step in ("scheduled", "running", "succeeded"):
        if step == "running":
            await hand.start(claimed)
        elif step == "succeeded":
            await hand.finish(claimed, "succeeded")
        assert (await calm.statuses(issue))[0] == step
        status, code, _ = await calm.ana.refused("PUT", path, statement="CREATE TABLE t2 (id int)")
        assert (status, code) == (409, "already_applied")
    assert (await calm.issue(issue))["revision"] == 1


async def test_36_a_failed_task_is_resolved_by_a_reason(world: World) -> None:
    issue = await world.file("SELECT 1/0", await world.target("dev"))
    await world.until(issue, "failed")
    status, code, problem = await world.ana.refused("POST", f"/issues/{issue['id']}/resolve")
    (failed,) = await world.tasks(issue)
    assert (status, code, problem["tasks"]) == (409, "invalid_transition", [failed["id"]])
    assert (await world.rita.post(f"/tasks/{failed['id']}/skip", json={})).status_code == 422
    assert (await world.rita.refused("POST", f"/tasks/{failed['id']}/skip", reason=""))[0] == 422
    assert (await world.ana.refused("POST", f"/tasks/{failed['id']}/skip", reason="x"))[0] == 403
    await world.rita.ok("POST", f"/tasks/{failed['id']}/skip", reason="Not needed after all.")
    done = await world.issue(issue)
    assert (done["status"], done["pipeline"]["result"]) == ("done", "succeeded")
    (skipped,) = await world.tasks(issue)
    assert (skipped["skip_reason"], skipped["skip_note"]) == ("manual", "Not needed after all.")
    types = [t for t, _ in await world.events(issue)]
    assert types[types.index("PIPELINE_FAIL") :] == [
        *("PIPELINE_FAIL", "PIPELINE_COMPLETE"),
        *("TASK_COMPLETE", "PIPELINE_START", "PIPELINE_SUCCESS", "PIPELINE_COMPLETE"),
    ]


async def test_37_cancel_and_reopen(calm: World) -> None:
    one, two, three = [await calm.target("dev") for _ in range(3)]
    issue = await calm.file_stages(
        SQL,
        stage("fails", "dev", task(one, name="a")),
        stage("runs", "dev", task(two, name="b")),
        stage("waits", "dev", task(three, name="c"), needs=["runs"]),
    )
    hand = await Hand(calm.database).register()
    assert await hand.take() == ["a", "b"]
    await hand.end({"a": "failed"})
    canceled = await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    assert (canceled["status"], canceled["pipeline"]["result"]) == ("canceled", "canceling")
    assert await calm.statuses(issue) == ["failed", "canceling", "waiting"]
    status, code, _ = await calm.ana.refused("POST", f"/issues/{issue['id']}/reopen")
    assert (status, code) == (409, "invalid_transition")
    failed = (await calm.tasks(issue))[0]
    assert (await calm.rita.refused("POST", f"/tasks/{failed['id']}/retry"))[:2] == (409, "invalid_transition")
    skip = await calm.rita.refused("POST", f"/tasks/{failed['id']}/skip", reason="Not needed.")
    assert skip[:2] == (409, "invalid_transition")
    await hand.end({"b": "canceled"})
    reopened = await calm.ana.ok("POST", f"/issues/{issue['id']}/reopen")
    assert reopened["status"] == "open"
    assert await calm.statuses(issue) == ["failed", "canceled", "waiting"]
    assert await hand.take() == []  # what was canceled is not run again unasked


async def test_37_what_ends_well_in_spite_of_the_cancel_did_end_well(calm: World) -> None:
    issue = await calm.file(SQL, await calm.target("dev"))
    hand = await Hand(calm.database).register()
    (name,) = await hand.take()
    await calm.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    await hand.finish(hand.held[name], "succeeded")
    shown = await calm.issue(issue)
    assert (shown["status"], (await calm.statuses(issue))) == ("canceled", ["succeeded"])
    reopened = await calm.ana.ok("POST", f"/issues/{issue['id']}/reopen")
    assert reopened["status"] == "done"


async def test_38_a_canceled_task_skips_nothing(calm: World) -> None:
    dev, staging = await calm.target("dev"), await calm.target("staging")
    issue = await calm.file(SQL, dev, staging)
    await calm.decide(calm.bo, issue, "staging")
    first = (await calm.tasks(issue))[0]
    await calm.rita.ok("POST", f"/tasks/{first['id']}/cancel")
    assert await calm.statuses(issue) == ["canceled", "waiting"]
    blockers = (await calm.stages(issue))["staging"]["blockers"]
    assert [(b["gate"], b["code"]) for b in blockers] == [("order", "predecessor_canceled")]
    assert (await calm.issue(issue))["pipeline"]["result"] == "canceled"
    await calm.rita.ok("POST", f"/tasks/{first['id']}/retry")
    await calm.start()
    await calm.until(issue, "succeeded")


async def test_44_the_events_of_success_and_failure(world: World) -> None:
    good = await world.file(SQL, await world.target("dev"))
    bad = await world.file("SELECT 1/0", await world.target("dev"))
    await world.until(good, "succeeded")
    await world.until(bad, "failed")
    assert [t for t, _ in await world.events(good)] == [
        *("ISSUE_CREATED", "PIPELINE_START", "STAGE_OPENED"),
        *("TASK_START", "TASK_SUCCESS", "TASK_COMPLETE", "PIPELINE_SUCCESS", "PIPELINE_COMPLETE"),
    ]
    events = await world.events(bad)
    assert [t for t, _ in events] == [
        *("ISSUE_CREATED", "PIPELINE_START", "STAGE_OPENED"),
        *("TASK_START", "TASK_FAIL", "TASK_COMPLETE", "PIPELINE_FAIL", "PIPELINE_COMPLETE"),
    ]
    (said,) = [data for type_, data in events if type_ == "TASK_FAIL"]
    assert (said["attempt"], said["failure"]["code"]) == (1, "22012")

    async def positioned() -> list[str]:
        page = await world.ana.ok("GET", f"/events?after=0&project={PROJECT}")
        own = [e for e in page["items"] if e["pipeline"] == bad["pipeline"]["id"]]
        assert [e["version"] for e in own] == sorted(e["version"] for e in own)
        return [e["type"] for e in own if len(own) == len(events)]

    assert await eventually(positioned) == [t for t, _ in events]


async def test_a_retry_begins_a_new_attempt_of_the_pipeline(world: World) -> None:
    dev = await world.target("dev")
    issue = await world.file("CREATE TABLE u AS SELECT * FROM missing", dev)
    await world.until(issue, "failed")
    await dev.execute("CREATE TABLE missing (id int)")
    (failed,) = await world.tasks(issue)
    assert failed["actions"] == ["edit"]  # a developer may not
    assert (await world.ana.refused("POST", f"/tasks/{failed['id']}/retry"))[0] == 403
    await world.rita.ok("POST", f"/tasks/{failed['id']}/retry")
    await world.until(issue, "succeeded")
    pipeline = [(t, d["attempt"]) for t, d in await world.events(issue) if t.startswith("PIPELINE")]
    assert pipeline == [
        *(("PIPELINE_START", 1), ("PIPELINE_FAIL", 1), ("PIPELINE_COMPLETE", 1)),
        *(("PIPELINE_START", 2), ("PIPELINE_SUCCESS", 2), ("PIPELINE_COMPLETE", 2)),
    ]
    (again,) = await world.tasks(issue)
    assert (again["attempts"], [r["outcome"] for r in again["runs"]]) == (2, ["succeeded", "failed"])


async def test_retry_failed_takes_every_failed_task_of_a_stage(calm: World) -> None:
    targets = [await calm.target("dev") for _ in range(3)]
    staging = await calm.target("staging")
    issue = await calm.file(SQL, *targets, staging)
    hand = await Hand(calm.database).register()
    names = await hand.take()
    await hand.end({names[0]: "failed", names[1]: "error", names[2]: "succeeded"})
    assert (await calm.stages(issue))["dev"]["status"] == "error"
    assert sorted(await calm.statuses(issue)) == ["failed", "failed", "skipped upstream_error", "succeeded"]
    path = f"/pipelines/{issue['pipeline']['id']}/stages/dev/retry-failed"
    await calm.rita.ok("POST", path)
    assert sorted(await calm.statuses(issue)) == ["ready", "ready", "succeeded", "waiting"]
    assert (await calm.rita.refused("POST", path))[:2] == (409, "invalid_transition")


async def test_hold_and_resume(calm: World) -> None:
    first, second = await calm.target("dev"), await calm.target("staging")
    issue = await calm.file(SQL, first, second)
    await calm.decide(calm.bo, issue, "staging")
    path = f"/pipelines/{issue['pipeline']['id']}"
    hand = await Hand(calm.database).register()
    (name,) = await hand.take()
    held = await calm.rita.ok("POST", f"{path}/hold", reason="The shop is busy.")
    assert (held["held"], held["held_reason"], held["held_by"]["email"]) == (
        *(True, "The shop is busy."),
        "rita@example.com",
    )
    assert (await calm.rita.refused("POST", f"{path}/hold", reason="Again."))[:2] == (409, "invalid_transition")
    await hand.end({name: "succeeded"})  # what runs goes on to its end
    assert await hand.take() == []
    blockers = (await calm.stages(issue))["staging"]["blockers"]
    assert [(b["gate"], b["message"]) for b in blockers] == [("hold", "Paused: The shop is busy.")]
    await calm.rita.ok("POST", f"{path}/resume")
    assert len(await hand.take()) == 1
    assert ("PIPELINE_HELD", {"reason": "The shop is busy."}) in await calm.events(issue)


async def test_a_manual_stage_waits_to_be_run(calm: World) -> None:
    dev = await calm.target("dev")
    issue = await calm.file_stages(SQL, stage("go", "dev", task(dev), advance="manual"))
    path = f"/pipelines/{issue['pipeline']['id']}/stages/go/advance"
    assert [(b["gate"], b["code"]) for b in (await calm.stages(issue))["go"]["blockers"]] == [("advance", "manual")]
    assert (await calm.ana.refused("POST", path))[0] == 403
    await calm.rita.ok("POST", f"/pipelines/{issue['pipeline']['id']}/hold", reason="Wait.")
    status, code, problem = await calm.rita.refused("POST", path)
    assert (status, code, [b["gate"] for b in problem["blockers"]]) == (409, "blocked", ["hold"])
    await calm.rita.ok("POST", f"/pipelines/{issue['pipeline']['id']}/resume")
    await calm.rita.ok("POST", path)
    assert await calm.statuses(issue) == ["ready"]
    assert (await calm.rita.refused("POST", path))[:2] == (409, "invalid_transition")


async def test_an_idempotency_key_files_one_issue(calm: World) -> None:
    dev = await calm.target("dev")
    body = {"project": PROJECT, "title": "Once", "statement": SQL, "targets": {"databases": [dev.id]}}
    headers = {"Idempotency-Key": "one-and-the-same"}
    answers = [await calm.ana.post("/issues", json=body, headers=headers) for _ in range(2)]
    assert [a.status_code for a in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert await calm.sql("SELECT count(*) FROM issue") == [(1,)]
    other = await calm.ana.post("/issues", json=body | {"title": "Twice"}, headers=headers)
    assert other.is_client_error
    assert await calm.sql("SELECT count(*) FROM issue") == [(1,)]


@pytest.mark.parametrize("size", [2, 12])
async def test_a_list_of_issues_costs_the_same_whatever_its_length(calm: World, size: int) -> None:
    dev, staging = await calm.target("dev"), await calm.target("staging")
    for _ in range(size):
        await calm.file(SQL, dev, staging)
    statements = calm.count_statements()
    with statements as count:
        page = await calm.ana.ok("GET", "/issues")
    assert len(page["items"]) == size
    assert count() <= 8
