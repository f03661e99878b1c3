"""What people see of issues and pipelines: stored rows and the gates' live answer, put together for one caller."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import clock
from penstock.domain.access.decide import Principal, allowed
from penstock.domain.gates import approval, evaluate, status_check
from penstock.domain.gates.gate import Blocker
from penstock.domain.patience import CONNECT_DEADLINE, GONE
from penstock.domain.pipeline import fan_out
from penstock.domain.pipeline.creation import NewDatabase
from penstock.domain.pipeline.spec import CHANGE, CREATE, QUERY
from penstock.domain.pipeline.status import Counts, pipeline_result, stage_ended, stage_status, total
from penstock.services import approval_view, group_targets
from penstock.services.approvals import approver_of, lacks_approval
from penstock.services.progress import facts_of, has_work
from penstock.store import contexts, pipelines, settlements, task_reads
from penstock.store.rows import Record

RELEASER = "role:project:releaser"


async def issue(conn: AsyncConnection, principal: Principal, found: Record) -> Record:
    """An issue with its pipeline."""
    loaded = (await pipelines.load(conn, [found["pipeline_id"]]))[found["pipeline_id"]]
    shown = await pipeline(conn, principal, loaded)
    return {
        "id": found["id"],
        "project": found["project"],
        "title": found["title"],
        "description": found["description"],
        "status": loaded.status,  # always the issue's too; read once, so that nobody ever sees two
        "labels": found["labels"],
        "author": found["author"],
        "last_editor": found["last_editor"],
        "release": found["release_id"],
        "release_digest": found["release_digest"],
        "revision": found["revision"],
        "promoted_from": found["promoted_from"],
        "reverts": found["reverts_id"],
        "group": await group_targets.shown(conn, found),
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
        "status": loaded.status,
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
        "failed": stored["failed"] + stored["error"] + stored["absorbed"],
        "skipped": stored["skipped"] + stored["passed_over"],
        "total": total(stored),
    }


async def pipeline(conn: AsyncConnection, principal: Principal, loaded: pipelines.Pipeline) -> Record:
    """A pipeline with its stages and the live answer of their gates."""
    people = await approval_view.people(conn, loaded)
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
    principal: Principal, loaded: pipelines.Pipeline, found: pipelines.Stage, people: Sequence[approval.Approver] = ()
) -> Record:
    """A stage: derived status, live blockers, steps and decisions."""
    facts = facts_of(loaded, found)
    answer = evaluate.evaluate(facts)
    by_id = {s.id: s.name for s in loaded.stages}
    open_work = bool(found.counts["waiting"] or found.counts["ready"])
    steps = approval_view.steps(principal, loaded, facts, people)
    actions = []
    if any(s["can_approve"] for s in steps):
        actions.append("approve")
    if _may_reject(principal, loaded, facts) and open_work:
        actions.append("reject")
    if any(b.gate == "advance" for b in answer.blockers) and _allowed(principal, loaded, "stage.advance"):
        actions.append("advance")
    if any(b.gate in evaluate.BYPASSABLE for b in answer.blockers) and _may_bypass(principal, loaded):
        actions.append("bypass")
    may_override = loaded.status == "open" and open_work and _allowed(principal, loaded, "check.override")
    if may_override and status_check.overridable(found.checks):
        actions.append("override")
    # What somebody has to settle cannot be tried again.
    failures = found.counts["failed"] + found.counts["error"] + found.counts["absorbed"] - found.unsettled
    if failures and loaded.status == "open" and _allowed(principal, loaded, "task.retry"):
        actions.append("retry_failed")
    limited = found.fan_out.limits or found.fan_out.max_failures is not None
    if limited and open_work and loaded.status == "open" and _allowed(principal, loaded, "stage.edit"):
        actions.append("edit_limits")
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
        "not_before": found.not_before,
        "batch": list(found.fan_out.batch) if found.fan_out.batch is not None else None,
        "batches": _batches(found),
        "max_parallel": found.fan_out.max_parallel,
        "max_failures": found.fan_out.max_failures,
        "independent": found.independent,
        "bypassed": sorted(found.bypassed),
        "status": stage_status(found.counts),
        "digest": found.digest,
        "counts": counts(found.counts),
        "blockers": [blocker(b) for b in answer.blockers or _limits(found)] if open_work else [],
        "steps": steps,
        "approvals": approval_view.decisions(loaded, found, facts),
        "actions": actions,
    }


def _batches(found: pipelines.Stage) -> Record | None:
    if found.fan_out.batch is None:
        return None
    return {"current": found.batch_current, "total": fan_out.batches(found.fan_out, total(found.counts))}


def _limits(found: pipelines.Stage, position: int | None = None) -> list[Blocker]:
    return fan_out.waits(found.fan_out, found.counts, found.batch_current, position)


def blocker(found: Blocker) -> Record:
    """A blocker as the API has it."""
    shown: Record = msgspec.to_builtins(found)
    return shown


def _allowed(principal: Principal, loaded: pipelines.Pipeline, verb: str) -> bool:
    if loaded.project_id is None:
        return allowed(principal, "instance.sync")
    return allowed(principal, verb, loaded.project_id)


def _may_bypass(principal: Principal, loaded: pipelines.Pipeline) -> bool:
    ours = principal.id in (loaded.author_id, loaded.last_editor_id)
    return loaded.status == "open" and not ours and _allowed(principal, loaded, "stage.bypass")


def _may_reject(principal: Principal, loaded: pipelines.Pipeline, facts: evaluate.Facts) -> bool:
    if facts.rules is None or loaded.status != "open" or loaded.issue_id is None:
        return False
    who = approver_of(principal, loaded.project_id)
    barred = approval.is_barred(facts.rules, who.id, author=loaded.author_id, last_editor=loaded.last_editor_id)
    return not barred and approval.can_ever_fill(facts.rules, who)


def _issue_actions(principal: Principal, loaded: pipelines.Pipeline, shown: Record) -> list[str]:
    assert loaded.project_id is not None
    project_id = loaded.project_id
    actions = [a for a in ("approve", "reject") if any(a in s["actions"] for s in shown["stages"])]
    if allowed(principal, "issue.comment", project_id):
        actions.append("comment")
    at_work = any(s.counts[c] for s in loaded.stages for c in ("scheduled", "running", "canceling"))
    applied = any(s.counts["succeeded"] + s.counts["failed"] + s.counts["error"] for s in loaded.stages)
    if (
        loaded.status != "open"
        and applied
        and not at_work
        and not is_read_only(loaded)
        and allowed(principal, "issue.create", project_id)
    ):
        actions.append("revert")
    if loaded.status == "open":
        if allowed(principal, "issue.edit", project_id):
            actions.append("edit")
            if any(lacks_approval(loaded, s) for s in loaded.stages):
                actions.append("request_approval")
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


def is_read_only(loaded: pipelines.Pipeline) -> bool:
    """Nothing in the pipeline changes a target."""
    return all(s.read_only for s in loaded.stages)


_TASK_VERBS = ("task.retry", "task.cancel", "task.skip", "task.settle", "task.sessions", "issue.edit")
_RETRY, _CANCEL = ("failed", "canceled"), ("waiting", "ready", "scheduled", "running")
_LOOK = ("ready", "scheduled", "running", "canceling")
_SKIP = ("waiting", "ready", "failed", "canceled")
_EDIT = _SKIP


def task_summary(principal: Principal, row: Record) -> Record:
    """A task as a line of a table."""
    if row["project_id"] is None:
        may = {v: allowed(principal, "instance.sync") for v in _TASK_VERBS}
    else:
        may = {v: allowed(principal, v, row["project_id"]) for v in _TASK_VERBS}
    unsettled = is_unsettled(row)
    unknown = unsettled and row["failure"]["kind"] == "outcome_unknown"
    is_open = row["pipeline_status"] == "open" and not unknown
    actions = []
    if (unsettled or _is_given_up(row)) and may["task.settle"]:
        actions.append("settle")
    if row["status"] in _RETRY and is_open and may["task.retry"]:
        actions.append("retry")
    known = not row["in_doubt"]  # how the last attempt ended; if not, the next one finds out first
    if row["status"] in _CANCEL and known and may["task.cancel"]:
        actions.append("cancel")
    if row["status"] in _SKIP and is_open and known and may["task.skip"]:
        actions.append("skip")
    if row["status"] in _LOOK and may["task.sessions"]:
        actions.append("sessions")
    changes = row["type"] == CHANGE and row["release_id"] is not None
    if changes and row["status"] in _EDIT and is_open and known and may["issue.edit"]:
        actions.append("edit")
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
        "when": row["when"],
        "allow_failure": row["allow_failure"],
        "attempts": row["attempt"],
        "failure": {"data": None, **row["failure"]} if row["failure"] else None,
        "progress": row["progress"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "latest_run": row["latest_run"],
        "actions": actions,
    }


def is_unsettled(row: Record) -> bool:
    """Whether a task waits for a person's word: nobody knows its outcome, or its journal is of other bytes."""
    failure = row["failure"] or {}
    return row["status"] == "failed" and (
        failure.get("kind") == "outcome_unknown" or failure.get("code") == "journal_conflict"
    )


