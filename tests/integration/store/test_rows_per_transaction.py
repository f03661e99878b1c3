"""No transaction writes more than a thousand rows, however large a pipeline is; and whoever dies in between, somebody
else goes on.

Triggers count the rows that each transaction writes, in every table that grows with tasks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from penstock.runtime.gatekeeper import Gatekeeper
from penstock.runtime.janitor import Janitor
from penstock.store import errands, unfinished
from penstock.store.database import Database
from tests.builders import PROJECT, Json, Site, World, open_world, stage
from tests.hand import Hand

MOST: Final = 1_000
MANY: Final = 5_000
GROWING: Final = (
    "task",
    "slot",
    "stage",
    "pipeline",
    "event",
    "task_run",
    "task_change",
    "approval",
    "audit",
    "errand",
)
COUNT: Final = """
    CREATE TABLE written (transaction bigint, place text, rows bigint);
    CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            INSERT INTO written SELECT txid_current(), TG_TABLE_NAME, count(*) FROM old_rows;
        ELSE
            INSERT INTO written SELECT txid_current(), TG_TABLE_NAME, count(*) FROM new_rows;
        END IF;
        RETURN NULL;
    END $$;
""" + "".join(
    f"CREATE TRIGGER count_{operation.lower()} AFTER {operation} ON {table}"
    f" REFERENCING {'OLD TABLE AS old_rows' if operation == 'DELETE' else 'NEW TABLE AS new_rows'}"
    " FOR EACH STATEMENT EXECUTE FUNCTION count_rows();\n"
    for table in GROWING
    for operation in ("INSERT", "UPDATE", "DELETE")
)
UNCOUNT: Final = (
    "".join(
        f"DROP TRIGGER count_{operation} ON {table};\n"
        for table in GROWING
        for operation in ("insert", "update", "delete")
    )
    + "DROP FUNCTION count_rows; DROP TABLE written"
)


class Plant:
    """A world with thousands of databases, in which what transactions write is counted."""

    def __init__(self, world: World, databases: list[int]) -> None:
        self.world = world
        self.databases = databases
        self.gatekeeper = Gatekeeper(world.database)

    async def rest(self) -> int:
        """Let the gatekeeper go on until nothing is left to do; answers in how many rounds."""
        rounds = 1
        while await self.gatekeeper.round():
            rounds += 1
            assert rounds < 200, "it comes to an end"
        return rounds

    async def file(self, title: str = "Everywhere", n: int = MANY, **more: Any) -> Json:
        """File an issue for the first so many databases, which is opened."""
        filed = await self.world.file("SELECT 1", title=title, targets={"databases": self.databases[:n]}, **more)
        await self.rest()
        return filed

    async def counts(self, issue: Json, stage: str = "dev") -> dict[str, int]:
        """The counters of a stage that are not 0."""
        found = (await self.world.stages(issue))[stage]["counts"]
        return {name: n for name, n in found.items() if n and name != "total"}

    async def most(self) -> tuple[int, list[Any]]:
        """The most rows that a transaction wrote so far, and where."""
        rows = await self.world.sql(
            "SELECT sum(rows)::int, json_object_agg(place, rows) FROM (SELECT transaction, place, sum(rows) AS rows"
            " FROM written GROUP BY transaction, place) AS place GROUP BY transaction ORDER BY 1 DESC LIMIT 1"
        )
        return rows[0][0], [rows[0][1]]

    async def events(self, issue: Json, type_: str) -> list[Json]:
        """What the events of a type say."""
        return [data for name, data in await self.world.events(issue) if name == type_]


async def script(database: Database, statements: str) -> None:
    async with database.engine.begin() as conn:
        driver = (await conn.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(statements)


@pytest.fixture
async def plant(site: Site) -> AsyncIterator[Plant]:
    async with open_world(site) as world:
        rows = await world.sql(
            "INSERT INTO database (instance_id, name, project_id) SELECT i.id, 'd' || n, p.id"
            " FROM instance i, project p, generate_series(1, :n) n"
            " WHERE i.slug = 'pg-dev' AND p.slug = :project RETURNING id",
            n=MANY,
            project=PROJECT,
        )
        await script(world.database, COUNT)
        try:
            yield Plant(world, [row[0] for row in rows])
            # Whatever the test did.
        finally:
            await script(world.database, UNCOUNT)


async def within_bounds(plant: Plant) -> None:
    most, where = await plant.most()
    assert most <= MOST, where


async def test_filing_opening_canceling_and_reopening(plant: Plant) -> None:
    issue = await plant.file()
    assert await plant.counts(issue) == {"ready": MANY}
    assert len(await plant.events(issue, "STAGE_OPENED")) == 1

    hand = await Hand(plant.world.database).register()
    running = [await hand.claim(4)]
    await hand.start(*running[0])
    await plant.world.ana.ok("POST", f"/issues/{issue['id']}/cancel")
    await plant.rest()
    assert await plant.counts(issue) == {"waiting": MANY - 4, "canceling": 4}
    assert await plant.events(issue, "STAGE_CLOSED") == [{"stage": "dev", "blockers": ["status"]}]

    for claimed in running[0]:
        assert await hand.finish(claimed, "canceled")
    await plant.world.ana.ok("POST", f"/issues/{issue['id']}/reopen")
    await plant.rest()
    assert await plant.counts(issue) == {"ready": MANY - 4, "canceled": 4}
    await within_bounds(plant)


async def test_skipping_and_coming_back(plant: Plant) -> None:
    """What follows a stage that failed is skipped with one event, and comes back when the failure is dealt with."""
    dev = plant.databases
    tasks = [{"instance": "pg-dev", "database": d} for d in dev[1:]]
    issue = await plant.world.file_stages(
        "SELECT 1",
        stage("first", "dev", {"instance": "pg-dev", "database": dev[0]}),
        stage("second", "dev", *tasks, needs=["first"], task_order="parallel"),
        stage("third", "dev", *({"instance": "pg-dev", "database": d} for d in dev[:10]), needs=["second"]),
    )
    await plant.rest()
    hand = await Hand(plant.world.database).register()
    assert await hand.take() == ["pg-dev/d1"]
    await hand.end({"pg-dev/d1": "failed"})
    await plant.rest()
    assert await plant.counts(issue, "second") == {"skipped": MANY - 1}
    assert await plant.counts(issue, "third") == {"skipped": 10}
    assert await plant.events(issue, "STAGE_SKIPPED") == [
        {"stage": "second", "reason": "upstream_failed", "count": MANY - 1},
        {"stage": "third", "reason": "upstream_failed", "count": 10},
    ]
    assert [e for e, _ in await plant.world.events(issue)].count("PIPELINE_FAIL") == 1

    await plant.world.rita.ok("POST", f"/pipelines/{issue['pipeline']['id']}/stages/first/retry-failed")
    await plant.rest()
    assert await plant.counts(issue, "second") == {"waiting": MANY - 1}
    assert await hand.take() == ["pg-dev/d1"]
    await hand.end({"pg-dev/d1": "succeeded"})
    await plant.rest()
    assert await plant.counts(issue, "second") == {"ready": MANY - 1}
    await within_bounds(plant)


async def test_fail_fast_holding_and_trying_again(plant: Plant) -> None:
    issue = await plant.world.file_stages(
        "SELECT 1",
        stage("all", "dev", *({"instance": "pg-dev", "database": d} for d in plant.databases), task_order="parallel"),
        fail_fast=True,
    )
    await plant.rest()
    pipeline = issue["pipeline"]["id"]
    await plant.world.rita.ok("POST", f"/pipelines/{pipeline}/hold", reason="lunch")
    await plant.rest()
    assert await plant.counts(issue, "all") == {"waiting": MANY}
    await plant.world.rita.ok("POST", f"/pipelines/{pipeline}/resume")
    await plant.rest()
    assert await plant.counts(issue, "all") == {"ready": MANY}

    hand = await Hand(plant.world.database).register()
    claimed = (await hand.claim(1))[0]
    await hand.start(claimed)
    await hand.finish(claimed, "failed")
    # What is being passed over does not start any more, although its turn has not come yet.
    assert await hand.claim() == []
    await plant.rest()
    assert await plant.counts(issue, "all") == {"failed": 1, "skipped": MANY - 1}
    assert await plant.events(issue, "STAGE_SKIPPED") == [{"stage": "all", "reason": "fail_fast", "count": MANY - 1}]

    await plant.world.sql("UPDATE task SET status = 'failed', failure_class = 'failed', skip_reason = NULL")
    await plant.world.sql("UPDATE stage SET n_failed = n_failed + n_skipped, n_skipped = 0")
    await plant.world.rita.ok("POST", f"/pipelines/{pipeline}/stages/all/retry-failed")
    await plant.rest()
    assert await plant.counts(issue, "all") == {"ready": MANY}
    [retried] = await plant.events(issue, "TASKS_RETRIED")
    assert (retried["count"], len(retried["tasks"])) == (MANY, 100)
    await plant.world.sql("DELETE FROM written WHERE rows = :n", n=MANY)  # the test's own
    await within_bounds(plant)


async def test_a_new_revision_and_a_moved_instance(plant: Plant) -> None:
    """Nothing starts until every task has its new release, or its new digest."""
    # Whoever the server said it was to an earlier test is forgotten with its address.
    await plant.world.ada.ok("PATCH", "/instances/pg-dev", port=1)
    await plant.world.ada.ok("PATCH", "/instances/pg-dev", port=plant.world.site.server.port)
    issue = await plant.file()
    before = (await plant.world.stages(issue))["dev"]
    await plant.world.ana.ok("PUT", f"/issues/{issue['id']}/release", statement="SELECT 2")
    under_way = (await plant.world.stages(issue))["dev"]
    assert [(b["gate"], b["code"]) for b in under_way["blockers"]] == [("review", "unfinished")]
    hand = await Hand(plant.world.database).register()
    assert await hand.claim() == []
    assert (await plant.world.ana.refused("PUT", f"/issues/{issue['id']}/release", statement="SELECT 3"))[0] == 409
    await plant.rest()
    after = (await plant.world.stages(issue))["dev"]
    assert (after["counts"]["ready"], after["blockers"]) == (MANY, [])
    assert after["digest"] != before["digest"]
    [(releases, digests)] = await plant.world.sql("SELECT count(DISTINCT release_id), count(DISTINCT digest) FROM task")
    assert (releases, digests) == (1, MANY)

    await plant.world.ada.ok("PATCH", "/instances/pg-dev", port=1)
    assert await hand.claim() == []
    await plant.rest()
    moved = (await plant.world.stages(issue))["dev"]
    assert moved["counts"]["ready"] == MANY
    assert moved["digest"] not in (before["digest"], after["digest"])
    await plant.world.ada.ok("PATCH", "/instances/pg-dev", port=plant.world.site.server.port)
    await plant.rest()
    assert (await plant.world.stages(issue))["dev"]["digest"] == after["digest"]
    await within_bounds(plant)


async def test_many_stages_are_asked_again(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier, a freeze or a person changes; every stage that this concerns is asked again, a part at a time."""
    monkeypatch.setattr(errands, "ROWS", 20)
    task = {"instance": "pg-dev", "database": plant.databases[0]}
    for n in range(2):
        stages = [stage(f"s{m}", "dev", task, needs=[]) for m in range(15)]
        body = {"project": PROJECT, "title": f"{n}", "statement": "SELECT 1", "pipeline": {"stages": stages}}
        await plant.world.ana.ok("POST", "/issues", **body)
    await plant.rest()
    await plant.world.ada.ok("PUT", "/environments/dev/freeze", reason="sale")
    assert await plant.world.sql("SELECT kind FROM errand") == [("environment",)]
    await plant.rest()
    [(closed,)] = await plant.world.sql("SELECT count(*) FROM stage WHERE permit_digest IS NULL")
    assert closed == 30
    await plant.world.ada.ok("DELETE", "/environments/dev/freeze")
    await plant.rest()
    [(opened, left)] = await plant.world.sql(
        "SELECT count(*) FILTER (WHERE permit_digest IS NOT NULL), (SELECT count(*) FROM errand) FROM stage"
    )
    assert (opened, left) == (30, 0)
    await within_bounds(plant)


