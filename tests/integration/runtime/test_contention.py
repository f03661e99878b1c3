"""Many people do the same to the same things at the same time: each is told what became of it, and nobody waits in a
circle.

The server ends a circle as a deadlock, and the transaction is repeated: what looks well here might then have taken
seconds, and fails when five attempts are not enough. So no transaction may have been repeated (`transaction_again`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pytest
import sqlalchemy as sa
import structlog

from penstock.domain import events
from penstock.runtime.gatekeeper import Gatekeeper
from penstock.runtime.scheduler import Scheduler
from penstock.services.submission import ROWS
from penstock.store import sync
from tests.builders import PASSWORD, PROJECT, Client, Json, World, sign_in, stage
from tests.hand import Hand
from tests.waiting import eventually

Asked = Callable[[], Coroutine[Any, Any, Any]]
LARGE: Final = ROWS // 3 + 1  # tasks that are stored in many transactions
ENVIRONMENTS: Final = "SELECT FROM environment FOR UPDATE"
ACCOUNTS: Final = "SELECT FROM account FOR UPDATE"  # whoever writes down who did it waits
AUDIT: Final = "LOCK TABLE audit IN SHARE MODE"
EVENTS: Final = "LOCK TABLE event IN SHARE MODE"  # whoever has decided, and is about to tell


@pytest.fixture(autouse=True)
def _nothing_is_repeated() -> Iterator[None]:
    with structlog.testing.capture_logs() as logs:
        yield
    assert [e for e in logs if e["event"] in ("transaction_again", "metadata_contended", "request_failed")] == []


async def at_once(world: World, held: str, *asked: Asked) -> list[Any]:
    """Begin one after the other, each when the one before waits for a lock or has ended; all go on together.

    Args:
        held: what the test locks until all of them have begun.
    """
    begun: list[asyncio.Task[Any]] = []
    async with world.database.engine.begin() as conn:
        await conn.execute(sa.text(held))
        for ask in asked:
            begun.append(asyncio.create_task(ask()))
            await eventually(lambda: _wait_or_ended(world, begun), 30)
    return await asyncio.gather(*begun)


async def _wait_or_ended(world: World, begun: Sequence[asyncio.Task[Any]]) -> bool:
    ended = sum(task.done() for task in begun)
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool((await world.sql(query))[0][0] + ended >= len(begun))


def asking(who: Client, method: str, path: str, etag: str | None = None, **body: Any) -> Asked:
    """A request that is sent when it is called."""
    headers = {"If-Match": etag} if etag is not None else None
    return partial(who.request, method, path, json=body or None, headers=headers)


async def databases(world: World, environment: str, count: int, instance: str | None = None) -> list[int]:
    """Databases of the project that are only known by name: nothing runs there."""
    rows = await world.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, 'region' || lpad(g::text, 4, '0'), p.id"
        " FROM instance i, project p, generate_series(1, :count) g WHERE i.slug = :on AND p.slug = 'shop' RETURNING id",
        on=instance or f"pg-{environment}",
        count=count,
    )
    return [row[0] for row in rows]


async def filed(world: World, *targets: int, **more: Any) -> Json:
    """An issue with one statement for some databases."""
    body = {"statement": "CREATE TABLE t (id int)", "targets": {"databases": list(targets)}, **more}
    found: Json = await world.ana.ok("POST", "/issues", project=PROJECT, title="A change", **body)
    return found


async def applied(world: World, target: int) -> Json:
    """An issue that is done: its release is applied, by a runner of the test's own."""
    change = {"version": "1", "statement": "CREATE TABLE t (id int)", "revert": "DROP TABLE t"}
    body = {"release": {"changes": [change]}, "targets": {"databases": [target]}}
    issue: Json = await world.ana.ok("POST", "/issues", project=PROJECT, title="A change", **body)
    hand = await Hand(world.database).register()
    (name,) = await hand.take()
    assert await hand.finish(hand.held[name], "succeeded", changes={"1": "applied"})
    return await world.issue(issue)


@dataclass
class Contest:
    """What many ask for at the same time.

    Args:
        held: see `at_once`.
        expected: how many get which status; None: any that is not a mistake of the server.
        holds: what is true afterwards.
    """

    held: str
    asked: Sequence[Asked]
    expected: dict[int, int] | None
    holds: Callable[[], Awaitable[bool]]


