"""People and runners do what they like, in any order; what must always hold of the metadata database does hold.

The services and the queue are driven on a real PostgreSQL, one action at a time; runners are hands that say how their
tasks ended without touching a target.  A trigger writes down every move of a task, so none is overlooked, and each move
must have been announced by exactly its events.  In some lives a transaction may move only a few rows, so that what is
large for a transaction is small enough to be tried in all its states.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import asyncpg
import pytest
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
from penstock.domain.errors import Conflict, Forbidden, NotFound
from penstock.domain.gates import evaluate
from penstock.domain.pipeline.fan_out import FanOut
from penstock.domain.pipeline.spec import PipelineSpec, StageSpec, TaskSpec
from penstock.domain.pipeline.status import stage_passes, stage_status
from penstock.runtime.gatekeeper import Gatekeeper
from penstock.services import moves, rewriting
from penstock.services.attempts import Attempts, Taker
from penstock.services.container import Services
from penstock.services.filing import Targets
from penstock.services.issues import NewIssue
from penstock.services.progress import facts_of, is_live
from penstock.services.revisions import NewRevision
from penstock.store import errands, pipelines, queue, runs, tasks
from penstock.store.database import Database, driver_dsn
from tests.builders import FILED, PROJECT, Site, clear
from tests.hand import WORDS, Hand, Word
from tests.property import always

BATCH: Final = 200  # examples that one seed makes
EMPTY: Final = f"""
    {"; ".join(f'DELETE FROM "{table}"' for table in FILED)}; DELETE FROM database; DELETE FROM move;
    UPDATE instance SET max_running_tasks = 2;
    INSERT INTO database (instance_id, name, project_id) SELECT i.id, i.slug || n, p.id
    FROM instance i, project p, generate_series(1, 3) n WHERE p.slug = '{PROJECT}'
