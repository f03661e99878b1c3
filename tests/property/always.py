"""What must hold of the metadata database whatever people and runners do, asked in one question.

What is in doubt (its last attempt was lost after it had sent something) is passed over by nobody but its next attempt.

Each check is a query for the rows that contradict it.  Some are true at any moment; those of ``AT_REST`` are true of
pipelines with which nothing is left to go on: no stage is to be looked at again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.domain.pipeline.status import COUNTED, TRANSITIONS

# Every move of a task is written down, with what events must say of it.
MOVES: Final = """
CREATE TABLE move (id bigserial, task_id bigint, stage_id bigint, pipeline_id bigint, source text, target text,
                   attempt int, reason text, allowed boolean, sequential boolean, permitted boolean, early boolean);
CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO move (task_id, stage_id, pipeline_id, source, target, attempt, reason, allowed, sequential, permitted,
                      early)
    SELECT NEW.id, NEW.stage_id, NEW.pipeline_id, OLD.status, NEW.status, NEW.attempt, NEW.skip_reason,
           NEW.allow_failure AND NEW.failure_class = 'failed', s.task_order = 'sequential',
           s.permit_digest IS NOT DISTINCT FROM s.digest AND p.status = 'open' AND p.held_at IS NULL
               AND s.skipping IS NULL AND s.rewriting IS NULL,
           NEW.status = 'running' AND (
               EXISTS (SELECT FROM task b JOIN stage bs ON bs.id = b.stage_id
                       WHERE b.pipeline_id = NEW.pipeline_id AND (bs.phase < s.phase OR bs.id = ANY (s.needs))
                       AND b.status NOT IN ('succeeded', 'failed', 'canceled', 'skipped'))
               OR NEW."when" = 'on_success' AND NOT s.independent
                  AND EXISTS (SELECT FROM task b WHERE b.stage_id = ANY (s.needs) AND NOT passes(b)))
           OR OLD.status = 'waiting' AND NEW.status = 'ready' AND s.task_order = 'sequential'
               AND EXISTS (SELECT FROM task b WHERE b.stage_id = s.id AND b.position < NEW.position AND (
                   b.status IN ('waiting', 'ready', 'scheduled', 'running', 'canceling', 'canceled')
                   OR NEW."when" = 'on_success' AND b.status = 'failed' AND NOT passes(b) AND NOT in_doubt(NEW)))
    FROM stage s JOIN pipeline p ON p.id = s.pipeline_id WHERE s.id = NEW.stage_id;
    RETURN NULL;
END $$;
CREATE FUNCTION passes(t task) RETURNS boolean LANGUAGE sql AS $$
    SELECT t.status = 'succeeded' OR t.status = 'skipped' AND t.skip_reason IN ('manual', 'condition')
        OR t.status = 'failed' AND t.failure_class = 'failed' AND t.allow_failure
$$;
CREATE FUNCTION in_doubt(t task) RETURNS boolean LANGUAGE sql AS $$
    SELECT t.status IN ('waiting', 'ready') AND t.sent AND EXISTS (
        SELECT FROM task_run r
        WHERE r.task_id = t.id AND r.attempt = t.attempt AND r.outcome IN ('interrupted', 'retried'))