async def small_issues(world: World) -> Contest:
    """For the same databases, which nothing was filed for before, named in two orders."""
    [dev], [staging] = await databases(world, "dev", 1), await databases(world, "staging", 1)
    stages = [
        stage(name, name, {"instance": f"pg-{name}", "database": n, "statement": "SELECT 1"})
        for name, n in (("dev", dev), ("staging", staging))
    ]
    people = [world.ana, world.rita, world.bo, world.otto] * 2
    ways = [stages, stages[::-1]] * 4
    asked = [
        asking(who, "POST", "/issues", project=PROJECT, title="A change", pipeline={"stages": way})
        for who, way in zip(people, ways, strict=True)
    ]

    async def holds() -> bool:
        [(tasks, claimable)] = await world.sql("SELECT count(*), count(*) FILTER (WHERE claimable) FROM task")
        return bool((tasks, claimable) == (16, 1))  # one place, for one of those whose turn it is

    return Contest(ENVIRONMENTS, asked, {201: 8}, holds)


async def large_issues(world: World) -> Contest:
    targets = {"databases": await databases(world, "dev", LARGE)}
    body: Json = {"project": PROJECT, "title": "A change", "statement": "SELECT 1", "targets": targets}
    asked = [asking(who, "POST", "/issues", **body) for who in (world.ana, world.rita, world.bo)]

    async def holds() -> bool:
        [(tasks, claimable)] = await world.sql("SELECT count(*), count(*) FILTER (WHERE claimable) FROM task")
        return bool((tasks, claimable) == (3 * LARGE, 4))  # the instance has four places

    return Contest(ACCOUNTS, asked, {201: 3}, holds)


async def promotions(world: World) -> Contest:
    [dev], [staging] = await databases(world, "dev", 1), await databases(world, "staging", 1)
    body = {"project": PROJECT, "release": (await applied(world, dev))["release"]}
    asked = [asking(who, "POST", "/promotions", **body) for who in (world.ana, world.rita, world.bo, world.otto)]

    async def holds() -> bool:
        return await world.sql("SELECT count(*) FROM task WHERE database_id = :id", id=staging) == [(1,)]

    return Contest(ACCOUNTS, asked, {201: 1, 409: 3}, holds)


async def _required(world: World, count: int) -> list[int]:
    """Releases that a check is required for before they leave dev, where it is green."""
    await databases(world, "dev", 1), await databases(world, "staging", 1)
    made = []
    for n in range(count):
        change = {"version": str(n), "statement": "SELECT 1"}
        made.append((await world.ana.ok("POST", "/releases", project=PROJECT, changes=[change]))["id"])
        green = {"environment": "dev", "context": "ci/circle", "state": "success"}
        await world.ana.ok("POST", f"/releases/{made[n]}/statuses", **green)
    await world.bo.ok("PUT", f"/projects/{PROJECT}/environments/dev/required-checks", contexts=["ci/circle"])
    return made


async def reports_of_one_release(world: World) -> Contest:
    [release] = await _required(world, 1)
    states = ["failure", "success", "error", "pending"] * 2
    path = f"/releases/{release}/statuses"
    asked = [asking(world.ana, "POST", path, environment="dev", context="ci/circle", state=state) for state in states]

    async def holds() -> bool:
        counted = await world.sql("SELECT count(*) FROM status_report WHERE release_id = :id", id=release)
        return counted == [(1 + len(states),)]

    return Contest("SELECT FROM release FOR UPDATE", asked, {201: 8}, holds)


async def reports_freezes_and_filings(world: World) -> Contest:
    """Reports of several releases, with a context that is new to all, and what else asks the gates above again."""
    releases = await _required(world, 4)
    [target] = await world.sql(
        "SELECT d.id FROM database d JOIN instance i ON i.id = d.instance_id WHERE i.slug = 'pg-staging'"
    )
    body: Json = {
        "project": PROJECT,
        "title": "A change",
        "statement": "SELECT 1",
        "targets": {"databases": [target[0]]},
    }
    asked = []
    for n, release in enumerate(releases):
        path = f"/releases/{release}/statuses"
        asked.append(asking(world.ana, "POST", path, environment="dev", context="ci/circle", state="failure"))
        asked.append(asking(world.bo, "POST", path, environment="staging", context="load/k6", state="error"))
        scope = ("environments/staging", "environments/dev", f"projects/{PROJECT}", "environments/staging")[n]
        asked.append(asking(world.ada, "PUT", f"/{scope}/freeze", reason="Wait."))
        asked.append(asking(world.rita, "POST", "/issues", **body))

    async def holds() -> bool:
        counted = 'SELECT (SELECT count(*) FROM status_report), (SELECT count(*) FROM "freeze")'
        return await world.sql(counted) == [(4 + 8, 3)]

    return Contest(ENVIRONMENTS, asked, {201: 12, 200: 4}, holds)


