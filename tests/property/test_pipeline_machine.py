"""People and runners do what they like, in any order; what must always hold of the metadata database does hold.

The services and the queue are driven on a real PostgreSQL, one action at a time; runners are hands that say how their
tasks ended without touching a target.  A trigger writes down every move of a task, so none is overlooked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from penstock.domain.access.decide import Principal
from penstock.domain.errors import Conflict, Forbidden
from penstock.domain.gates import evaluate
from penstock.domain.pipeline.spec import PipelineSpec, StageSpec, TaskSpec
from penstock.domain.pipeline.status import COUNTED, TRANSITIONS, stage_passes
from penstock.runtime.gatekeeper import Gatekeeper
from penstock.services.container import Services
from penstock.services.filing import Targets
from penstock.services.issues import NewIssue
from penstock.services.progress import facts_of, is_live
from penstock.store import pipelines, queue, tasks
from penstock.store.database import Database
from tests.builders import PROJECT, Site, clear
from tests.hand import WORDS, Hand, Word

MOVES: Final = """
CREATE TABLE move (id bigserial, task_id bigint, source text, target text, permitted boolean);
CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO move (task_id, source, target, permitted)
    SELECT NEW.id, OLD.status, NEW.status,
           s.permit_digest IS NOT DISTINCT FROM s.digest AND p.status = 'open' AND p.held_at IS NULL
    FROM stage s JOIN pipeline p ON p.id = s.pipeline_id WHERE s.id = NEW.stage_id;
    RETURN NULL;