$$;
CREATE TRIGGER note_move AFTER UPDATE OF status ON task FOR EACH ROW EXECUTE FUNCTION note_move();
CREATE VIEW rest AS SELECT id FROM pipeline WHERE NOT EXISTS (
    SELECT FROM stage WHERE stage.pipeline_id = pipeline.id AND wake_at IS NOT NULL
) AND NOT EXISTS (SELECT FROM errand);
"""
FORGET: Final = """
DROP VIEW rest; DROP TRIGGER note_move ON task; DROP FUNCTION note_move; DROP FUNCTION passes; DROP FUNCTION in_doubt;
DROP TABLE move
"""

ALWAYS: Final[Mapping[str, str]] = {
    "issue and pipeline have one status": """
        SELECT i.id FROM issue i JOIN pipeline p ON p.id = i.pipeline_id WHERE i.status <> p.status""",
    "an independent stage is never skipped from outside": """
        SELECT t.id FROM task t JOIN stage s ON s.id = t.stage_id
        WHERE s.independent AND t.skip_reason IN ('upstream_failed', 'upstream_error', 'fail_fast')""",
    "only what runs on failure is passed over by its condition": """
        SELECT id FROM task WHERE skip_reason = 'condition' AND "when" <> 'on_failure'""",
    "a stage has no more tasks in hand than it may": """
        SELECT s.id FROM stage s JOIN task t ON t.stage_id = s.id
        WHERE s.task_order = 'sequential' AND t.status IN ('ready', 'scheduled', 'running', 'canceling')
        GROUP BY s.id HAVING count(*) > 1""",
    "a slot has one active task": """
        SELECT slot_key FROM task WHERE claimable OR status IN ('scheduled', 'running', 'canceling')
        GROUP BY slot_key HAVING count(*) > 1""",
    "the instance of a task has the row whose lock guards its limit": """
        SELECT t.id FROM task t JOIN instance i ON i.id = t.instance_id
        WHERE NOT EXISTS (SELECT FROM slot WHERE key = 'i:' || i.id)""",
    "an instance has no more than its limit": """
        SELECT i.id FROM instance i JOIN task t ON t.instance_id = i.id
        WHERE t.claimable OR t.status IN ('scheduled', 'running', 'canceling')
        GROUP BY i.id HAVING count(*) > i.max_running_tasks""",
    "whatever could run now is claimable": """
        SELECT t.id FROM task t JOIN instance i ON i.id = t.instance_id
        WHERE t.status = 'ready' AND NOT t.claimable AND t.run_at <= now()
          AND NOT EXISTS (SELECT FROM task b WHERE b.slot_key = t.slot_key
                          AND (b.claimable OR b.status IN ('scheduled', 'running', 'canceling')))
          AND i.max_running_tasks > (SELECT count(*) FROM task b WHERE b.instance_id = i.id
                          AND (b.claimable OR b.status IN ('scheduled', 'running', 'canceling')))""",
    "a stage has no more in play than it may": """
        SELECT id FROM stage WHERE n_ready + n_scheduled + n_running + n_canceling > max_parallel""",
    "no task of a later batch is handed out": """
        SELECT t.id FROM task t JOIN stage s ON s.id = t.stage_id WHERE s.batch = '[1]'
          AND t.status IN ('ready', 'scheduled', 'running') AND EXISTS (SELECT FROM task b WHERE b.stage_id = s.id
              AND b.position < t.position AND b.status NOT IN ('succeeded', 'skipped'))""",
    "a task starts with a permit": "SELECT * FROM move WHERE target = 'running' AND NOT permitted",
    "event versions have no gap": """
        SELECT p.id FROM pipeline p LEFT JOIN event e ON e.pipeline_id = p.id GROUP BY p.id
        HAVING count(e.id) <> p.version OR coalesce(max(e.version), 0) <> p.version""",
    "a run is open exactly while its task is active": """
        SELECT r.id FROM task_run r JOIN task t ON t.id = r.task_id
        WHERE (r.ended_at IS NULL) <> (r.attempt = t.attempt AND t.status IN ('scheduled', 'running', 'canceling'))""",
    "every attempt has a run": """
        SELECT t.id FROM task t WHERE t.attempt <> (SELECT count(*) FROM task_run r WHERE r.task_id = t.id)""",
    "no task starts, or has its turn in a sequential stage, before what it follows": "SELECT * FROM move WHERE early",
}
AT_REST: Final[Mapping[str, str]] = {
    "a pipeline is done when every task passes": """
        SELECT p.id, p.status FROM pipeline p JOIN rest USING (id) WHERE p.status <> 'canceled'
        AND (p.status = 'done') <> NOT EXISTS (SELECT FROM task t WHERE t.pipeline_id = p.id AND NOT passes(t))""",
    "what needs something that did not pass is skipped, and nothing else is": """
        SELECT t.id, t.status, t.skip_reason FROM task t JOIN stage s ON s.id = t.stage_id
        JOIN pipeline p ON p.id = s.pipeline_id
        JOIN rest ON rest.id = p.id
        WHERE p.status = 'open' AND NOT s.independent AND t."when" = 'on_success' AND NOT in_doubt(t)
          AND t.status IN ('waiting', 'skipped')
          AND coalesce(t.skip_reason, '') NOT IN ('manual', 'previous_task', 'fail_fast')
          AND (t.status = 'skipped') <> (s.needs <> '{}' AND NOT EXISTS (
                SELECT FROM task b WHERE b.stage_id = ANY(s.needs)
                AND b.status NOT IN ('succeeded', 'failed', 'canceled', 'skipped'))
              AND EXISTS (SELECT FROM task b WHERE b.stage_id = ANY(s.needs) AND (
                (b.status = 'failed' AND NOT (b.failure_class = 'failed' AND b.allow_failure))
                OR (b.status = 'skipped' AND b.skip_reason NOT IN ('manual', 'condition')))))""",
    "fail_fast skips when something failed, and only then": """
        SELECT t.id, t.status, t.skip_reason FROM task t JOIN stage s ON s.id = t.stage_id
        JOIN pipeline p ON p.id = t.pipeline_id
        JOIN rest ON rest.id = p.id
        WHERE p.status = 'open' AND NOT s.independent AND t."when" = 'on_success' AND NOT in_doubt(t)
          AND (t.status IN ('waiting', 'ready') AND p.fail_fast OR t.skip_reason = 'fail_fast')
          AND (t.status = 'skipped') <> EXISTS (SELECT FROM task b WHERE b.pipeline_id = p.id AND b.status = 'failed'
                AND NOT (b.failure_class = 'failed' AND b.allow_failure))""",
    "after a failure in a sequential stage nothing that wants success is left": """
        SELECT t.id, t.status FROM task t JOIN stage s ON s.id = t.stage_id JOIN pipeline p ON p.id = s.pipeline_id
        JOIN rest ON rest.id = p.id
        WHERE p.status = 'open' AND s.task_order = 'sequential' AND t."when" = 'on_success' AND NOT in_doubt(t)
          AND (t.status IN ('waiting', 'ready') OR t.skip_reason = 'previous_task')
          AND (t.status = 'skipped') <> EXISTS (SELECT FROM task b WHERE b.stage_id = s.id AND b.position < t.position
                AND b.status = 'failed' AND NOT (b.failure_class = 'failed' AND b.allow_failure))""",
    "what is ready has a permit": """
        SELECT t.id FROM task t JOIN stage s ON s.id = t.stage_id JOIN rest ON rest.id = t.pipeline_id
        WHERE t.status = 'ready' AND s.permit_digest IS NULL""",
    "a stage that spent its failure budget is closed": """
        SELECT stage.id FROM stage JOIN rest ON rest.id = pipeline_id
        WHERE n_failed + n_error >= max_failures AND n_waiting + n_ready > 0 AND permit_digest IS NOT NULL""",
    "an open stage hands out what it may": """
        SELECT stage.id FROM stage JOIN rest ON rest.id = pipeline_id
        WHERE task_order = 'parallel' AND permit_digest IS NOT NULL AND n_waiting > 0
          AND CASE WHEN batch IS NULL
              THEN coalesce(n_ready + n_scheduled + n_running + n_canceling < max_parallel, true)
              ELSE n_ready + n_scheduled + n_running + n_canceling + n_failed + n_error + n_canceled = 0 END""",
    "nothing is under way any more": """
        SELECT s.id, s.skipping, s.rewriting, s.retrying_until FROM stage s JOIN rest ON rest.id = s.pipeline_id
        JOIN pipeline p ON p.id = s.pipeline_id
        WHERE p.status = 'open' AND (s.skipping IS NOT NULL OR s.rewriting IS NOT NULL OR s.retrying_until IS NOT NULL)
        """,
    "what is canceled stands still, or is told to": """
        SELECT t.id, t.status FROM task t JOIN pipeline p ON p.id = t.pipeline_id JOIN rest ON rest.id = p.id
        WHERE p.status = 'canceled' AND t.status IN ('ready', 'scheduled', 'running')""",
}
_COUNTERS: Final = "SELECT s.id FROM stage s LEFT JOIN task t ON t.stage_id = s.id GROUP BY s.id HAVING {}".format(
    " OR ".join(
        f"s.n_{name} <> count(*) FILTER (WHERE {condition})"
        for name, condition in {
            **{name: f"t.status = '{name}'" for name in COUNTED},
            "failed": "t.status = 'failed' AND t.failure_class = 'failed' AND NOT t.allow_failure",
            "absorbed": "t.status = 'failed' AND t.failure_class = 'failed' AND t.allow_failure",
            "error": "t.status = 'failed' AND t.failure_class = 'error'",
            "skipped": "t.status = 'skipped' AND t.skip_reason NOT IN ('manual', 'condition')",
            "passed_over": "t.status = 'skipped' AND t.skip_reason IN ('manual', 'condition')",
        }.items()
    )
)
# (claim, rows that contradict it), of all claims at once.
CONTRADICTIONS: Final = "\nUNION ALL\n".join(
    f"SELECT '{claim}' AS claim, json_agg(found)::text AS rows FROM ({query}) AS found HAVING count(*) > 0"
    for claim, query in {**ALWAYS, **AT_REST, "the counters of a stage count its tasks": _COUNTERS}.items()
)
STAGES: Final = """
SELECT s.id, s.pipeline_id, p.status AS pipeline_status,
       array_agg(ARRAY[t.status, t.skip_reason, t.failure_class, t.allow_failure::text]) AS tasks
