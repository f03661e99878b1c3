"""A list costs as many statements with fifty rows as with one, and pages lead through all of it."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.runtime.sequencer import Sequencer
from tests.builders import PROJECT, Json, World

MANY = 50


class Archive:
    """Something of everything that is listed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: dict[str, int] = {}

    async def begin(self) -> None:
        """One of each."""
        target = await self.world.target()
        issue = await self.world.file("SELECT 1", target, labels={"team": "blue"})
        [(task,)] = await self.world.sql("SELECT id FROM task")
        made = await self.world.dora.ok(
            "POST", "/plugins", kind="webhook", name="w", project=PROJECT, url="https://example.com"
        )
        await self.world.sql("INSERT INTO runner VALUES (gen_random_uuid(), 'here', 1, now(), now())")
        self.ids = {"issue": issue["id"], "pipeline": issue["pipeline"]["id"], "task": task, "plugin": made["id"]}
        await self._grow(0, 1)

    async def grow(self) -> None:
        """Fifty of each."""
        target = (await self.world.sql("SELECT id FROM database LIMIT 1"))[0][0]
        for n in range(1, MANY):
            body = {"project": PROJECT, "title": f"{n}", "statement": "SELECT 1", "targets": {"databases": [target]}}
            await self.world.ana.ok("POST", "/issues", **body)
        await self._grow(1, MANY)

    async def _grow(self, start: int, end: int) -> None:
        add = self.world.sql
        given = self.ids | {"start": start + 1, "end": end}
        numbers = "generate_series(CAST(:start AS int), CAST(:end AS int)) n"
        await add(
            "INSERT INTO task (pipeline_id, stage_id, position, name, type, instance_id, database_id, release_id,"
            " digest, slot_key, run_at) SELECT pipeline_id, stage_id, n, name || n, type, instance_id, database_id,"
            f" release_id, digest, slot_key, now() FROM task, {numbers} WHERE id = :task",
            **{k: given[k] for k in ("task", "start", "end")},
        )
        await add(
            "INSERT INTO task_run (task_id, attempt, lease, runner_id, started_at, ended_at, outcome, last_seq)"
            f" SELECT :task, n, '', r.id, now(), now(), 'retried', n FROM runner r, {numbers}",
            **{k: given[k] for k in ("task", "start", "end")},
        )
        await add(
            "INSERT INTO run_log (run_id, seq, at, level, text)"
            f" SELECT (SELECT min(id) FROM task_run), n, now(), 'info', 'x' FROM {numbers}",
            start=given["start"],
            end=given["end"],
        )
        await add(
            "INSERT INTO database (instance_id, name, project_id) SELECT i.id, 'more' || n, p.id"
            f" FROM instance i, project p, {numbers} WHERE i.slug = 'pg-dev' AND p.slug = :project",
            start=given["start"],
            end=given["end"],
            project=PROJECT,
        )
        sequencer = Sequencer(self.world.database)
        while await sequencer.round():
            pass
        await add(
            "INSERT INTO delivery (plugin_id, position, next_at) SELECT :plugin, position, now() FROM event"
            " WHERE position IS NOT NULL ORDER BY position LIMIT :end ON CONFLICT DO NOTHING",
            plugin=given["plugin"],
            end=end,
        )

    async def ask(self, path: str) -> tuple[int, int]:
        """How many statements a list costs, and how many items it has."""
        [(run,)] = await self.world.sql("SELECT min(id) FROM task_run")
        await self.world.dora.ok("GET", "/auth/me")  # once in a while it is noted that a token was used
        with self.world.count_statements() as count:
            found: Any = await self.world.dora.ok("GET", path.format(**self.ids, run=run))
            return count(), len(found["items"] if isinstance(found, dict) else found)


LISTS = [
    "/issues?page_size=200",
    "/issues?page_size=200&status=open&project=shop&label=team",
    "/issues/{issue}/activity?page_size=200",
    "/pipelines/{pipeline}/tasks?page_size=200",
    "/tasks/{task}/runs",
    "/runs/{run}/log",
    "/events?page_size=200",
    "/plugins/{plugin}/deliveries?page_size=200",
    "/plugins?page_size=200",
    "/databases?page_size=200",
    "/releases?page_size=200",
    "/instances?page_size=200",
    "/environments?page_size=200",
    "/projects?page_size=200",
]


@pytest.fixture
async def archive(calm: World) -> Archive:
    made = Archive(calm)
    await made.begin()
    return made


async def test_a_list_of_fifty_costs_what_a_list_of_one_costs(archive: Archive) -> None:
    for path in LISTS:
        await archive.ask(path)  # what a process asks only once
    few = {path: await archive.ask(path) for path in LISTS}
    await archive.grow()
    for path in LISTS:
        statements, items = await archive.ask(path)
        assert statements == few[path][0], f"{path}: {few[path]} → {(statements, items)}"
        assert items >= few[path][1]
    for path in LISTS[:1] + LISTS[3:10]:
        if not path.startswith("/plugins?"):
            assert (await archive.ask(path))[1] >= MANY, path


async def test_pages_lead_through_everything_once(archive: Archive) -> None:
    await archive.grow()
    for path in ("/issues", "/pipelines/{pipeline}/tasks", "/databases", "/releases", "/plugins/{plugin}/deliveries"):
        seen: list[int] = []
        token: str | None = ""
        while token is not None:
            page: Json = await archive.world.dora.ok(
                "GET", path.format(**archive.ids) + "?page_size=7" + (f"&page_token={token}" if token else "")
            )
            seen += [item["id"] for item in page["items"]]
            assert len(page["items"]) <= 7
            token = page["next_page_token"]
        assert len(seen) == len(set(seen)) >= MANY, path
    for path, key, cursor in (("/events", "position", "next_after"), ("/runs/{run}/log", "seq", "next_after")):
        [(run,)] = await archive.world.sql("SELECT min(id) FROM task_run")
        seen, after = [], 0
        while True:
            page = await archive.world.dora.ok("GET", path.format(run=run) + f"?after={after}")
            if not page["items"]:
                break
            seen += [item[key] for item in page["items"]]
            after = page[cursor]
        assert seen == sorted(set(seen)) and len(seen) >= MANY, path


async def test_a_pipeline_is_looked_at_without_its_tasks(archive: Archive) -> None:
    """However many it has: its page shows counters, and tasks a page at a time."""
    paths = ["/issues/{issue}", "/pipelines/{pipeline}", "/pipelines/{pipeline}/stages/dev"]
    few = [await _look(archive, path) for path in paths]
    await archive.grow()
    for path, (statements, length) in zip(paths, few, strict=True):
        now = await _look(archive, path)
        assert now[0] == statements, path
        assert now[1] < length + 200, path


async def _look(archive: Archive, path: str) -> tuple[int, int]:
    with archive.world.count_statements() as count:
        found = await archive.world.dora.ok("GET", path.format(**archive.ids))
        return count(), len(str(found))
