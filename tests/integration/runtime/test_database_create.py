"""Tasks that make a database: once, never one that was there before, and for the project that asked for it."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

import penstock
from penstock.engines.mysql.driver import name as quoted
from penstock.runtime.points import Creating
from penstock.store import creations
from tests.builders import LEASES, PROJECT, Json, World, stage
from tests.hand import Hand
from tests.integration.runtime.test_settling_the_gone import away, long_ago
from tests.mariadb_place import settle
from tests.mariadb_server import MariaDbServer
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server

OPEN: Final = ["waiting", "ready"]
RUNNER: Final = """
import os, signal, sys
from penstock.cli.main import main
from penstock.domain import failpoints

def hook(point):
    if point == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

with failpoints.armed(hook):
    main(["runner"], prog_name="penstock")
"""


@dataclass(frozen=True)
class Server:
    """An instance on which a database is made, and the name of that database."""

    engine: str
    instance: str
    name: str
    world: World
    maria: MariaDbServer

    def task(self, **more: Any) -> Json:
        """The task that makes it."""
        return {"type": "database.create", "instance": self.instance, "database": self.name} | more

    async def file(self, **more: Any) -> Json:
        """File an issue that makes it."""
        return await self.world.file_stages(None, stage("make", "dev", self.task(**more)))

    async def make(self) -> None:
        """Make it as somebody else would."""
        if self.engine == "postgres":
            await self.world.site.server.execute(f"CREATE DATABASE {pg_quoted(self.name)}")
        else:
            await self.maria.execute(f"CREATE DATABASE {quoted(self.name)}")

    async def drop(self) -> None:
        """Drop it, if it is there."""
        if self.engine == "postgres":
            await self.world.site.server.execute(f"DROP DATABASE IF EXISTS {pg_quoted(self.name)} WITH (FORCE)")
        else:
            await self.maria.drop_database(self.name)

    async def encoding(self) -> str | None:
        """Its encoding, as the server's catalog has it; None when it is not there."""
        if self.engine == "mariadb":
            query = "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA"
            return {name: str(encoding) for name, encoding in await self.maria.execute(query)}.get(self.name)
        connection = await asyncpg.connect(self.world.site.server.url())
        try:
            query = "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = $1"
            found: str | None = await connection.fetchval(query, self.name)
            return found
        finally:
            await connection.close()


def pg_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(params=["postgres", "mariadb"])
async def server(
    request: pytest.FixtureRequest, calm: World, mariadb_server: MariaDbServer, mariadb_database: str
) -> AsyncIterator[Server]:
    """Each engine in turn, with a name that needs its quotes; without a runner."""
    name = f'new "shop" `{secrets.token_hex(4)}`\'; --'
    instance = "pg-dev"
    if request.param == "postgres":
        await calm.target()
    else:
        instance = (await settle(calm, mariadb_server, mariadb_database)).instance
    made = Server(request.param, instance, name, calm, mariadb_server)
    yield made
    await calm.stop()
    await made.drop()


async def known(server: Server) -> list[tuple[Any, ...]]:
    """Project and whether it was dropped, as the catalog has it."""
    return await server.world.sql(
        "SELECT p.slug, d.vanished_at IS NOT NULL FROM database d LEFT JOIN project p ON p.id = d.project_id"
        " JOIN instance i ON i.id = d.instance_id WHERE d.name = :name AND i.slug = :instance",
        name=server.name,
        instance=server.instance,
    )


async def ended(server: Server, issue: Json, result: str) -> Json:
    await server.world.until(issue, result, timeout=30)
    [found] = await server.world.tasks(issue)
    return found


async def test_a_database_is_made_and_a_later_issue_changes_it(server: Server) -> None:
    encoding = "SQL_ASCII" if server.engine == "postgres" else "latin1"
    await server.world.start()
    made = await ended(server, await server.file(encoding=encoding), "succeeded")
    assert await server.encoding() == encoding
    assert await known(server) == [(PROJECT, False)]
    assert made["name"] == f"{server.instance}/{server.name}" and made["database"] is None
    assert made["creates"] == {"database": server.name, "owner": None, "encoding": encoding}
    later: Json = {"databases": [f"{server.instance}/{server.name}"]}
    body = {"project": PROJECT, "title": "t", "statement": "CREATE TABLE t (id int)", "targets": later}
    await server.world.until(await server.world.ana.ok("POST", "/issues", **body), "succeeded")