FROM stage s JOIN pipeline p ON p.id = s.pipeline_id JOIN task t ON t.stage_id = s.id
WHERE s.pipeline_id = ANY ($1::bigint[]) GROUP BY s.id, p.status ORDER BY s.id
"""


def derived(tasks: Iterable[Sequence[str | None]]) -> str:
    """The word for a stage, straight from the design.

    Args:
        tasks: (status, skip reason, failure class, whether it may fail) of each.
    """
    statuses = [t[0] for t in tasks]
    if "canceling" in statuses:
        return "canceling"
    if {"running", "scheduled"} & set(statuses):
        return "running"
    if "ready" in statuses:
        return "ready"
    if "waiting" in statuses:
        return "waiting"
    failed = [t for t in tasks if t[0] == "failed"]
    if any(t[2] == "error" for t in failed):
        return "error"
    if any(t[3] != "true" for t in failed):
        return "failed"
    if "canceled" in statuses:
        return "canceled"
    if any(t[0] == "skipped" and t[1] not in ("manual", "condition") for t in tasks):
        return "skipped"
    return "succeeded" if "succeeded" in statuses or failed else "skipped"


@dataclass(frozen=True)
class Move:
    """A move as the trigger wrote it down."""

    task: int
    source: str
    target: str
    attempt: int
    reason: str | None
    allowed: bool | None

    @property
    def legal(self) -> bool:
        """The state machine has it; a runner that claims and starts at once goes through `scheduled`."""
        return self.target in TRANSITIONS[self.source] or (self.source, self.target) == ("ready", "running")


Told = tuple[str, Mapping[str, Any]]  # an event's type and data


def announced(moves: Iterable[Move]) -> Counter[tuple[str, int, int]]:
    """The events of tasks that moves call for: (type, task, attempt) → how often."""
    due: Counter[tuple[str, int, int]] = Counter()
    for m in moves:
        for type_ in _events_of(m):
            due[type_, m.task, m.attempt] += 1
    return due


def _events_of(m: Move) -> Sequence[str]:
    if m.target == "running":
        return ("TASK_START",)
    if m.target == "succeeded":
        return ("TASK_SUCCESS", "TASK_COMPLETE")
    if m.target == "failed":
        return ("TASK_FAIL",) if m.allowed else ("TASK_FAIL", "TASK_COMPLETE")
    if m.target == "canceled" or (m.target == "skipped" and m.reason == "manual"):
        return ("TASK_COMPLETE",)
    return ()


def of_tasks(events: Iterable[Told]) -> Counter[tuple[str, int, int]]:
    """The events of tasks that were told, counted alike."""
    types = ("TASK_START", "TASK_SUCCESS", "TASK_FAIL", "TASK_COMPLETE")
    return Counter((type_, data["task"], data["attempt"]) for type_, data in events if type_ in types)


def wrong_order(events: Sequence[Told]) -> str | None:
    """What is wrong with the order of a pipeline's events, all of them from its beginning on.

    Every attempt of the pipeline begins with PIPELINE_START and ends with one verdict and PIPELINE_COMPLETE; COMPLETE
    is the last word about an attempt of a task.
    """
    attempt, open_ = 0, False
    over: set[tuple[int, int]] = set()
    for n, (type_, data) in enumerate(events):
        if type_ == "PIPELINE_START":
            attempt += 1
            if open_ or data["attempt"] != attempt:
                return f"attempt {data['attempt']} begins after {attempt - 1}, {'open' if open_ else 'ended'}"
            open_ = True
        elif type_ in ("PIPELINE_SUCCESS", "PIPELINE_FAIL"):
            following = events[n + 1][0] if n + 1 < len(events) else None
            if not open_ or following != "PIPELINE_COMPLETE" or data["attempt"] != attempt:
                return f"{type_} of attempt {data['attempt']}, then {following}"
            open_ = False
        elif type_ == "PIPELINE_COMPLETE" and events[n - 1][0] not in ("PIPELINE_SUCCESS", "PIPELINE_FAIL"):
            return "PIPELINE_COMPLETE without a verdict"
        elif type_ in ("TASK_START", "TASK_SUCCESS", "TASK_FAIL", "TASK_COMPLETE"):
            key = (data["task"], data["attempt"])
            if key in over and type_ != "TASK_COMPLETE":
                return f"{type_} of task {key[0]} after its attempt {key[1]} was complete"
            if type_ == "TASK_COMPLETE":
                over.add(key)
    return None