async def freezes_and_thaws(world: World) -> Contest:
    path = "/environments/staging"
    before = (await world.sql("SELECT generation FROM environment WHERE slug = 'staging'"))[0][0]
    asked = []
    for n in range(4):
        asked.append(asking(world.ada, "PUT", f"{path}/freeze", reason=f"Wait {n}."))
        asked.append(asking(world.ada, "DELETE", f"{path}/freeze"))
        asked.append(asking(world.ada, "PATCH", path, name=f"Staging {n}"))

    async def holds() -> bool:
        [(after,)] = await world.sql("SELECT generation FROM environment WHERE slug = 'staging'")
        [(deleted,)] = await world.sql("SELECT count(*) FROM event WHERE type = 'THAWED'")
        [(left,)] = await world.sql('SELECT count(*) FROM "freeze"')
        return bool(left in (0, 1) and after - before == 4 + deleted)  # every one that won was heard

    return Contest("SELECT FROM environment WHERE slug = 'staging' FOR UPDATE", asked, None, holds)


async def edits_of_a_tier_and_its_environment(world: World) -> Contest:
    await world.ada.ok("POST", "/approval-tiers", slug="own-tier", name="Own")
    await world.ada.ok("PATCH", "/environments/staging", tier="own-tier")
    tags = {p: (await world.ada.get(p)).headers["etag"] for p in ("/approval-tiers/own-tier", "/environments/staging")}
    tier, environment = tags
    asked = []
    for n in range(3):
        asked.append(asking(world.ada, "PATCH", tier, tags[tier], name=f"Own {n}"))
        asked.append(asking(world.ada, "PATCH", environment, tags[environment], tier="own-tier", position=n))

    async def holds() -> bool:
        rows = await world.sql("SELECT position FROM environment ORDER BY position")
        await world.ada.ok("PATCH", environment, position=1)
        return rows == [(0,), (1,), (2,)]

    return Contest("SELECT FROM environment WHERE slug = 'staging' FOR UPDATE", asked, {200: 2, 412: 4}, holds)


async def approvals(world: World) -> Contest:
    issue = await filed(world, *await databases(world, "staging", 1))
    seen = (await world.stages(issue))["staging"]["digest"]
    body: Json = {"stages": ["staging"], "digest": {"staging": seen}, "decision": "approve"}
    people = (world.bo, world.otto, world.dora, world.person("una"))
    asked = [asking(who, "POST", f"/issues/{issue['id']}/approvals", **body) for who in people]

    async def holds() -> bool:
        return await world.sql("SELECT count(*) FROM approval") == [(1,)] and await world.statuses(issue) == ["ready"]

    return Contest("SELECT FROM pipeline FOR UPDATE", asked, {200: 1, 409: 3}, holds)


async def edits_of_an_issue(world: World) -> Contest:
    issue = await filed(world, *await databases(world, "dev", 1))
    path = f"/issues/{issue['id']}"
    asked = [asking(world.ana, "PATCH", path, title=f"Title {n}") for n in range(4)]
    asked += [asking(world.rita, "POST", f"{path}/comments", body="Why?") for n in range(4)]

    async def holds() -> bool:
        versions = [v for (v,) in await world.sql("SELECT version FROM event WHERE pipeline_id IS NOT NULL ORDER BY 1")]
        told = Counter(kind for kind, _ in await world.events(issue))
        return versions == list(range(1, len(versions) + 1)) and (told["ISSUE_UPDATED"], told["COMMENTED"]) == (4, 4)

    return Contest("SELECT FROM pipeline FOR UPDATE", asked, {200: 4, 201: 4}, holds)


