"""A whole Penstock in this process, as a test sees it: people who speak HTTP, target databases, and what they do.

The metadata database, the target databases and the people in it are made once and used by many tests; everything that
one test files is gone before the next one begins.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx2
import sqlalchemy as sa
from litestar import Litestar

from penstock.engines.postgres.activity import LOCK_CLASS, LOCK_OBJECT
from penstock.engines.registry import engine_for
from penstock.plugins.registry import senders
from penstock.runtime.dispatcher import Dispatcher
from penstock.runtime.supervisor import RunnerSettings, Supervisor
from penstock.services import first_start
from penstock.services.container import Services
from penstock.services.secrets import Keyring
from penstock.services.sync_pipelines import file_sync_pipeline
from penstock.store.database import Database
from tests.one_app import application, quick_passwords
from tests.postgres_server import PostgresServer
from tests.waiting import eventually

API: Final = "/api/v1"
PASSWORD: Final = "correct horse battery"
PROJECT: Final = "shop"
# The steps of the built-in tiers `standard` and `critical`, without what these want of lower environments: most tests
# look at one stage alone.
TIERS: Final = {"dev": "open", "staging": "one-yes", "prod": "two-yeses"}
_STEPS: Final = {
    "one-yes": [{"any_of": [{"role": "project:owner"}, {"role": "workspace:dba"}]}],
    "two-yeses": [{"any_of": [{"role": "project:owner"}]}, {"any_of": [{"role": "workspace:dba"}]}],
}
# name -> (workspace role, role in the project)
PEOPLE: Final[Mapping[str, tuple[str, str | None]]] = {
    "ada": ("admin", None),
    "ana": ("member", "developer"),
    "rita": ("member", "releaser"),
    "bo": ("member", "owner"),
    "otto": ("member", "owner"),
    "dora": ("dba", None),
    "una": ("dba", "owner"),
    "eve": ("member", None),
}
LEASES: Final = RunnerSettings(concurrency=8, lease_seconds=3.0, beat_seconds=0.5)
OVER: Final = ("succeeded", "failed", "error", "canceled")
Json = dict[str, Any]

# What changes whenever an issue's result or a task's status does.
_OF_PIPELINE: Final = sa.text(
    "SELECT xmin::text FROM pipeline WHERE id = :id UNION ALL SELECT xmin::text FROM stage WHERE pipeline_id = :id"
)
_OF_TASK: Final = sa.text("SELECT xmin::text FROM task WHERE id = :id")
_LOOK_SECONDS: Final = 0.5

# What tests file, children before parents; people, projects, environments, tiers, instances and databases stay.
FILED: Final = (
    *(
        "delivery",
        "plugin",
        "run_log",
        "settlement",
        "task_change",
        "task_run",
        "task",
        "context",
        "approval",
        "errand",
        "gate_bypass",
        "check_override",
        "required_check",
        "status_report",
        "check_context",
        "git_delivery",
        "pull_request",
        "repository",
        "schedule_fire",
        "schedule",
        "event",
        "comment",
        "promotion",
    ),
    *("issue", "stage", "pipeline", "release_change", "release", "change", "project_turn", "runner", "slot"),
    *("idempotency", "freeze", "database_group", "user_group"),
)
_CLEAR: Final = ";".join(
    (
        *(f'DELETE FROM "{table}"' for table in FILED),
        "DELETE FROM database",
        "DELETE FROM instance WHERE slug NOT IN ('pg-dev', 'pg-staging', 'pg-prod')",
        "UPDATE instance SET max_running_tasks = 4",
        "UPDATE environment SET max_running_tasks = NULL",
        "DELETE FROM project WHERE slug = 'other'",
        *(
            "UPDATE environment SET tier_id = t.id FROM approval_tier t"
            f" WHERE t.slug = '{tier}' AND environment.slug = '{environment}'"
            for environment, tier in TIERS.items()
        ),
        "DELETE FROM approval_tier WHERE slug LIKE 'own-%'",
    )
)


class Client(httpx2.AsyncClient):
    """Somebody who speaks to the application in this process."""

    def __init__(self, app: Litestar, **kwargs: Any) -> None:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # typed looser
        super().__init__(transport=transport, base_url=f"http://penstock.test{API}", timeout=60, **kwargs)

    async def ok(self, method: str, path: str, **body: Any) -> Any:
        """Call with a JSON body and return the answer's, which must be a success."""
        answer = await self.request(method, path, json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, **body: Any) -> tuple[int, str, Json]:
        """Call and return (status, code, problem document) of a refusal."""
        answer = await self.request(method, path, json=body or None)
        assert answer.is_error, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        problem: Json = answer.json()
        return answer.status_code, problem["code"], problem