END $$;
CREATE TRIGGER note_move AFTER UPDATE OF status ON task FOR EACH ROW EXECUTE FUNCTION note_move();
"""
FORGET: Final = "DROP TRIGGER note_move ON task; DROP FUNCTION note_move; DROP TABLE move"

# Each answers the rows that contradict it.
ALWAYS: Final = {
    "issue and pipeline have one status": """
        SELECT i.id FROM issue i JOIN pipeline p ON p.id = i.pipeline_id WHERE i.status <> p.status""",
    "a pipeline is done when every task passes": """
        SELECT p.id, p.status FROM pipeline p WHERE p.status <> 'canceled' AND (p.status = 'done') <> NOT EXISTS (
            SELECT FROM task t WHERE t.pipeline_id = p.id AND t.status <> 'succeeded'
            AND NOT (t.status = 'skipped' AND t.skip_reason IN ('manual', 'condition')))""",
    "a slot has one active task": """
        SELECT slot_key FROM task WHERE claimable OR status IN ('scheduled', 'running', 'canceling')
        GROUP BY slot_key HAVING count(*) > 1""",
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
    "what is ready has a permit": """
        SELECT t.id FROM task t JOIN stage s ON s.id = t.stage_id
        WHERE t.status = 'ready' AND s.permit_digest IS NULL""",
    "a task starts with a permit": "SELECT * FROM move WHERE target = 'running' AND NOT permitted",
    "event versions have no gap": """
        SELECT p.id FROM pipeline p LEFT JOIN event e ON e.pipeline_id = p.id GROUP BY p.id
        HAVING count(e.id) <> p.version OR coalesce(max(e.version), 0) <> p.version""",
    "a run is open exactly while its task is active": """
        SELECT r.id FROM task_run r JOIN task t ON t.id = r.task_id
        WHERE (r.ended_at IS NULL) <> (r.attempt = t.attempt AND t.status IN ('scheduled', 'running', 'canceling'))""",
    "every attempt has a run": """
        SELECT t.id FROM task t WHERE t.attempt <> (SELECT count(*) FROM task_run r WHERE r.task_id = t.id)""",
}
COUNTERS: Final = "SELECT s.id, {} FROM stage s LEFT JOIN task t ON t.stage_id = s.id GROUP BY s.id".format(
    ", ".join(
        f"s.n_{name} - count(*) FILTER (WHERE {condition})"
        for name, condition in {
            **{name: f"t.status = '{name}'" for name in COUNTED},
            "failed": "t.status = 'failed' AND t.failure_class = 'failed'",
            "error": "t.status = 'failed' AND t.failure_class = 'error'",
            "skipped": "t.status = 'skipped' AND t.skip_reason NOT IN ('manual', 'condition')",
            "passed_over": "t.status = 'skipped' AND t.skip_reason IN ('manual', 'condition')",
        }.items()
    )
)
# Who approved a stage as it is now, and may: the built-in tiers ask for as many people as they have steps.
APPROVERS: Final = """
    SELECT DISTINCT a.account_id FROM approval a JOIN stage s ON s.id = a.stage_id AND s.digest = a.digest
    JOIN issue i ON i.pipeline_id = s.pipeline_id
    WHERE s.id = :stage AND a.decision = 'approve' AND a.account_id NOT IN (i.author_id, i.last_editor_id)"""
NEEDED: Final = {"dev": 0, "staging": 1, "prod": 2}
REFUSED = (Conflict, Forbidden)  # what people are told when it is not the moment, or not theirs to do

ISSUES, TASKS, PEOPLE = st.integers(0, 3), st.integers(0, 11), st.sampled_from(("bo", "otto", "dora", "una", "ana"))
HANDS: Final = st.integers(0, 1)
WORD: Final = st.sampled_from(("succeeded", *WORDS))


class Office:
    """What all examples share: services on one metadata database, and the people."""

    def __init__(self, run: Callable[[Awaitable[Any]], Any], database: Database, services: Services) -> None:
        self.run = run
        self.database = database
        self.services = services
        self.people: dict[str, Principal] = {}

    async def sql(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a statement on the metadata database."""
        async with self.database.engine.begin() as conn:
            result = await conn.execute(sa.text(query), values)
            return [tuple(r) for r in result] if result.returns_rows else []

    async def script(self, statements: str) -> None:
        """Run several statements at once."""
        async with self.database.engine.begin() as conn:
            driver = (await conn.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.execute(statements)


class PipelineMachine(RuleBasedStateMachine):
    """One metadata database over one example."""

    office: Office

    @initialize()
    def begin(self) -> None:
        self.issues: list[int] = []
        self.office.run(self._begin())

    async def _begin(self) -> None:
        await clear(self.office.database)
        await self.office.sql("DELETE FROM move")
        await self.office.sql("UPDATE instance SET max_running_tasks = 2")
        await self.office.sql(
            "INSERT INTO database (instance_id, name, project_id) SELECT i.id, i.slug || n, p.id"
            " FROM instance i, project p, generate_series(1, 3) n WHERE p.slug = :project",
            project=PROJECT,
        )
        rows = await self.office.sql(
            "SELECT i.slug, d.id FROM database d JOIN instance i ON i.id = d.instance_id ORDER BY d.id"
        )
        self.databases: dict[str, list[int]] = {}
        for slug, id_ in rows:
            self.databases.setdefault(slug, []).append(id_)
        self.hands = [await Hand(self.office.database).register() for _ in range(2)]
        self.claims: list[list[queue.Claimed]] = [[], []]  # claimed, not started
        self.started: list[list[queue.Claimed]] = [[], []]

    def _try(self, work: Awaitable[Any]) -> None:
        with contextlib.suppress(*REFUSED):
            self.office.run(work)

    def _issue(self, number: int) -> int:
        return self.issues[number % len(self.issues)]

    def _pipeline(self, number: int) -> int:
        found = self.office.run(self.office.sql("SELECT pipeline_id FROM issue WHERE id = :id", id=self._issue(number)))
        return int(found[0][0])

    def _task(self, number: int) -> int:
        found = self.office.run(self.office.sql("SELECT id FROM task ORDER BY id"))
        return int(found[number % len(found)][0])

    # People

    @precondition(lambda self: len(self.issues) < 4)
    @rule(dev=st.integers(0, 3), staging=st.integers(0, 2), prod=st.booleans())
    def file(self, dev: int, staging: int, prod: bool) -> None:
        chosen = [*self.databases["pg-dev"][:dev], *self.databases["pg-staging"][:staging]]
        chosen += self.databases["pg-prod"][:1] if prod or not chosen else []
        new = NewIssue(PROJECT, "x", targets=Targets(databases=chosen), statement="SELECT 1")
        self._file(new)

    @precondition(lambda self: len(self.issues) < 4)
    @rule(order=st.sampled_from(("sequential", "parallel")), needs=st.booleans(), phase=st.booleans())
    def file_stages(self, order: Any, needs: bool, phase: bool) -> None:
        one, two, three = (TaskSpec("pg-dev", d, name=str(d)) for d in self.databases["pg-dev"])
        again = TaskSpec("pg-dev", self.databases["pg-dev"][0], name="again")
        spec = PipelineSpec(
            (
                StageSpec("first", "dev", (one, two, again), task_order=order),
                StageSpec(
                    "second", "dev", (three,), needs=("first",) if needs else (), phase=int(phase), advance="manual"
                ),
            )
        )
        self._file(NewIssue(PROJECT, "x", pipeline=spec, statement="SELECT 1"))

    def _file(self, new: NewIssue) -> None:
        made = self.office.run(self.office.services.issues.create(self.office.people["ana"], new))
        self.issues.append(made["id"])

    @precondition(lambda self: self.issues)
    @rule(issue=ISSUES, who=PEOPLE, decision=st.sampled_from(("approve", "approve", "approve", "reject")))
    def decide(self, issue: int, who: str, decision: Any) -> None:
        digests = dict(
            self.office.run(
                self.office.sql("SELECT name, digest FROM stage WHERE pipeline_id = :id", id=self._pipeline(issue))
            )
        )
        decide = self.office.services.approvals.decide
        person = self.office.people[who]
        self._try(
            decide(person, self._issue(issue), stages="all", digests=digests, decision=decision, comment="because")
        )

    @precondition(lambda self: self.issues)
    @rule(issue=ISSUES)
    def approve_all(self, issue: int) -> None:
        """An owner and then a DBA, so that a good part of the time is not spent before closed gates."""
        for who in ("bo", "dora"):
            self.decide(issue=issue, who=who, decision="approve")

    @precondition(lambda self: self.issues)
    @rule(issue=ISSUES, verb=st.sampled_from(("cancel", "reopen", "resolve")))
    def on_issue(self, issue: int, verb: str) -> None:
        self._try(getattr(self.office.services.issues, verb)(self.office.people["ana"], self._issue(issue)))

    @precondition(lambda self: self.issues)
    @rule(issue=ISSUES, statement=st.sampled_from(("SELECT 1", "SELECT 2")))
    def revise(self, issue: int, statement: str) -> None:
        put = self.office.services.revisions.put
        self._try(put(self.office.people["otto"], self._issue(issue), statement=statement))

    @precondition(lambda self: self.issues)
    @rule(issue=ISSUES, hold=st.booleans())
    def hold(self, issue: int, hold: bool) -> None:
        rollout, rita, pipeline = self.office.services.rollout, self.office.people["rita"], self._pipeline(issue)
        self._try(rollout.hold(rita, pipeline, "lunch") if hold else rollout.resume(rita, pipeline))

    @precondition(lambda self: self.issues)
    @rule(issue=ISSUES, stage=st.sampled_from(("first", "second", "dev")), retry=st.booleans())
    def on_stage(self, issue: int, stage: str, retry: bool) -> None:
        rollout, pipeline = self.office.services.rollout, self._pipeline(issue)
        names = [
            n for (n,) in self.office.run(self.office.sql("SELECT name FROM stage WHERE pipeline_id = :p", p=pipeline))
        ]
        if stage in names:
            act = rollout.retry_failed if retry else rollout.advance
            self._try(act(self.office.people["rita"], pipeline, stage))

    @precondition(lambda self: self.issues)
    @rule(task=TASKS, verb=st.sampled_from(("retry", "cancel", "skip")))
    def on_task(self, task: int, verb: str) -> None:
        rollout, rita, id_ = self.office.services.rollout, self.office.people["rita"], self._task(task)
        self._try(rollout.skip(rita, id_, "not needed") if verb == "skip" else getattr(rollout, verb)(rita, id_))

    @rule(environment=st.sampled_from(("dev", "staging", "prod")))
    def change_rules(self, environment: str) -> None:
        """Something about an environment changes: its permits are void until its gates have been asked again."""

        async def work(conn: Any) -> None:
            (id_,) = await conn.scalars(sa.text("SELECT id FROM environment WHERE slug = :e"), {"e": environment})
            await pipelines.environments_changed(conn, [id_])

        self.office.run(self.office.database.run(work))

    # Runners

    @rule(hand=HANDS, limit=st.integers(1, 4))
    def claim(self, hand: int, limit: int) -> None:
        self.claims[hand] += self.office.run(self.hands[hand].claim(limit))

    @rule(hand=HANDS)
    def start(self, hand: int) -> None:
        claims, self.claims[hand] = self.claims[hand], []
        started = self.office.run(self.hands[hand].start(*claims))
        self.started[hand] += [c for c in claims if c.id in started]
        self.office.run(self._must_be_open([c.pipeline_id for c in claims if c.id in started], started))

    async def _must_be_open(self, pipeline_ids: list[int], started: set[int]) -> None:
        async with self.office.database.connect() as conn:
            loaded = await pipelines.load(conn, pipeline_ids)
            for task_id in started:
                ((stage_id, pipeline_id),) = await self.office.sql(
                    "SELECT stage_id, pipeline_id FROM task WHERE id = :id", id=task_id
                )
                stage = next(s for s in loaded[pipeline_id].stages if s.id == stage_id)
                answer = evaluate.evaluate(facts_of(loaded[pipeline_id], stage))
                assert answer.is_open, f"task {task_id} started although {answer.blockers}"
                approvers = await self.office.sql(APPROVERS, stage=stage_id)
                assert len(approvers) >= NEEDED[stage.environment], f"task {task_id} started, approved by {approvers}"

    @rule(hand=HANDS, word=WORD)
    def finish(self, hand: int, word: Word) -> None:
        if self.started[hand]:
            self.office.run(self.hands[hand].finish(self.started[hand].pop(0), word))

    @rule(hand=HANDS, words=st.lists(st.sampled_from(("succeeded",) * 5 + ("failed",)), max_size=6))
    def work(self, hand: int, words: list[Word]) -> None:
        """Claim, start and finish as much as there is room for, so that pipelines come to their end."""
        for word in words:
            self.claim(hand=hand, limit=4)
            self.start(hand=hand)
            self.finish(hand=hand, word=word)

    @rule(hand=HANDS, what=st.sampled_from(("hold", "cancel", "revise", "reject", "rules")))
    def come_between(self, hand: int, what: str) -> None:
        """Something happens to an issue just after a task of it was claimed."""
        self.claim(hand=hand, limit=4)
        if self.claims[hand]:
            issue = self.issues.index(self.claims[hand][0].issue_id or 0)
            if what == "hold":
                self.hold(issue=issue, hold=True)
            elif what == "cancel":
                self.on_issue(issue=issue, verb="cancel")
            elif what == "revise":
                self.revise(issue=issue, statement="SELECT 3")
            elif what == "reject":
                self.decide(issue=issue, who="una", decision="reject")
            else:
                self.change_rules(environment="dev")
            self.start(hand=hand)

    @rule(hand=HANDS, word=WORD)
    def speak_too_late(self, hand: int, word: Word) -> None:
        """A runner was taken for lost, and says how its task ended while another one works on it."""
        self.claim(hand=hand, limit=4)
        self.start(hand=hand)
        self.lose(hand=hand)
        self.claim(hand=1 - hand, limit=4)
        self.start(hand=1 - hand)
        self.finish(hand=hand, word=word)

    @rule(hand=HANDS)
    def lose(self, hand: int) -> None:
        """A runner is gone with all that it held; what it says later does not count."""

        async def work() -> None:
            for claimed in (*self.claims[hand], *self.started[hand]):
                await self.hands[hand].let_go(claimed)
            await self.hands[hand].reap()

        self.office.run(work())

    @rule(hand=HANDS)
    def take_over(self, hand: int) -> None:
        self.started[hand] += self.office.run(self.hands[hand].claim_abandoned())

    @rule()
    def ask_gates_again(self) -> None:
        self.office.run(Gatekeeper(self.office.database).round())

    @rule()
    def sweep(self) -> None:
        swept = self.office.run(self.office.database.run(tasks.sweep))
        assert swept.promoted == 0, "nothing is due by time here, so nothing was left to promote"

    # What always holds

    @invariant()
    def nothing_contradicts(self) -> None:
        if hasattr(self, "hands"):
            self.office.run(self._look())

    async def _look(self) -> None:
        async with self.office.database.engine.connect() as conn:
            for claim, query in ALWAYS.items():
                assert not (found := (await conn.execute(sa.text(query))).all()), f"{claim}: {found}"
            for stage_id, *differences in await conn.execute(sa.text(COUNTERS)):
                assert not any(differences), f"counters of stage {stage_id}: {differences}"
            for source, target in await conn.execute(sa.text("SELECT DISTINCT source, target FROM move")):
                assert target in TRANSITIONS[source], f"{source} → {target}"
            ids = list(await conn.scalars(sa.text("SELECT id FROM pipeline")))
            due = set(await conn.scalars(sa.text("SELECT pipeline_id FROM stage WHERE wake_at IS NOT NULL")))
            for pipeline in (await pipelines.load(conn, [i for i in ids if i not in due])).values():
                for stage in pipeline.stages:
                    answer = evaluate.evaluate(facts_of(pipeline, stage))
                    if is_live(stage):
                        assert answer.is_open == (stage.permit is not None), f"{stage.name}: {answer.blockers}"
                    if pipeline.status == "done":
                        assert stage_passes(stage.counts)


@pytest.mark.timeout(0)
def test_whatever_people_and_runners_do(site: Site, session_runner: asyncio.Runner) -> None:
    async def furnish() -> tuple[Any, Office]:
        process = site.process()
        _, services, database = await process.__aenter__()
        office = Office(lambda work: session_runner.run(work), database, services)  # type: ignore[arg-type]
        for name, token in site.tokens.items():
            found = await services.tokens.authenticate(token)
            assert found is not None
            office.people[name] = found[0]
        await office.script(MOVES)
        return process, office

    process, office = session_runner.run(furnish())
    PipelineMachine.office = office
    try:
        run_state_machine_as_test(
            PipelineMachine,
            settings=settings(
                max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    finally:
        session_runner.run(office.script(FORGET))
        session_runner.run(process.__aexit__(None, None, None))