async def reverts(world: World) -> Contest:
    issue = await applied(world, *await databases(world, "dev", 1))
    path = f"/issues/{issue['id']}/revert"
    asked = [asking(who, "POST", path, title="Back") for who in (world.ana, world.rita, world.bo, world.otto)]

    async def holds() -> bool:
        return await world.sql("SELECT count(*) FROM issue WHERE reverts_id = :id", id=issue["id"]) == [(1,)]

    return Contest(ACCOUNTS, asked, {201: 1, 409: 3}, holds)


async def holds_and_resumes(world: World) -> Contest:
    issue = await filed(world, *await databases(world, "dev", 1))
    path = f"/pipelines/{issue['pipeline']['id']}"
    asked = [asking(world.rita, "POST", f"{path}/hold", reason="Wait.") for n in range(3)]
    asked += [asking(world.bo, "POST", f"{path}/resume")]
    asked += [asking(world.bo, "POST", f"{path}/hold", reason="Wait.") for n in range(3)]

    async def holds() -> bool:
        told = [
            kind for kind, _ in await world.events(issue) if kind in (events.PIPELINE_HELD, events.PIPELINE_RESUMED)
        ]
        in_turn = all(one != next_ for one, next_ in itertools.pairwise(told))
        return in_turn and await world.statuses(issue) == ["waiting" if told[-1] == events.PIPELINE_HELD else "ready"]

    return Contest("SELECT FROM pipeline FOR UPDATE", asked, None, holds)


async def projects_of_one_slug(world: World) -> Contest:
    asked = [asking(world.ada, "POST", "/projects", slug="other", name=f"Other {n}") for n in range(4)]

    async def holds() -> bool:
        return await world.sql("SELECT count(*) FROM project WHERE slug = 'other'") == [(1,)]

    return Contest(ACCOUNTS, asked, {201: 1, 409: 3}, holds)


async def database_groups_of_one_slug(world: World) -> Contest:
    path = f"/projects/{PROJECT}/database-groups"
    asked = [asking(who, "POST", path, slug="eu", selector="zone=eu") for who in (world.bo, world.otto) * 2]

    async def holds() -> bool:
        return await world.sql("SELECT count(*) FROM database_group") == [(1,)]

    return Contest(ACCOUNTS, asked, {201: 1, 409: 3}, holds)


async def assignments(world: World) -> Contest:
    await world.ada.ok("POST", "/projects", slug="other", name="Other")
    [target] = await databases(world, "dev", 1)
    path = f"/databases/{target}"
    tag = (await world.ada.get(path)).headers["etag"]
    asked = [asking(world.ada, "PATCH", path, tag, labels={"n": str(n)}) for n in range(3)]
    asked += [asking(world.ada, "PATCH", path, tag, project="other") for n in range(3)]

    async def holds() -> bool:
        return await world.sql("SELECT version FROM database") == [(2,)]

    return Contest("SELECT FROM database FOR UPDATE", asked, {200: 1, 412: 5}, holds)


async def syncs_of_an_instance(world: World) -> Contest:
    asked = [asking(who, "POST", "/instances/pg-dev/sync") for who in (world.ada, world.dora) * 3]

    async def holds() -> bool:
        return await world.sql("SELECT count(*) FROM task WHERE type = 'schema.sync'") == [(1,)]

    return Contest("SELECT FROM instance FOR UPDATE", asked, {202: 6}, holds)


async def schedules(world: World) -> Contest:
    known = await world.ada.ok("POST", "/schedules", instance="pg-staging", cron="0 * * * *")
    asked = [asking(world.ada, "POST", "/schedules", instance="pg-dev", cron="0 * * * *") for n in range(4)]
    asked += [asking(world.ada, "PATCH", f"/schedules/{known['id']}", cron=f"{n} * * * *") for n in range(4)]
    asked += [asking(world.ada, "DELETE", f"/schedules/{known['id']}")]

    async def holds() -> bool:
        return await world.sql("SELECT count(*) FROM schedule") == [(1,)]

    return Contest(ACCOUNTS, asked, None, holds)