async def test_one_that_is_there_is_never_adopted(server: Server) -> None:
    await server.make()
    await server.world.start()
    issue = await server.file()
    failed = await ended(server, issue, "failed")
    assert (failed["failure"]["code"], failed["failure"]["class"]) == ("database_exists", "failed")
    assert await known(server) == []
    await server.drop()
    await server.world.rita.ok("POST", f"/tasks/{failed['id']}/retry")
    await ended(server, issue, "succeeded")
    assert await known(server) == [(PROJECT, False)]


async def test_what_came_to_nothing_makes_no_later_one_ours(server: Server) -> None:
    await server.world.start()
    issue = await server.file(encoding="nonsense")
    failed = await ended(server, issue, "failed")
    assert failed["failure"]["kind"] == "statement"
    await server.make()
    await server.world.rita.ok("POST", f"/tasks/{failed['id']}/retry")
    task = await server.world.until_task(failed["id"], "failed")
    assert (task["failure"]["code"], task["attempts"]) == ("database_exists", 2)
    assert await known(server) == []


async def killed(server: Server, point: Creating, directory: Path) -> None:
    """Have a runner process take the task and end itself at a point."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")} | {
        "PYTHONPATH": str(Path(penstock.__file__).parents[1]),
        "PENSTOCK_DATABASE_URL": server.world.site.url,
        "PENSTOCK_DATA_DIR": str(directory),
        "PENSTOCK_MASTER_KEY": base64.b64encode(b"k" * 32).decode(),
        "PENSTOCK_LEASE_SECONDS": str(LEASES.lease_seconds),
        "PENSTOCK_HEARTBEAT_SECONDS": str(LEASES.beat_seconds),
    }
    dying = await asyncio.create_subprocess_exec(*(sys.executable, "-c", RUNNER, str(point)), env=environ)
    async with asyncio.timeout(60):
        assert await dying.wait() == -signal.SIGKILL
    late = "lease_until = statement_timestamp() - interval '1 second'"
    await server.world.sql(f"UPDATE task SET {late} WHERE lease_until IS NOT NULL")  # nobody needs to wait for it


async def taken_back(server: Server) -> None:
    """Have what the lost runner had be given to a living one."""
    await Hand(server.world.database).reap()
    await server.world.start()


@pytest.mark.parametrize("point", list(Creating))
async def test_a_runner_that_is_killed_on_the_way(server: Server, point: Creating, tmp_path: Path) -> None:
    issue = await server.file()
    await killed(server, point, tmp_path)
    assert (await server.encoding() is None) == (point is Creating.INTENDED)
    await taken_back(server)
    made = await ended(server, issue, "succeeded")
    assert made["attempts"] == 2 and await server.encoding() is not None
    assert await known(server) == [(PROJECT, False)]


async def test_one_that_appears_after_a_runner_was_lost_that_sent_nothing(server: Server, tmp_path: Path) -> None:
    issue = await server.file()
    await killed(server, "runner.claimed", tmp_path)  # type: ignore[arg-type]  # a point of every task
    await server.make()
    await taken_back(server)
    failed = await ended(server, issue, "failed")
    assert failed["failure"]["code"] == "database_exists" and failed["attempts"] == 2
    assert await known(server) == []


async def test_a_lost_runner_s_database_is_found_by_whoever_cancels(server: Server, tmp_path: Path) -> None:
    for point, status in ((Creating.INTENDED, "canceled"), (Creating.CREATED, "succeeded")):
        issue = await server.file(name=status)
        await killed(server, point, tmp_path)
        [task] = await server.world.tasks(issue)
        await server.world.rita.ok("POST", f"/tasks/{task['id']}/cancel")
        await server.world.start()
        await server.world.until_task(task["id"], status)
        await server.world.stop()
    assert await known(server) == [(PROJECT, False)]


async def test_what_a_sync_found_meanwhile_stays_with_whom_it_was_given(server: Server, tmp_path: Path) -> None:
    issue = await server.file()
    await killed(server, Creating.CREATED, tmp_path)
    await server.world.ada.ok("POST", "/projects", slug="other", name="Other")
    await server.world.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, :name, p.id FROM instance i, project p"
        " WHERE i.slug = :instance AND p.slug = 'other'",
        name=server.name,
        instance=server.instance,
    )
    await taken_back(server)
    made = await ended(server, issue, "succeeded")
    assert await known(server) == [("other", False)]
    assert any("another project" in line for line in await server.world.log(made["latest_run"]))


async def test_a_ledger_that_knows_a_dropped_database_is_no_ledger_of_a_new_one(server: Server) -> None:
    await server.world.start()
    await ended(server, await server.file(), "succeeded")
    target: Json = {"databases": [f"{server.instance}/{server.name}"]}
    body = {"project": PROJECT, "title": "t", "statement": "CREATE TABLE t (id int)", "targets": target}
    await server.world.until(await server.world.ana.ok("POST", "/issues", **body), "succeeded")
    if server.engine == "postgres":
        await server.drop()  # its ledger was in it
    else:
        await server.maria.execute(f"DROP DATABASE {quoted(server.name)}")
    await server.world.sql("UPDATE database SET vanished_at = now() WHERE name = :name", name=server.name)
    issue = await server.file()
    if server.engine == "postgres":
        await ended(server, issue, "succeeded")
        assert await known(server) == [(PROJECT, False)]
    else:
        failed = await ended(server, issue, "failed")
        assert failed["failure"]["code"] == "ledger_remains"
        assert await server.encoding() is None


@pytest.mark.parametrize(("outcome", "statuses", "there"), [("applied", ["succeeded"], 1), ("not_applied", OPEN, 0)])
async def test_one_whose_server_burnt_down_is_settled(
    calm: World, outcome: str, statuses: list[str], there: int
) -> None:
    await calm.target()
    issue = await calm.file_stages(None, stage("make", "dev", asked("burnt")))
    hand = await Hand(calm.database, lease_seconds=0.01).register()
    (claimed,) = await hand.claim()
    path = f"/tasks/{claimed.id}/settle"
    gone = {"outcome": outcome, "reason": "The machine burnt down.", "unreachable": True}
    await hand.start(claimed)
    assert (await calm.rita.refused("POST", path, **gone))[1] == "invalid_transition"
    assert await calm.database.run(lambda conn: creations.intend(conn, claimed, intended=True))
    await hand.let_go(claimed)
    await hand.reap()
    assert (await calm.rita.refused("POST", path, **gone))[1] == "conflict", "the server answers"
    await calm.sql(
        "UPDATE task SET failure = jsonb_build_object('kind', 'infrastructure', 'class', 'error', 'code',"
        " 'target_unreachable', 'message', 'Away.', 'statement_index', NULL, 'line', NULL, 'column', NULL,"
        " 'hint', NULL, 'since', now()) WHERE id = :id",
        id=claimed.id,
    )
    async with away(calm):
        assert (await calm.rita.refused("POST", path, **gone))[1] == "target_may_return"
        await long_ago(calm, {"id": claimed.id}, "since")
        settled = await calm.rita.ok("POST", path, **gone)
    assert settled["status"] in statuses
    assert [(s["version"], s["outcome"]) for s in settled["settlements"]] == [("burnt", outcome)]
    assert await calm.sql("SELECT intended_at FROM task WHERE id = :id", id=claimed.id) == [(None,)]
    assert await calm.sql("SELECT count(*) FROM database WHERE name = 'burnt'") == [(there,)]
    assert (await calm.issue(issue))["status"] == ("done" if there else "open")


def asked(database: Any, **more: Any) -> Json:
    return {"type": "database.create", "instance": "pg-dev", "database": database} | more


@pytest.mark.parametrize(
    ("tasks", "code"),
    [
        ([asked("é" * 32)], "bad_database_name"),
        ([asked("a\0b")], "nul"),
        ([asked(" a")], "bad_database_name"),
        ([asked("Template1")], "bad_database_name"),
        ([asked("penstock_scratch")], "bad_database_name"),
        ([asked(7)], "bad_database_name"),
        ([asked("x", owner="a\nb")], "bad_owner"),
        ([asked("x", encoding="UTF8' OWNER 'x")], "bad_encoding"),
        ([asked("x", statement="SELECT 1")], "create_statement"),
        ([asked("x", release=1)], "create_statement"),
        ([asked("x", expect="no_rows")], "not_a_query_task"),
        ([asked("x", name="one"), asked("x", name="two")], "duplicate_database"),
        ([{"type": "database.create", "instance": "pg-dev"}], "required"),
        ([asked("x", instance="nowhere")], "unknown_instance"),
        ([asked("x", instance="pg-prod")], "instance_outside_environment"),
    ],
)
async def test_what_cannot_be_made(calm: World, tasks: list[Json], code: str) -> None:
    await calm.target()
    await calm.target("prod")
    body = {"project": PROJECT, "title": "t", "pipeline": {"stages": [stage("s", "dev", *tasks)]}}
    status, _, problem = await calm.ana.refused("POST", "/issues", **body)
    assert (status, {e["code"] for e in problem["errors"]}) == (422, {code}), problem
    assert await calm.sql("SELECT count(*) FROM pipeline") == [(0,)]


async def test_what_only_a_new_database_has(calm: World) -> None:
    dev = await calm.target()
    body = {"instance": dev.instance, "database": dev.id, "statement": "SELECT 1", "encoding": "UTF8"}
    _, code, _ = await calm.ana.refused(
        "POST", "/issues", project=PROJECT, title="t", pipeline={"stages": [stage("s", "dev", body)]}
    )
    assert code == "not_a_create_task"


@pytest.mark.parametrize(("owner", "gone", "code"), [("shop", False, 422), ("other", True, 422), ("shop", True, 201)])
async def test_what_the_catalog_knows(calm: World, owner: str, gone: bool, code: int) -> None:
    await calm.target()
    await calm.ada.ok("POST", "/projects", slug="other", name="Other")
    await calm.sql(
        "INSERT INTO database (instance_id, name, project_id, vanished_at) SELECT i.id, 'x', p.id,"
        " CASE WHEN :gone THEN now() END FROM instance i, project p WHERE i.slug = 'pg-dev' AND p.slug = :owner",
        owner=owner,
        gone=gone,
    )
    body = {"project": PROJECT, "title": "t", "pipeline": {"tasks": [asked("x")]}}
    answer = await calm.ana.request("POST", "/issues", json=body)
    assert answer.status_code == code, answer.text
    if code == 422:
        assert answer.json()["code"] == "database_exists"


async def test_an_instance_is_shown_to_those_who_may_know_it(calm: World) -> None:
    body = {"project": PROJECT, "title": "t", "pipeline": {"tasks": [asked("x")]}}
    _, code, _ = await calm.ana.refused("POST", "/issues", **body)  # the project has no database there
    assert code == "unknown_instance"
    await calm.dora.ok("POST", "/issues", **body)


async def test_somebody_has_to_approve_it_where_changes_are_approved(calm: World) -> None:
    staging = await calm.target("staging")
    here = stage("s", "staging", asked("approved_first", instance=staging.instance))
    _, code, _ = await calm.ana.refused("POST", "/pipelines", project=PROJECT, stages=[here])
    assert code == "issue_required"
    issue = await calm.file_stages(None, here)
    [blocker] = (await calm.stages(issue))["s"]["blockers"]
    assert blocker["gate"] == "approval"
    await calm.start()
    await calm.decide(calm.bo, issue, "s")
    try:
        await calm.until(issue, "succeeded")
    finally:
        await calm.site.server.drop_database("approved_first")


async def test_what_was_approved_is_what_is_made_where_it_was_approved(calm: World) -> None:
    staging = await calm.target("staging")

    async def digest(database: str = "x", **more: Any) -> tuple[Json, str]:
        issue = await calm.file_stages(None, stage("s", "staging", asked(database, instance=staging.instance, **more)))
        return issue, str((await calm.stages(issue))["s"]["digest"])

    (issue, one), (_, same), (_, name) = await digest(), await digest(), await digest("y")
    (_, owner), (_, encoding) = await digest(owner="o"), await digest(encoding="UTF8")
    assert one == same and len({one, name, owner, encoding}) == 4
    [(port,)] = await calm.sql("SELECT port FROM instance WHERE slug = 'pg-staging'")
    answer = await calm.ada.patch("/instances/pg-staging", json={"port": port + 1})
    try:
        assert answer.is_success, answer.text
        assert (await calm.stages(issue))["s"]["digest"] != one
    finally:
        await calm.ada.patch("/instances/pg-staging", json={"port": port})
    assert (await calm.stages(issue))["s"]["digest"] == one
