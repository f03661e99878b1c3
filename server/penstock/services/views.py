"""What people see of issues and pipelines: stored rows and the gates' live answer, put together for one caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, allowed
from penstock.domain.gates import approval, evaluate
from penstock.domain.gates.gate import Blocker
from penstock.domain.pipeline.status import Counts, pipeline_result, stage_ended, stage_status, total
from penstock.services.approvals import approver_of
from penstock.services.progress import facts_of, has_work
from penstock.store import issues, pipelines, task_reads
from penstock.store.rows import Record

SHOWN_CANDIDATES = 20


async def issue(conn: AsyncConnection, principal: Principal, found: Record) -> Record:
    """An issue with its pipeline."""
    loaded = (await pipelines.load(conn, [found["pipeline_id"]]))[found["pipeline_id"]]
    shown = await pipeline(conn, principal, loaded)
    return {
        "id": found["id"],
        "project": found["project"],
        "title": found["title"],
        "description": found["description"],
        "status": found["status"],
        "labels": found["labels"],
        "author": found["author"],
        "last_editor": found["last_editor"],
        "release": found["release_id"],
        "release_digest": found["release_digest"],
        "revision": found["revision"],
        "actions": _issue_actions(principal, loaded, shown),
        "waiting_for": _waiting_for(loaded),
        "pipeline": shown,
        "created_at": found["created_at"],
        "updated_at": max(found["updated_at"], loaded.updated_at),
    }


def issue_summary(found: Record, loaded: pipelines.Pipeline) -> Record:
    """An issue as a line of a list: from stored answers, without asking anything else."""
    steps = [(s, facts_of(loaded, s).approvals) for s in loaded.stages]
    needed = sum(step.step.count for _, a in steps if a for step in a.steps)
    done = sum(len(step.filled_by) for _, a in steps if a for step in a.steps)
    return {
        "id": found["id"],
        "project": found["project"],
        "title": found["title"],
        "status": found["status"],
        "result": result(loaded),
        "labels": found["labels"],
        "author": found["author"],
        "stages": [
            {"name": s.name, "status": stage_status(s.counts), "counts": counts(s.counts)} for s in loaded.stages
        ],
        "waiting_for": _waiting_for(loaded),
        "approvals_done": done,
        "approvals_needed": needed,
        "created_at": found["created_at"],
        "updated_at": max(found["updated_at"], loaded.updated_at),
    }


def result(loaded: pipelines.Pipeline) -> str:
    """The derived result of a pipeline."""
    return pipeline_result(loaded.status, [s.counts for s in loaded.stages], blocked=bool(_waiting_for(loaded)))


def _waiting_for(loaded: pipelines.Pipeline) -> list[str]:
    """Whom the next stages wait for: what a person has to clear, not what time or order will."""
    found: dict[str, None] = {}
    if loaded.status == "open":
        for stage in loaded.stages:
            if has_work(stage):
                for blocker in stage.blockers:
                    if blocker["gate"] != "order":
                        found.update(dict.fromkeys(blocker["waiting_for"]))
    return list(found)


def counts(stored: Counts) -> Record:
    """The counters as the API has them: failed holds both classes, skipped all reasons."""
    return {
        **{c: stored[c] for c in ("waiting", "ready", "scheduled", "running", "canceling", "succeeded", "canceled")},
        "failed": stored["failed"] + stored["error"],
        "skipped": stored["skipped"] + stored["passed_over"],
        "total": total(stored),
    }


async def pipeline(conn: AsyncConnection, principal: Principal, loaded: pipelines.Pipeline) -> Record:
    """A pipeline with its stages and the live answer of their gates."""
    emails = [f.user for s in loaded.stages if s.rules for step in s.rules.steps for f in step.any_of if f.user]
    people: list[Record] = []
    if loaded.project_id is not None and loaded.status == "open":
        people = await issues.possible_approvers(conn, loaded.project_id, emails)
    slug = await pipelines.project_slug(conn, loaded.project_id) if loaded.project_id is not None else None
    held_by = await pipelines.held_by(conn, loaded.id) if loaded.held_by is not None else None
    return {
        "id": loaded.id,
        "issue": loaded.issue_id,
        "project": slug,
        "status": loaded.status,
        "result": result(loaded),
        "order": loaded.order,
        "fail_fast": loaded.fail_fast,
        "held": loaded.held_at is not None,
        "held_by": held_by,
        "held_reason": loaded.held_reason,
        "stages": [stage(principal, loaded, s, people) for s in loaded.stages],
        "version": loaded.version,
        "created_at": loaded.created_at,
        "updated_at": loaded.updated_at,
    }


def pipeline_summary(loaded: pipelines.Pipeline) -> Record:
    """A pipeline as a line of a list."""
    return {
        "id": loaded.id,
        "status": loaded.status,
        "result": result(loaded),
        "stages": [
            {"name": s.name, "status": stage_status(s.counts), "counts": counts(s.counts)} for s in loaded.stages
        ],
        "created_at": loaded.created_at,
        "updated_at": loaded.updated_at,
    }


def stage(
    principal: Principal, loaded: pipelines.Pipeline, found: pipelines.Stage, people: Sequence[Record] = ()
) -> Record:
    """A stage: derived status, live blockers, steps and decisions."""
    facts = facts_of(loaded, found)
    answer = evaluate.evaluate(facts)
    by_id = {s.id: s.name for s in loaded.stages}
    open_work = bool(found.counts["waiting"] or found.counts["ready"])
    steps = _steps(principal, loaded, facts, people)
    actions = []
    if any(s["can_approve"] for s in steps):
        actions.append("approve")
    if _may_reject(principal, loaded, facts) and open_work:
        actions.append("reject")
    if any(b.gate == "advance" for b in answer.blockers) and _allowed(principal, loaded, "stage.advance"):
        actions.append("advance")
    failures = found.counts["failed"] + found.counts["error"]
    if failures and loaded.status == "open" and _allowed(principal, loaded, "task.retry"):
        actions.append("retry_failed")
    return {
        "id": found.id,
        "name": found.name,
        "environment": found.environment,
        "environment_name": found.environment_name,
        "tier": found.tier,
        "position": found.position,
        "phase": found.phase,
        "needs": [by_id[i] for i in found.needs if i in by_id],
        "task_order": found.task_order,
        "advance": "manual" if facts.rules is None or facts.rules.rollout == "manual" else found.advance,
        "status": stage_status(found.counts),
        "digest": found.digest,
        "counts": counts(found.counts),
        "blockers": [blocker(b) for b in answer.blockers] if open_work else [],
        "steps": steps,
        "approvals": _decisions(found, facts),
        "actions": actions,
    }


def blocker(found: Blocker) -> Record:
    """A blocker as the API has it."""
    shown: Record = msgspec.to_builtins(found)
    return shown


def _allowed(principal: Principal, loaded: pipelines.Pipeline, verb: str) -> bool:
    if loaded.project_id is None:
        return allowed(principal, "instance.sync")
    return allowed(principal, verb, loaded.project_id)


def _may_reject(principal: Principal, loaded: pipelines.Pipeline, facts: evaluate.Facts) -> bool:
    if facts.rules is None or loaded.status != "open" or loaded.issue_id is None:
        return False
    who = approver_of(principal, loaded.project_id)
    barred = approval.is_barred(facts.rules, who.id, author=loaded.author_id, last_editor=loaded.last_editor_id)
    return not barred and approval.can_ever_fill(facts.rules, who)


def _steps(
    principal: Principal, loaded: pipelines.Pipeline, facts: evaluate.Facts, people: Sequence[Record]
) -> list[Record]:
    if facts.rules is None or facts.approvals is None:
        return []
    approvals, rules = facts.approvals, facts.rules
    people_ids = {"author": loaded.author_id, "last_editor": loaded.last_editor_id}
    me = approver_of(principal, loaded.project_id)
    mine = approval.can_approve(rules, approvals, me, **people_ids) if loaded.status == "open" else None
    filled = {a.id for s in approvals.steps for a in s.filled_by}
    shown = []
    for state in approvals.steps:
        candidates = []
        if not state.satisfied:
            for record in people:
                who = approval.Approver(**record)
                barred = approval.is_barred(rules, who.id, **people_ids)
                if not barred and who.id not in filled and approval.may_fill(state.step, who):
                    candidates.append(_person(who))
        shown.append(
            {
                "index": state.index,
                "label": state.step.label,
                "any_of": [f.label for f in state.step.any_of],
                "count": state.step.count,
                "approved_by": [_person(a) for a in state.filled_by],
                "candidates": candidates[:SHOWN_CANDIDATES],
                "satisfied": state.satisfied,
                "can_approve": mine is not None and mine.index == state.index,
            }
        )
    return shown


def _person(who: approval.Approver) -> Record:
    return {"id": who.id, "name": who.name, "email": who.email, "kind": who.kind}


def _decisions(found: pipelines.Stage, facts: evaluate.Facts) -> list[Record]:
    """Every decision, newest last, with what has become of it."""
    used = facts.approvals.used if facts.approvals else frozenset()
    rejected = {a.id for a in facts.approvals.rejected_by} if facts.approvals else set()
    latest = {r["account_id"]: r["id"] for r in found.decision_rows if r["digest"] == found.digest}
    return [
        {
            "id": row["id"],
            "stage": found.name,
            "step": row["step"],
            "person": {
                "id": row["account_id"],
                "name": row["name"],
                "email": row["email"],
                "kind": row["kind"],
            },
            "decision": row["decision"],
            "comment": row["comment"],
            "state": _state(row, found.digest, used, rejected, latest),
            "digest": row["digest"],
            "at": row["created_at"],
        }
        for row in found.decision_rows
    ]


def _state(
    row: Mapping[str, Any], digest: str, used: frozenset[int], rejected: set[int], latest: Mapping[int, int]
) -> str:
    if row["digest"] != digest:
        return "stale"
    if latest[row["account_id"]] != row["id"]:
        return "withdrawn"
    if row["decision"] == "reject":
        return "fresh" if row["account_id"] in rejected else "void"
    return "fresh" if row["id"] in used else "void"


def _issue_actions(principal: Principal, loaded: pipelines.Pipeline, shown: Record) -> list[str]:
    assert loaded.project_id is not None
    project_id = loaded.project_id
    actions = [a for a in ("approve", "reject") if any(a in s["actions"] for s in shown["stages"])]
    if allowed(principal, "issue.comment", project_id):
        actions.append("comment")
    if loaded.status == "open":
        if allowed(principal, "issue.edit", project_id):
            actions.append("edit")
            touched = ("scheduled", "running", "canceling", "succeeded")
            if not any(s.counts[c] for s in loaded.stages for c in touched):
                actions.append("revise")
        if allowed(principal, "issue.cancel", project_id):
            actions.append("cancel")
        if allowed(principal, "pipeline.hold", project_id):
            actions.append("resume" if loaded.held_at is not None else "hold")
    elif loaded.status == "canceled" and allowed(principal, "issue.cancel", project_id):
        actions.append("reopen")
    return actions


_RETRY, _CANCEL = ("failed", "canceled"), ("waiting", "ready", "scheduled", "running")
_SKIP = ("waiting", "ready", "failed", "canceled")


def task_summary(principal: Principal, row: Record) -> Record:
    """A task as a line of a table."""
    if row["project_id"] is None:
        may = {v: allowed(principal, "instance.sync") for v in ("task.retry", "task.cancel", "task.skip")}
    else:
        may = {v: allowed(principal, v, row["project_id"]) for v in ("task.retry", "task.cancel", "task.skip")}
    is_open = row["pipeline_status"] == "open"
    actions = []
    if row["status"] in _RETRY and is_open and may["task.retry"]:
        actions.append("retry")
    if row["status"] in _CANCEL and may["task.cancel"]:
        actions.append("cancel")
    if row["status"] in _SKIP and is_open and may["task.skip"]:
        actions.append("skip")
    return {
        "id": row["id"],
        "name": row["name"],
        "type": row["type"],
        "stage": row["stage"],
        "environment": row["environment"],
        "instance": row["instance"],
        "database": row["database"],
        "database_id": row["database_id"],
        "status": row["status"],
        "skip_reason": row["skip_reason"],
        "skip_note": row["skip_note"],
        "attempts": row["attempt"],
        "failure": row["failure"],
        "progress": row["progress"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "latest_run": row["latest_run"],
        "actions": actions,
    }


async def task(conn: AsyncConnection, principal: Principal, row: Record, changes: Sequence[Record]) -> Record:
    """A task with why it waits, what became of each change, and its runs."""
    known = await task_reads.changes(conn, row["id"])
    applied_here = [c for c in changes if c["environments"] is None or row["environment"] in c["environments"]]
    return task_summary(principal, row) | {
        "pipeline": row["pipeline_id"],
        "issue": row["issue"],
        "release": row["release_id"],
        "blockers": await _task_blockers(conn, principal, row),
        "changes": [
            {
                "version": c["version"],
                "name": c["name"],
                "state": known[c["version"]]["state"] if c["version"] in known else "not_run",
                "run": known[c["version"]]["run"] if c["version"] in known else None,
            }
            for c in applied_here
        ],
        "run_at": row["run_at"] if row["status"] == "ready" else None,
        "runs": await task_reads.runs(conn, row["id"]),
    }


async def _task_blockers(conn: AsyncConnection, principal: Principal, row: Record) -> list[Record]:
    """Why a task does not run: its stage's gates; its database is busy; its instance has no room; its target is
    away."""
    if row["status"] == "waiting":
        loaded = (await pipelines.load(conn, [row["pipeline_id"]]))[row["pipeline_id"]]
        found = next(s for s in loaded.stages if s.id == row["stage_id"])
        answer = evaluate.evaluate(facts_of(loaded, found))
        if answer.blockers:
            return [blocker(b) for b in answer.blockers]
        return [blocker(Blocker("order", "waiting", "Waits for the tasks before it in this stage."))]
    if row["status"] == "running" and row["waiting_on"]:
        names = ", ".join(str(s) for s in row["waiting_on"])
        return [blocker(Blocker("lock", "waiting", f"Waits in the database for {names}.", tuple(row["waiting_on"])))]
    if row["status"] != "ready" or row["claimable"]:
        return []
    if row["failure"] and row["failure"].get("kind") in ("infrastructure", "outcome_unknown"):
        message = f"{row['instance']} cannot be reached: {row['failure']['message']}"
        at = row["run_at"].isoformat().replace("+00:00", "Z")
        return [blocker(Blocker("target-unreachable", "retrying", message, (f"instance:{row['instance']}",), at))]
    other = await task_reads.busy(conn, row["slot_key"], row["id"])
    if other is not None:
        return [blocker(Blocker("limit", "database_busy", f"Another change works on this database: {other}."))]
    limit = row["max_running_tasks"]
    active = await task_reads.active_on(conn, row["instance_id"])
    if active >= limit:
        message = f"{row['instance']} runs as many tasks at once as it may: {limit}."
        return [blocker(Blocker("limit", "instance_busy", message))]
    return []


async def not_passing(conn: AsyncConnection, pipeline_id: int) -> list[Record]:
    """The first tasks that keep an issue from being done."""
    return await task_reads.not_passing(conn, pipeline_id, 10)


def is_over(loaded: pipelines.Pipeline) -> bool:
    """Every task of the pipeline has ended."""
    return all(stage_ended(s.counts) for s in loaded.stages)