@dataclass
class Site:
    """What lives as long as the whole test run: a metadata database with people, and target databases by environment.

    Args:
        tokens: person or machine -> API token.
    """

    server: PostgresServer
    url: str
    tokens: dict[str, str] = field(default_factory=dict)
    deployment: str = ""
    names: dict[str, list[str]] = field(default_factory=dict)
    _closed: list[Database] = field(default_factory=list, init=False)

    async def furnish(self) -> None:
        """Make people, a project, environments with their tiers, and an instance in each: the test server."""
        async with self.process() as (app, services, _):
            await services.accounts.create_first_admin("ada@example.com", "Ada", PASSWORD)
            async with Client(app) as ada:
                await sign_in(ada, "ada")
                await ada.ok("POST", "/projects", slug=PROJECT, name="Shop")
                for name, (role, _) in list(PEOPLE.items())[1:]:
                    person = {"email": f"{name}@example.com", "name": name.title(), "password": PASSWORD}
                    await ada.ok("POST", "/users", **person, workspace_role=role)
                machine = await ada.ok("POST", "/service-accounts", name="Robot")
                members = [{"principal": f"user:{n}@example.com", "role": r} for n, (_, r) in PEOPLE.items() if r]
                members.append({"principal": f"service:{machine['id']}", "role": "owner"})
                answer = await ada.put(f"/projects/{PROJECT}/members", json=members)
                assert answer.is_success, answer.text
                for tier, steps in _STEPS.items():
                    await ada.ok("POST", "/approval-tiers", slug=tier, name=tier, steps=steps)
                for environment, tier in TIERS.items():
                    await ada.ok("POST", "/environments", slug=environment, name=environment.title(), tier=tier)
                    await ada.ok("POST", "/instances", **self.instance(f"pg-{environment}", environment))
                token = await ada.ok("POST", "/auth/tokens", name="test", service_account=machine["id"])
                self.tokens["robot"] = token["token"]
            for name in PEOPLE:
                async with Client(app) as person_:
                    await sign_in(person_, name)
                    self.tokens[name] = (await person_.ok("POST", "/auth/tokens", name="test"))["token"]

    def instance(self, slug: str, environment: str, **more: Any) -> Json:
        """The body that files the test server as an instance."""
        where = {"host": self.server.host, "port": self.server.port, "username": self.server.user}
        password = {"password": self.server.password} if self.server.password else {}
        return (
            {"slug": slug, "engine": "postgres", "environment": environment, "tls": "disable"} | where | password | more
        )

    @asynccontextmanager
    async def process(self) -> AsyncIterator[tuple[Litestar, Services, Database]]:
        """The application on the metadata database, without any background loop."""
        # One that is closed connects anew, and still knows the statements that it has compiled.
        database = self._closed.pop() if self._closed else Database(self.url)
        try:
            self.deployment = await first_start.ensure(database)
            services = Services.build(
                database,
                Keyring([b"k" * 32]),
                engine_for=engine_for,
                file_sync=file_sync_pipeline,
                private_plugins=True,
                passwords=quick_passwords(),
            )
            with application(services) as app:
                yield app, services, database
        finally:
            await database.close()
            self._closed.append(database)

    async def target(self, environment: str, number: int) -> str:
        """The name of the n-th target database of an environment; made when first asked for."""
        names = self.names.setdefault(environment, [])
        while len(names) <= number:
            names.append(await self.server.create_database())
        return names[number]

    async def close(self) -> None:
        """Drop the target databases."""
        for name in (n for names in self.names.values() for n in names):
            await self.server.drop_database(name)  # one by one: there may be more of them than the server takes clients