"""
# Who approved a stage as it is now, and may: the built-in tiers ask for as many people as they have steps.
APPROVERS: Final = """
    SELECT DISTINCT a.account_id FROM approval a JOIN stage s ON s.id = a.stage_id AND s.digest = a.digest
    JOIN issue i ON i.pipeline_id = s.pipeline_id
    WHERE s.id = $1 AND a.decision = 'approve' AND a.account_id NOT IN (i.author_id, i.last_editor_id)"""
NEEDED: Final = {"dev": 0, "staging": 1, "prod": 2}
REFUSED = (Conflict, Forbidden, NotFound)  # what people are told when it is not the moment, or not theirs to do

ISSUES, TASKS, PEOPLE = st.integers(0, 3), st.integers(0, 11), st.sampled_from(("bo", "otto", "dora", "una", "ana"))
HANDS: Final = st.integers(0, 1)
WORD: Final = st.sampled_from(("succeeded", *WORDS))
# Rows that a transaction may move: in most lives everything fits into one.
ROOM: Final = st.sampled_from((moves.ROWS, moves.ROWS, 1, 2, 3))


class Office:
    """What all examples share: services on one metadata database, the people, and somebody who looks."""

    def __init__(self, run: Callable[[Awaitable[Any]], Any], database: Database, services: Services) -> None:
        self.run = run
        self.database = database
        self.services = services
        self.people: dict[str, Principal] = {}
        self._looking: asyncpg.Connection | None = None
        self._cleared = 0

    async def open(self) -> None:
        """Write moves down from now on; and no commit waits for a disk."""
        self._looking = await asyncpg.connect(driver_dsn(self.database.url))
        await self._looking.execute(always.MOVES)
        name = await self._looking.fetchval("SELECT quote_ident(current_database())")
        await self._looking.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        await self.database.engine.dispose()

    async def close(self) -> None:
        """Leave the database as it was."""
        assert self._looking is not None
        await clear(self.database)
        name = await self._looking.fetchval("SELECT quote_ident(current_database())")
        await self._looking.execute(f"{always.FORGET}; ALTER DATABASE {name} RESET synchronous_commit")
        await self._looking.close()

    async def empty(self) -> None:
        """Forget what the last example filed."""
        assert self._looking is not None
        await self._looking.execute(EMPTY)
        self._cleared += 1
        if self._cleared % 10 == 0:
            await self._looking.execute("VACUUM ANALYZE")

    async def sql(self, query: str, *values: Any) -> list[Any]:
        """Ask the metadata database."""
        assert self._looking is not None
        rows: list[Any] = await self._looking.fetch(query, *values)
        return rows


class PipelineMachine(RuleBasedStateMachine):
    """One metadata database over one example."""

    office: Office

    @initialize(room=ROOM)
    def begin(self, room: int) -> None:
        self.issues: list[int] = []
        self.pipelines: dict[int, int] = {}
        moves.ROWS = rewriting.ROWS = errands.ROWS = room  # type: ignore[misc]
        self.office.run(self._begin())

    async def _begin(self) -> None:
        await self.office.empty()
        self.seen = {"move": 0, "event": 0}
        self.told: dict[int, list[always.Told]] = {}
        self.databases: dict[str, list[int]] = {}
        rows = await self.office.sql(
            "SELECT i.slug, d.id FROM database d JOIN instance i ON i.id = d.instance_id ORDER BY d.id"
        )
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
        return self.pipelines[self._issue(number)]

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

    @precondition(lambda self: len(self.issues) < 4)
    @rule(
        batch=st.sampled_from((None, (1,), (1, "100%"))),
        max_parallel=st.sampled_from((None, 1, 2)),
        max_failures=st.sampled_from((None, 1, 2)),
    )
    def file_fan_out(self, batch: Any, max_parallel: int | None, max_failures: int | None) -> None:
        databases = self.databases["pg-dev"]
        tasks = tuple(TaskSpec("pg-dev", databases[n % 3], name=f"f{n}") for n in range(5))
        limits = FanOut(batch, max_parallel, max_failures)
        spec = PipelineSpec((StageSpec("first", "dev", tasks, task_order="parallel", fan_out=limits),))
        self._file(NewIssue(PROJECT, "x", pipeline=spec, statement="SELECT 1"))

    @precondition(lambda self: len(self.issues) < 4)
    @rule(
        fail_fast=st.booleans(),
        independent=st.booleans(),
        order=st.sampled_from(("sequential", "parallel")),
        allowed=st.lists(st.booleans(), min_size=3, max_size=3),
        whens=st.lists(st.sampled_from(("on_success", "on_success", "on_failure", "always")), min_size=5, max_size=5),
        phase=st.integers(0, 1),
    )
    def file_conditions(
        self, fail_fast: bool, independent: bool, order: Any, allowed: list[bool], whens: list[str], phase: int
    ) -> None:
        databases = self.databases["pg-dev"]
        first = tuple(
            TaskSpec("pg-dev", databases[n % 3], name=f"a{n}", allow_failure=may, when=whens[n] if n else "on_success")
            for n, may in enumerate(allowed)
        )
        second = tuple(TaskSpec("pg-dev", databases[n], name=f"b{n}", when=whens[3 + n]) for n in range(2))
        spec = PipelineSpec(
            (
                StageSpec("first", "dev", first, task_order=order),
                StageSpec(
                    "second", "dev", second, needs=("first",), phase=phase, task_order=order, independent=independent
                ),
                StageSpec(
                    "third", "dev", (TaskSpec("pg-dev", databases[2], name="c"),), needs=("second",), phase=phase
                ),
                StageSpec("aside", "dev", (TaskSpec("pg-dev", databases[1], name="d"),), advance="manual"),
            ),
            fail_fast=fail_fast,
        )
        self._file(NewIssue(PROJECT, "x", pipeline=spec, statement="SELECT 1"))

    @rule(place=st.sampled_from(({"environment": "dev"}, {"project": PROJECT}, {})), freeze=st.booleans())
    def freeze(self, place: dict[str, Any], freeze: bool) -> None:
        freezes, dora = self.office.services.freezes, self.office.people["dora"]
        self._try(freezes.put(dora, "sale", **place) if freeze else freezes.delete(dora, **place))

    @precondition(lambda self: self.issues)
    @rule(issue=ISSUES, stage=st.sampled_from(("first", "dev")))
    def bypass(self, issue: int, stage: str) -> None:
        act = self.office.services.rollout.bypass
        self._try(act(self.office.people["dora"], self._pipeline(issue), stage, ["freeze"], "outage"))

    def _file(self, new: NewIssue) -> None:
        made = self.office.run(self.office.services.issues.create(self.office.people["ana"], new))
        self.issues.append(made["id"])
        self.pipelines[made["id"]] = made["pipeline"]["id"]

    @precondition(lambda self: self.issues)
    @rule(issue=ISSUES, who=PEOPLE, decision=st.sampled_from(("approve", "approve", "approve", "reject")))
    def decide(self, issue: int, who: str, decision: Any) -> None:
        digests = dict(
            self.office.run(
                self.office.sql("SELECT name, digest FROM stage WHERE pipeline_id = $1", self._pipeline(issue))
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
        self._try(put(self.office.people["otto"], self._issue(issue), NewRevision(statement=statement)))

    @precondition(lambda self: self.issues)
    @rule(task=TASKS, statement=st.sampled_from(("SELECT 1", "SELECT 3")))
    def revise_task(self, task: int, statement: str) -> None:
        put = self.office.services.revisions.put_task
        self._try(put(self.office.people["otto"], self._task(task), NewRevision(statement=statement)))

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
            n for (n,) in self.office.run(self.office.sql("SELECT name FROM stage WHERE pipeline_id = $1", pipeline))
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

        async def work() -> None:
            [(id_,)] = await self.office.sql("SELECT id FROM environment WHERE slug = $1", environment)
            await self.office.database.run(partial(pipelines.environments_changed, environment_ids=[id_]))

        self.office.run(work())

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
                [(stage_id, pipeline_id)] = await self.office.sql(
                    "SELECT stage_id, pipeline_id FROM task WHERE id = $1", task_id
                )
                stage = next(s for s in loaded[pipeline_id].stages if s.id == stage_id)
                answer = evaluate.evaluate(facts_of(loaded[pipeline_id], stage))
                assert answer.is_open, f"task {task_id} started although {answer.blockers}"
                approvers = await self.office.sql(APPROVERS, stage_id)
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

    @rule(hand=HANDS, limit=st.integers(1, 4))
    def take(self, hand: int, limit: int) -> None:
        """Claim and start in one transaction, as runners do."""
        taken = self.office.run(Attempts(self.office.database).take(self.hands[hand].id, limit, 600.0))
        self.started[hand] += taken
        self.office.run(self._must_be_open([c.pipeline_id for c in taken], {c.id for c in taken}))

    @rule(hand=HANDS, room=st.integers(1, 3))
    def finish_and_take(self, hand: int, room: int) -> None:
        """Say that tasks of a pipeline succeeded, and take up what comes next in the same transaction."""
        if self.started[hand]:
            first = self.started[hand][0].pipeline_id
            own = [c for c in self.started[hand] if c.pipeline_id == first]
            self.started[hand] = [c for c in self.started[hand] if c.pipeline_id != first]
            ends = [runs.End(c, "succeeded", sent=True) for c in own]
            taker = Taker(self.hands[hand].id, room, 600.0)
            ended = self.office.run(Attempts(self.office.database).end(first, ends, taker))
            self.started[hand] += ended.following.claims

    @rule()
    def come_to_rest(self) -> None:
        """Go on with everything that was too much for one transaction."""
        self.office.run(self._rest())

    async def _rest(self) -> None:
        for _ in range(500):
            if not await Gatekeeper(self.office.database).round():
                return
        raise AssertionError("there is always more to do")

    def teardown(self) -> None:
        if hasattr(self, "hands"):
            self.office.run(self._rest())
            self.office.run(self._look())

    # What always holds

    @invariant()
    def nothing_contradicts(self) -> None:
        if hasattr(self, "hands"):
            self.office.run(self._look())

    async def _look(self) -> None:
        for claim, rows in await self.office.sql(always.CONTRADICTIONS):
            raise AssertionError(f"{claim}: {rows}")
        touched = await self._announced()
        if touched:
            await self._derive(touched)

    async def _announced(self) -> set[int]:
        """Every move since the last look is legal, and was told by exactly its events; answers whose they were."""
        noted = await self.office.sql("SELECT * FROM move WHERE id > $1 ORDER BY id", self.seen["move"])
        rows = await self.office.sql(
            "SELECT id, pipeline_id, type, data::text AS data FROM event WHERE id > $1 AND pipeline_id IS NOT NULL"
            " ORDER BY pipeline_id, version",
            self.seen["event"],
        )
        self.seen["move"] = max([self.seen["move"], *(m["id"] for m in noted)])
        self.seen["event"] = max([self.seen["event"], *(r["id"] for r in rows)])
        made = [
            always.Move(m["task_id"], m["source"], m["target"], m["attempt"], m["reason"], m["allowed"]) for m in noted
        ]
        for move in made:
            assert move.legal, f"task {move.task}: {move.source} → {move.target}"
        told = [(r["pipeline_id"], r["type"], json.loads(r["data"])) for r in rows]
        due, heard = always.announced(made), always.of_tasks((type_, data) for _, type_, data in told)
        assert due == heard, f"not announced: {due - heard}; announced for nothing: {heard - due}"
        for pipeline_id, type_, data in told:
            self.told.setdefault(pipeline_id, []).append((type_, data))
        for pipeline_id in {p for p, _, _ in told}:
            assert not (wrong := always.wrong_order(self.told[pipeline_id])), f"pipeline {pipeline_id}: {wrong}"
        return {m["pipeline_id"] for m in noted} | {p for p, _, _ in told}

    async def _derive(self, touched: set[int]) -> None:
        """Stages have the status that derives from their tasks, and are open exactly if their gates are."""
        async with self.office.database.connect() as conn:
            loaded = await pipelines.load(conn, sorted(touched))
        rest = {id_ for (id_,) in await self.office.sql("SELECT id FROM rest")}
        found = await self.office.sql(always.STAGES, sorted(touched))
        words = {row["id"]: always.derived([tuple(t) for t in row["tasks"]]) for row in found}
        for pipeline in loaded.values():
            for stage in pipeline.stages:
                assert stage_status(stage.counts) == words[stage.id]
                if pipeline.id in rest and is_live(stage):
                    answer = evaluate.evaluate(facts_of(pipeline, stage))
                    assert answer.is_open == (stage.permit is not None), f"{stage.name}: {answer.blockers}"
                if pipeline.status == "done":
                    assert stage_passes(stage.counts)


@pytest.mark.timeout(0)
def test_whatever_people_and_runners_do(
    site: Site, session_runner: asyncio.Runner, request: pytest.FixtureRequest
) -> None:
    option = request.config.getoption
    examples, steps = option("--examples", default=BATCH), option("--steps", default=50)
    seed = option("--seed", default=None) or 1

    async def furnish() -> tuple[Any, Office]:
        process = site.process()
        _, services, database = await process.__aenter__()
        await clear(database)
        office = Office(lambda work: session_runner.run(work), database, services)  # type: ignore[arg-type]
        for name, token in site.tokens.items():
            found = await services.tokens.authenticate(token)
            assert found is not None
            office.people[name] = found[0]
        await office.open()
        return process, office

    process, office = session_runner.run(furnish())
    usual = moves.ROWS
    PipelineMachine.office = office
    try:
        for batch in range(option("first", default=0), -(-examples // BATCH)):
            print(f"state machine: --seed {seed} --from {batch}", flush=True)
            # Each batch follows from the seed and its number alone, so that a long run can be gone on with.
            PipelineMachine._hypothesis_internal_use_seed = seed * 10_000 + batch
            run_state_machine_as_test(
                PipelineMachine,
                settings=settings(
                    max_examples=min(BATCH, examples - batch * BATCH),
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
    finally:
        moves.ROWS = rewriting.ROWS = errands.ROWS = usual  # type: ignore[misc]
        session_runner.run(office.close())
        session_runner.run(process.__aexit__(None, None, None))