async def moves_of_an_instance(world: World) -> Contest:
    """While others file for it, take back and hold what is filed."""
    await world.ada.ok("POST", "/instances", **world.site.instance("pg-own", "staging") | {"password": None})
    targets = await databases(world, "staging", 3, "pg-own")
    issues = [await filed(world, target) for target in targets]
    for issue in issues:
        await world.decide(world.bo, issue, "staging")
    asked = []
    for n, issue in enumerate(issues):
        asked.append(asking(world.ada, "PATCH", "/instances/pg-own", port=5000 + n))
        asked.append(asking(world.rita, "POST", f"/pipelines/{issue['pipeline']['id']}/hold", reason="Wait."))
        asked.append(asking(world.ada, "POST", "/instances/pg-own/sync"))

    async def holds() -> bool:
        # Nothing is left to run for a place that nobody approved it for.
        return [await world.statuses(issue) for issue in issues] == [["waiting"]] * 3

    return Contest("SELECT FROM instance WHERE slug = 'pg-own' FOR UPDATE", asked, {200: 6, 202: 3}, holds)


KINDS: Final = (
    small_issues,
    large_issues,
    promotions,
    reports_of_one_release,
    reports_freezes_and_filings,
    freezes_and_thaws,
    edits_of_a_tier_and_its_environment,
    approvals,
    edits_of_an_issue,
    reverts,
    holds_and_resumes,
    projects_of_one_slug,
    database_groups_of_one_slug,
    assignments,
    syncs_of_an_instance,
    schedules,
    moves_of_an_instance,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_of_many_who_ask_for_the_same(calm: World, kind: Callable[[World], Awaitable[Contest]]) -> None:
    contest = await kind(calm)

    answers = await at_once(calm, contest.held, *contest.asked)

    told = [(a.status_code, a.text[:300]) for a in answers if a.status_code not in (200, 201, 202, 204)]
    assert all(status in (404, 409, 412) for status, _ in told), told  # 404: it was removed before
    if contest.expected is not None:
        assert Counter(a.status_code for a in answers) == contest.expected, told
    assert await contest.holds()


async def test_pipelines_that_end_a_stage_do_not_wait_for_each_other(calm: World) -> None:
    """What is applied in dev may be what others wait for in staging: their stages are asked again."""
    await calm.ada.ok("POST", "/approval-tiers", slug="own-staging", name="Own", requires_lower_environments=True)
    await calm.ada.ok("PATCH", "/environments/staging", tier="own-staging")
    await calm.ada.ok("POST", "/instances", **calm.site.instance("pg-own", "dev"))  # a place for each of two
    one, other = await databases(calm, "dev", 1), await databases(calm, "dev", 1, "pg-own")
    staging = await databases(calm, "staging", 3)
    places = [(*one, staging[0]), (*one, staging[1]), (*other, staging[2])]
    changes = [{"version": str(n), "statement": "SELECT 1"} for n, _ in enumerate(places)]
    first, *ending = [
        await filed(calm, *place, statement=None, release={"changes": [change]})
        for place, change in zip(places, changes, strict=True)
    ]
    await calm.rita.ok("POST", f"/pipelines/{first['pipeline']['id']}/hold", reason="Wait.")  # only those two run
    hand = await Hand(calm.database).register()
    claims = sorted([hand.held[name] for name in await hand.take()], key=lambda claimed: claimed.pipeline_id)
    assert [claimed.issue_id for claimed in claims] == [issue["id"] for issue in ending]

    first_stage = f"SELECT FROM stage WHERE pipeline_id = {first['pipeline']['id']} AND name = 'staging' FOR UPDATE"
    ends = [
        partial(hand.finish, claimed, "succeeded", changes={change["version"]: "applied"})
        for claimed, change in zip(claims, changes[1:], strict=True)
    ]
    ended = await at_once(calm, first_stage, *ends)

    assert ended == [True, True]
    # What was locked has been left to the gatekeeper.
    assert await calm.sql("SELECT DISTINCT kind FROM errand") == [("above",)]
    await _gates_are_asked(calm)
    assert await calm.sql("SELECT count(*) FROM errand") == [(0,)]
    assert [await calm.statuses(issue) for issue in ending] == [["succeeded", "ready"]] * 2


async def _gates_are_asked(world: World) -> None:
    while await Gatekeeper(world.database).round():
        pass


async def _ready_behind_another(world: World) -> tuple[Json, Json]:
    """Two approved issues for one database: the first may run now, the second stands behind it."""
    [target] = await databases(world, "staging", 1)
    issues = [await filed(world, target) for n in range(2)]
    for issue in issues:
        await world.decide(world.bo, issue, "staging")
    assert await world.sql("SELECT status, claimable FROM task ORDER BY id") == [("ready", True), ("ready", False)]
    return issues[0], issues[1]


async def test_a_revision_and_whoever_gives_a_place_back(calm: World) -> None:
    """One writes the task that stands behind; the other makes it claimable."""
    first, second = await _ready_behind_another(calm)
    [task] = await calm.tasks(first)
    answers = await at_once(
        calm,
        "SELECT FROM slot FOR UPDATE",
        asking(calm.rita, "POST", f"/tasks/{task['id']}/cancel"),
        asking(calm.ana, "PUT", f"/issues/{second['id']}/release", statement="CREATE TABLE other (id int)"),
    )
    assert [a.status_code for a in answers] == [200, 200]
    assert (await calm.statuses(first), await calm.statuses(second)) == (["canceled"], ["waiting"])


async def test_a_move_and_whoever_gives_a_place_back(calm: World) -> None:
    """One has the instance's place because of the first pipeline, and needs the second; the other has that one."""
    await calm.ada.ok("POST", "/instances", **calm.site.instance("pg-own", "staging") | {"password": None})
    issues = [await filed(calm, target) for target in await databases(calm, "staging", 2, "pg-own")]
    for issue in issues:
        await calm.decide(calm.bo, issue, "staging")
    [task] = await calm.tasks(issues[1])
    answers = await at_once(
        calm,
        f"SELECT FROM pipeline WHERE id = {issues[1]['pipeline']['id']} FOR UPDATE",
        asking(calm.rita, "POST", f"/tasks/{task['id']}/cancel"),
        asking(calm.ada, "PATCH", "/instances/pg-own", port=5000),
    )
    assert [a.status_code for a in answers] == [200, 200]
    assert [await calm.statuses(issue) for issue in issues] == [["waiting"], ["canceled"]]


@pytest.mark.parametrize("explicit", [False, True], ids=["targets", "stages"])
async def test_an_instance_that_moves_while_something_is_filed_for_it(calm: World, explicit: bool) -> None:
    """The one who moves it does not see what is being filed; the one who files has read where it was."""
    await calm.ada.ok("POST", "/instances", **calm.site.instance("pg-own", "staging") | {"password": None})
    [target] = await databases(calm, "staging", 1, "pg-own")
    release = await calm.ana.ok("POST", "/releases", project=PROJECT, changes=[{"statement": "SELECT 1"}])
    stages = [stage("staging", "staging", {"instance": "pg-own", "database": target})]
    body: Json = {"pipeline": {"stages": stages}} if explicit else {"targets": {"databases": [target]}}
    filing = asking(calm.ana, "POST", "/issues", project=PROJECT, title="A change", release=release["id"], **body)
    moved, made = await at_once(calm, ENVIRONMENTS, asking(calm.ada, "PATCH", "/instances/pg-own", port=5000), filing)
    assert (made.status_code, moved.status_code) == (201, 200)
    assert (await filing()).status_code == 201
    assert len(await calm.sql("SELECT DISTINCT digest FROM task")) == 1, "both are for where it is now"


@pytest.mark.parametrize("explicit", [False, True], ids=["targets", "stages"])
@pytest.mark.parametrize(
    ("count", "held", "given_first", "expected"),
    [
        pytest.param(1, EVENTS, False, (201, 409), id="small filed"),
        pytest.param(1, AUDIT, True, (422, 200), id="small given"),
        pytest.param(LARGE, EVENTS, False, (201, 409), id="large filed"),
        pytest.param(LARGE, "LOCK TABLE slot IN SHARE MODE", False, (409, 200), id="large given in the midst"),
    ],
)
async def test_a_database_that_is_given_away_while_something_is_filed_for_it(
    calm: World, explicit: bool, count: int, held: str, given_first: bool, expected: tuple[int, int]
) -> None:
    """The one who gives it away does not see what is being filed; the one who files has read whose it was."""
    await calm.ada.ok("POST", "/projects", slug="other", name="Other")
    targets = await databases(calm, "staging", count)
    release = await calm.ana.ok("POST", "/releases", project=PROJECT, changes=[{"statement": "SELECT 1"}])
    work = [{"instance": "pg-staging", "database": target} for target in targets]
    body: Json = {"targets": {"databases": targets}}
    if explicit:
        body = {"pipeline": {"stages": [stage("staging", "staging", *work)]}}
    filing = asking(calm.ana, "POST", "/issues", project=PROJECT, title="A change", release=release["id"], **body)
    giving = asking(calm.ada, "PATCH", f"/databases/{targets[-1]}", project="other")

    answers = await at_once(calm, held, *((giving, filing) if given_first else (filing, giving)))

    made, given = reversed(answers) if given_first else answers
    assert (made.status_code, given.status_code) == expected, (made.text, given.text)


async def test_an_instance_is_removed_while_its_schedule_fires(calm: World) -> None:
    await calm.ada.ok("POST", "/instances", **calm.site.instance("pg-own", "dev"))
    await calm.sql("UPDATE schedule SET next_at = now() - interval '1 second'")
    removed, fired = await at_once(
        calm,
        "SELECT FROM instance WHERE slug = 'pg-own' FOR UPDATE",
        asking(calm.ada, "DELETE", "/instances/pg-own"),
        Scheduler(calm.database).round,
    )
    assert (removed.status_code, fired) == (204, False)
    assert await calm.sql("SELECT count(*) FROM schedule") == [(0,)]


async def test_instances_with_the_same_schemas_are_synced(calm: World) -> None:
    found = [sync.Synced(name, f"sha256:{name}", b"schema", 1) for name in ("a", "b", "c", "d")]
    rows = await calm.sql("SELECT id FROM instance ORDER BY id")
    read: Json = {"began": await calm.database.run(sync.now), "reading": "1 postgresql 15"}
    syncs = [
        partial(calm.database.run, partial(sync.record_some, instance_id=row[0], found=found[:: (-1) ** n], **read))
        for n, row in enumerate(rows)
    ]
    await calm.sql("DELETE FROM schema_snapshot")
    held = "INSERT INTO schema_snapshot (fingerprint, content) VALUES ('sha256:b', ''), ('sha256:c', '')"
    await at_once(calm, held, *syncs)
    assert await calm.sql("SELECT count(*) FROM database") == [(4 * len(rows),)]
    assert await calm.sql("SELECT count(*) FROM schema_snapshot") == [(4,)]


async def test_a_heartbeat_and_a_cancelation_of_the_same_tasks(calm: World) -> None:
    issue = await filed(calm, *await databases(calm, "dev", 2))
    hand = await Hand(calm.database).register()
    await hand.take()
    leases = {claimed.id: claimed.lease for claimed in hand.held.values()}
    # The first task is stored behind the second now, and found after it by who does not ask for an order.
    await calm.sql("UPDATE task SET lease_until = lease_until + interval '1 s' WHERE id = :id", id=min(leases))
    canceled, _ = await at_once(
        calm,
        f"SELECT FROM task WHERE id = {min(leases)} FOR UPDATE",
        asking(calm.ana, "POST", f"/issues/{issue['id']}/cancel"),
        partial(hand.beat, leases),
    )
    assert canceled.status_code == 200
    assert await calm.statuses(issue) == ["canceling", "canceling"]


@pytest.mark.parametrize("count", [1, LARGE], ids=["small", "large"])
async def test_what_is_filed_while_its_tier_changes_follows_the_tier_as_it_is_now(calm: World, count: int) -> None:
    """The one who changes a tier does not see what is being filed; the one who files has read what the tier was."""
    steps = [{"any_of": [{"role": "project:owner"}]}]
    await calm.ada.ok("POST", "/approval-tiers", slug="own-tier", name="Own", steps=steps)
    await calm.ada.ok("PATCH", "/environments/dev", tier="own-tier")
    body: Json = {"statement": "SELECT 1", "targets": {"databases": await databases(calm, "dev", count)}}
    made, changed = await at_once(
        calm,
        EVENTS,
        asking(calm.ana, "POST", "/issues", project=PROJECT, title="A change", **body),
        asking(calm.ada, "PATCH", "/approval-tiers/own-tier", steps=[]),
    )
    assert (made.status_code, changed.status_code) == (201, 200)
    await _gates_are_asked(calm)
    assert (await calm.stages(made.json()))["dev"]["blockers"] == []
    assert await calm.sql("SELECT count(*) FROM task WHERE status = 'ready'") == [(count,)]


async def test_what_is_filed_while_its_release_arrives_below(calm: World) -> None:
    """The one who files does not see that the release has just been applied in dev, nor is seen by that one."""
    await calm.ada.ok("POST", "/approval-tiers", slug="own-staging", name="Own", requires_lower_environments=True)
    await calm.ada.ok("PATCH", "/environments/staging", tier="own-staging")
    [dev], [staging] = await databases(calm, "dev", 1), await databases(calm, "staging", 1)
    below = await filed(calm, dev, statement=None, release={"changes": [{"version": "1", "statement": "SELECT 1"}]})
    hand = await Hand(calm.database).register()
    (name,) = await hand.take()
    body: Json = {"release": below["release"], "targets": {"databases": [staging]}}

    # The one who ends the pipeline stops when all that is left is to commit.
    await calm.sql(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$"
    )
    await calm.sql(
        "CREATE TRIGGER wait BEFORE INSERT ON event FOR EACH ROW"
        " WHEN (NEW.type = 'PIPELINE_COMPLETE') EXECUTE FUNCTION wait()"
    )
    try:
        ended, made = await at_once(
            calm,
            "SELECT pg_advisory_xact_lock(4711)",
            partial(hand.finish, hand.held[name], "succeeded", changes={"1": "applied"}),
            asking(calm.ana, "POST", "/issues", project=PROJECT, title="A change", **body),
        )
    finally:
        await calm.sql("DROP FUNCTION wait() CASCADE")

    assert (ended, made.status_code) == (True, 201)
    await _gates_are_asked(calm)
    assert (await calm.stages(made.json()))["staging"]["blockers"] == []
    assert await calm.statuses(made.json()) == ["ready"]


@pytest.mark.parametrize("vanishes", [False, True], ids=["given away", "vanished"])
async def test_nobody_waits_for_a_database_that_is_not_there_any_more(calm: World, vanishes: bool) -> None:
    await calm.ada.ok("POST", "/approval-tiers", slug="own-staging", name="Own", requires_lower_environments=True)
    await calm.ada.ok("PATCH", "/environments/staging", tier="own-staging")
    [dev], [staging] = await databases(calm, "dev", 1), await databases(calm, "staging", 1)
    issue = await filed(calm, staging)
    await _gates_are_asked(calm)
    assert await calm.statuses(issue) == ["waiting"]

    if vanishes:
        [(place, name)] = await calm.sql("SELECT instance_id, name FROM database WHERE id = :id", id=dev)
        await calm.database.run(partial(sync.record_vanished, instance_id=place, names=[name]))
    else:
        await calm.ada.ok("PATCH", f"/databases/{dev}", project=None)

    await _gates_are_asked(calm)
    assert await calm.statuses(issue) == ["ready"]


async def test_an_approver_who_is_disabled_while_she_approves(calm: World) -> None:
    """Who disables her does not see what she approves, and the gates have been asked while she was nobody's concern."""
    [staging] = await databases(calm, "staging", 1)
    issue = await filed(calm, staging)
    person = {"email": f"tina{issue['id']}@example.com", "name": "Tina", "password": PASSWORD}
    made = await calm.ada.ok("POST", "/users", **person, workspace_role="dba")
    digest = (await calm.stages(issue))["staging"]["digest"]
    decision: Json = {"decision": "approve", "stages": ["staging"], "digest": {"staging": digest}, "comment": ""}

    async with Client(calm.app) as tina:
        await sign_in(tina, f"tina{issue['id']}")
        approved, disabled = await at_once(
            calm,
            EVENTS,
            asking(tina, "POST", f"/issues/{issue['id']}/approvals", **decision),
            asking(calm.ada, "PATCH", f"/users/{made['id']}", disabled=True),
        )

    assert (approved.status_code, disabled.status_code) == (200, 200)
    await _gates_are_asked(calm)
    assert await calm.statuses(issue) == ["waiting"]
    assert await calm.sql("SELECT permit_digest, blockers -> 0 ->> 'gate' FROM stage") == [(None, "approval")]