def _is_given_up(row: Record) -> bool:
    """Whether nobody can find out how a lost attempt ended: its target has been away for long."""
    failure = row["failure"] or {}
    since = failure.get("since") or failure.get("unreachable_since")
    if not row["in_doubt"] or failure.get("code") not in GONE or since is None:
        return False
    return bool(clock.now() - dt.datetime.fromisoformat(since) >= CONNECT_DEADLINE)


async def task(conn: AsyncConnection, principal: Principal, row: Record, changes: Sequence[Record]) -> Record:
    """A task with why it waits, what became of each change, and its runs."""
    known = await task_reads.changes(conn, row["id"])
    applied_here = [c for c in changes if c["environments"] is None or row["environment"] in c["environments"]]
    options = row["options"]
    if row["release_id"] is None:  # a baseline that recorded what other tools' tables say
        applied_here = [{"version": version, "name": "", "recorded_as": version} for version in sorted(known)]
    return task_summary(principal, row) | {
        "pipeline": row["pipeline_id"],
        "issue": row["issue"],
        "release": row["release_id"],
        "blockers": await _task_blockers(conn, row),
        "changes": [
            {
                "version": c["version"],
                "name": c["name"],
                "state": known[c["recorded_as"]]["state"] if c["recorded_as"] in known else "not_run",
                "run": known[c["recorded_as"]]["run"] if c["recorded_as"] in known else None,
            }
            for c in applied_here
        ],
        "run_at": row["run_at"] if row["status"] == "ready" else None,
        "runs": await task_reads.runs(conn, row["id"]),
        "settlements": await settlements.of_task(conn, row["id"]),
        "query": {k: options[k] for k in ("statement", "expect", "output")} if row["type"] == QUERY else None,
        "creates": NewDatabase.of_options(options).as_options() if row["type"] == CREATE else None,
        "only_if": options.get("only_if", []),
        "outputs": row["outputs"] or {},
        "context": (await contexts.of_task(conn, row["id"])).content,
        "timeout": row["timeout_seconds"],
    }