@contextmanager
def dying_after(parts: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process that files ends after so many parts of the pipeline's tasks."""

    class Died(BaseException):
        pass

    real, seen = unfinished.hold, 0

    async def hold(conn: Any, pipeline_id: int) -> None:
        nonlocal seen
        seen += 1
        if seen > parts:
            raise Died
        await real(conn, pipeline_id)

    with monkeypatch.context() as patched:
        patched.setattr(unfinished, "hold", hold)
        with pytest.raises(Died):
            yield


async def test_nobody_sees_what_a_process_left_that_died_while_filing(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = plant.world
    with dying_after(5, monkeypatch):
        await world.services.issues.create(*await _issue(plant))
    [(pipeline, tasks)] = await world.sql("SELECT pipeline_id, count(*) FROM task GROUP BY pipeline_id")
    assert 0 < tasks < MANY
    assert (await world.ana.ok("GET", "/issues"))["items"] == []
    assert (await world.ana.refused("GET", f"/pipelines/{pipeline}"))[0] == 404
    assert (await world.rita.refused("POST", f"/pipelines/{pipeline}/hold", reason="?"))[0] == 404
    [(task,)] = await world.sql("SELECT min(id) FROM task")
    assert (await world.ana.refused("GET", f"/tasks/{task}"))[0] == 404
    await world.ada.ok("PUT", "/environments/dev/freeze", reason="sale")
    await world.ada.ok("DELETE", "/environments/dev/freeze")
    await plant.rest()
    assert await (await Hand(world.database).register()).claim() == []

    await Janitor(world.database).round()
    assert await world.sql("SELECT count(*) FROM task") == [(tasks,)], "somebody may still be about it"
    await world.sql("UPDATE pipeline SET updated_at = now() - interval '2 hours'")
    await Janitor(world.database).round()
    assert await world.sql("SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM pipeline)") == [(0, 0)]
    await within_bounds(plant)


async def test_an_instance_that_moves_meanwhile_stops_the_filing(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else people would approve the digest of a place where nothing is applied."""
    world, real, seen = plant.world, unfinished.hold, 0

    async def hold(conn: Any, pipeline_id: int) -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            await world.sql("UPDATE instance SET port = 1 WHERE slug = 'pg-dev'")
        await real(conn, pipeline_id)

    with monkeypatch.context() as patched:
        patched.setattr(unfinished, "hold", hold)
        body = {"project": PROJECT, "title": "x", "statement": "SELECT 1"}
        status, code, _ = await world.ana.refused("POST", "/issues", **body, targets={"databases": plant.databases})
    assert (status, code) == (409, "conflict")
    assert await world.sql("SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM issue)") == [(0, 0)]
    await world.sql("UPDATE instance SET port = :port WHERE slug = 'pg-dev'", port=world.site.server.port)


async def _issue(plant: Plant) -> tuple[Any, Any]:
    from penstock.services.filing import Targets
    from penstock.services.issues import NewIssue

    found = await plant.world.services.tokens.authenticate(plant.world.site.tokens["ana"])
    assert found is not None
    return found[0], NewIssue(PROJECT, "x", targets=Targets(databases=plant.databases), statement="SELECT 1")