async def sign_in(client: Client, name: str) -> None:
    """Sign a person in, as a browser does."""
    me = await client.ok("POST", "/auth/login", email=f"{name}@example.com", password=PASSWORD)
    client.headers["X-CSRF-Token"] = me["csrf_token"]


@dataclass(frozen=True)
class Target:
    """A target database that a test may look into."""

    id: int
    name: str
    environment: str
    instance: str
    url: str

    async def fetch(self, query: str, *args: object) -> list[tuple[Any, ...]]:
        """What the database answers, on a connection of its own."""
        connection = await asyncpg.connect(self.url)
        try:
            return [tuple(row) for row in await connection.fetch(query, *args)]
        finally:
            await connection.close()

    async def execute(self, script: str) -> None:
        """Run statements as superuser."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    @asynccontextmanager
    async def locked_by_somebody(self) -> AsyncIterator[None]:
        """Another program holds the lock under which Penstock works on this database."""
        connection = await asyncpg.connect(self.url)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1, $2)", LOCK_CLASS, LOCK_OBJECT)
                yield
        finally:
            await connection.close()

    async def has(self, table: str) -> bool:
        """Whether a table exists."""
        return bool(await self.fetch("SELECT 1 WHERE to_regclass($1) IS NOT NULL", table))

    async def ledger(self) -> list[str]:
        """Versions that the ledger has, in the order they were applied."""
        if not await self.has("penstock.ledger"):
            return []
        return [v for (v,) in await self.fetch("SELECT version FROM penstock.ledger ORDER BY applied_at, version")]


class World:
    """One test's Penstock: an application, people who are signed in, and a runner where the test starts one."""

    def __init__(self, site: Site, app: Litestar, services: Services, database: Database) -> None:
        self.site = site
        self.app = app
        self.services = services
        self.database = database
        self.supervisor: Supervisor | None = None
        self._people: dict[str, Client] = {}
        self._targets: Counter[str] = Counter()

    @property
    def ana(self) -> Client:
        """A developer, who files issues."""
        return self.person("ana")

    @property
    def rita(self) -> Client:
        """A releaser, who runs them."""
        return self.person("rita")

    @property
    def bo(self) -> Client:
        """A project owner, who approves."""
        return self.person("bo")

    @property
    def otto(self) -> Client:
        """Another owner."""
        return self.person("otto")

    @property
    def dora(self) -> Client:
        """A DBA."""
        return self.person("dora")

    @property
    def ada(self) -> Client:
        """The administrator."""
        return self.person("ada")

    def person(self, name: str) -> Client:
        """Whoever has that name."""
        if name not in self._people:
            headers = {"Authorization": f"Bearer {self.site.tokens[name]}"}
            self._people[name] = Client(self.app, headers=headers)
        return self._people[name]

    async def target(self, environment: str = "dev", instance: str | None = None) -> Target:
        """An empty target database of the project, no other test's."""
        place = instance or f"pg-{environment}"
        name = await self.site.target(environment, self._targets[environment])
        self._targets[environment] += 1
        url = self.site.server.url(name)
        made = await self.sql(
            "INSERT INTO database (instance_id, name, project_id) SELECT i.id, :name, p.id FROM instance i, project p"
            " WHERE i.slug = :instance AND p.slug = :project RETURNING id",
            name=name,
            instance=place,
            project=PROJECT,
        )
        target = Target(made[0][0], name, environment, place, url)
        await target.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid();"
            "DROP SCHEMA IF EXISTS penstock CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        )
        return target

    async def sql(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a statement on the metadata database, as nobody but a test would."""
        async with self.database.engine.begin() as conn:
            result = await conn.execute(sa.text(query), values)
            return [tuple(r) for r in result] if result.returns_rows else []

    async def unmade(self, count: int, environment: str = "dev") -> list[Target]:
        """Databases of the project that no server has: for tasks that a hand moves."""
        place = f"pg-{environment}"
        made = await self.sql(
            "INSERT INTO database (instance_id, name, project_id) SELECT i.id, 'unmade ' || gen_random_uuid(), p.id"
            " FROM instance i, project p, generate_series(1, :count) WHERE i.slug = :instance AND p.slug = :project"
            " RETURNING id, name",
            count=count,
            instance=place,
            project=PROJECT,
        )
        return [Target(id_, name, environment, place, self.site.server.url(name)) for id_, name in made]

    async def start(self, settings: RunnerSettings = LEASES) -> Supervisor:
        """Start the background loops with a runner."""
        dispatcher = Dispatcher(
            self.database, senders(private=True), self.services.plugins.open, "https://penstock.example.com"
        )
        self.supervisor = Supervisor(
            self.database, self.services.targets, engine_for, self.site.deployment, settings, dispatcher
        )
        await self.supervisor.start()
        return self.supervisor

    async def stop(self) -> None:
        """Stop them, as a process that is told to does."""
        supervisor, self.supervisor = self.supervisor, None
        if supervisor is not None:
            await supervisor.stop()

    async def file(
        self,
        what: str | Sequence[Json],
        *targets: Target,
        by: Client | None = None,
        title: str = "A change",
        **more: Any,
    ) -> Json:
        """File an issue with one statement, or with a release of several changes."""
        sql = {"statement": what} if isinstance(what, str) else {"release": {"changes": list(what)}}
        body = {"project": PROJECT, "title": title, **sql, "targets": {"databases": [t.id for t in targets]}}
        found: Json = await (by or self.ana).ok("POST", "/issues", **{**body, **more})
        return found

    async def file_stages(self, statement: str | None, *stages: Json, **pipeline: Any) -> Json:
        """File an issue with explicit stages."""
        body = {"project": PROJECT, "title": "Stages", "statement": statement}
        found: Json = await self.ana.ok("POST", "/issues", **body, pipeline={"stages": list(stages), **pipeline})
        return found

    async def issue(self, issue: Json) -> Json:
        """An issue as it is now."""
        found: Json = await self.ana.ok("GET", f"/issues/{issue['id']}")
        return found

    async def stages(self, issue: Json) -> dict[str, Json]:
        """An issue's stages by name, as they are now."""
        return {s["name"]: s for s in (await self.issue(issue))["pipeline"]["stages"]}

    async def tasks(self, issue: Json) -> list[Json]:
        """An issue's tasks in full, in the order of their ids."""
        path = f"/pipelines/{issue['pipeline']['id']}/tasks?page_size=200"
        found = [t["id"] for t in (await self.ana.ok("GET", path))["items"]]
        return [await self.task(i) for i in sorted(found)]

    async def task(self, task: int) -> Json:
        """A task as it is now."""
        found: Json = await self.ana.ok("GET", f"/tasks/{task}")
        return found

    async def statuses(self, issue: Json) -> list[str]:
        """The statuses of an issue's tasks, in the order of their ids; skips say why."""
        return [f"{t['status']} {t['skip_reason'] or ''}".strip() for t in await self.tasks(issue)]

    async def until(self, issue: Json, result: str, timeout: float = 20.0) -> Json:
        """Wait until a pipeline's result is this, and return the issue."""
        latest: Json = {}

        async def look() -> Json:
            nonlocal latest
            latest = await self.issue(issue)
            return latest if latest["pipeline"]["result"] == result else {}

        try:
            return await self._seen(_OF_PIPELINE, issue["pipeline"]["id"], look, timeout)
        except AssertionError:
            tasks = [(t["name"], t["status"], t["failure"], t["blockers"]) for t in await self.tasks(issue)]
            raise AssertionError(f"{latest['pipeline']['result']}, not {result}: {tasks}") from None

    async def until_task(self, task: int, *statuses: str, timeout: float = 20.0) -> Json:
        """Wait until a task has one of these statuses, and return it."""

        async def look() -> Json:
            found = await self.task(task)
            return found if found["status"] in statuses else {}

        return await self._seen(_OF_TASK, task, look, timeout, message=f"task {task} is {' or '.join(statuses)}")

    async def _seen(
        self,
        rows: sa.TextClause,
        number: int,
        look: Callable[[], Awaitable[Json]],
        timeout: float,
        message: str | None = None,
    ) -> Json:
        """Look until there is an answer, and only when rows have changed, or once in a while: a look costs as much as
        the work that is waited for."""
        seen: list[str] = []
        due = 0.0

        async def look_again() -> Json:
            nonlocal seen, due
            async with self.database.connect() as conn:
                now = sorted((await conn.execute(rows, {"id": number})).scalars())
            if now == seen and time.monotonic() < due:
                return {}
            seen, due = now, time.monotonic() + _LOOK_SECONDS
            return await look()

        return await eventually(look_again, timeout, message=message)

    async def decide(
        self, who: Client, issue: Json, *stages: str, decision: str = "approve", comment: str = ""
    ) -> Json:
        """Approve or reject stages, with the digests that they have now."""
        seen = await self.stages(issue)
        body = {"stages": list(stages), "digest": {s: seen[s]["digest"] for s in stages}, "comment": comment}
        found: Json = await who.ok("POST", f"/issues/{issue['id']}/approvals", **body, decision=decision)
        return found

    async def events(self, issue: Json) -> list[tuple[str, Json]]:
        """(type, data) of every event of an issue's pipeline, in order."""
        rows = await self.sql(
            "SELECT type, data FROM event WHERE pipeline_id = :id ORDER BY version", id=issue["pipeline"]["id"]
        )
        return [(r[0], r[1]) for r in rows]

    async def log(self, run: int) -> list[str]:
        """The lines of a run's log."""
        return [line["text"] for line in (await self.ana.ok("GET", f"/runs/{run}/log"))["items"]]

    @contextmanager
    def count_statements(self) -> Iterator[Callable[[], int]]:
        """How many statements went to the metadata database meanwhile."""
        seen: list[str] = []

        def saw(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        sa.event.listen(self.database.engine.sync_engine, "before_cursor_execute", saw)
        try:
            yield lambda: len(seen)
        finally:
            sa.event.remove(self.database.engine.sync_engine, "before_cursor_execute", saw)

    async def close(self) -> None:
        """Stop what runs and sign everybody out."""
        await self.stop()
        for client in self._people.values():
            await client.aclose()


async def clear(database: Database) -> None:
    """Forget everything that tests filed."""
    async with database.engine.connect() as conn:
        driver = (await conn.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(_CLEAR)


@asynccontextmanager
async def open_world(site: Site) -> AsyncIterator[World]:
    """A world in which nothing has been filed yet, without a runner."""
    async with AsyncExitStack() as stack:
        app, services, database = await stack.enter_async_context(site.process())
        world = World(site, app, services, database)
        await clear(database)
        try:
            yield world
        finally:
            await world.close()


def stage(name: str, environment: str, *tasks: Json, **more: Any) -> Json:
    """The body of an explicit stage."""
    return {"name": name, "environment": environment, "tasks": list(tasks), **more}


def task(target: Target, statement: str | None = None, **more: Any) -> Json:
    """The body of an explicit task."""
    own = {} if statement is None else {"statement": statement}
    return {"instance": target.instance, "database": target.id, **own, **more}