async def _task_blockers(conn: AsyncConnection, row: Record) -> list[Record]:
    """Why a task does not run: nobody knows how the last one on its database ended; its stage's gates; its database
    is busy; its instance has no room; its target is away."""
    found = []
    if row["status"] in ("waiting", "ready"):
        found = await _unsettled(conn, row)
    return found or await _other_blockers(conn, row)


async def _unsettled(conn: AsyncConnection, row: Record) -> list[Record]:
    other = await task_reads.unsettled(conn, row["slot_key"], row["instance_id"], row["id"])
    if other is None:
        return []
    where = f" of issue {other['issue']}" if other["issue"] is not None else ""
    message = f"Nobody knows how {other['name']}{where} ended on this database. It must be settled first."
    return [blocker(Blocker("unknown-outcome", "unsettled", message, (f"task:{other['id']}", RELEASER)))]


async def _other_blockers(conn: AsyncConnection, row: Record) -> list[Record]:
    if row["status"] == "waiting":
        loaded = (await pipelines.load(conn, [row["pipeline_id"]]))[row["pipeline_id"]]
        found = next(s for s in loaded.stages if s.id == row["stage_id"])
        answer = evaluate.evaluate(facts_of(loaded, found))
        if answer.blockers:
            return [blocker(b) for b in answer.blockers]
        if limited := _limits(found, row["position"]):
            return [blocker(b) for b in limited]
        return [
            blocker(Blocker("order", "waiting", "Waits for its turn: the tasks of this stage run one after the other."))
        ]
    if row["status"] == "running" and row["waiting_on"]:
        names = ", ".join(str(s) for s in row["waiting_on"])
        return [blocker(Blocker("lock", "waiting", f"Waits in the database for {names}.", tuple(row["waiting_on"])))]
    if row["status"] != "ready" or row["claimable"]:
        return []
    if row["failure"] and row["failure"].get("kind") in ("infrastructure", "outcome_unknown"):
        message = f"{row['instance']} cannot be reached: {row['failure']['message']} {_patience(row['failure'])}"
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
    limit = row["environment_limit"]
    if limit is not None and await task_reads.active_in(conn, row["environment_id"]) >= limit:
        message = f"{row['environment']} runs as many tasks at once as it may: {limit}."
        return [blocker(Blocker("limit", "environment_busy", message))]
    return []


def _patience(failure: Record) -> str:
    """For how long a target that is away is waited for."""
    if (until := failure.get("gives_up_at")) is None:
        return "Something may have been sent to it, so it is tried until it can be asked."
    return f"Nothing was sent to it, so the task gives up at {until[11:16]} UTC."


async def not_passing(conn: AsyncConnection, pipeline_id: int) -> list[Record]:
    """The first tasks that keep an issue from being done."""
    return await task_reads.not_passing(conn, pipeline_id, 10)


def is_over(loaded: pipelines.Pipeline) -> bool:
    """Every task of the pipeline has ended."""
    return all(stage_ended(s.counts) for s in loaded.stages)
