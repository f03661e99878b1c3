"""Acceptance scenarios 45 to 48 of the pipeline model, and the examples of the promotion seed, with a real runner."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from tests.builders import PROJECT, Client, Json, Target, World
from tests.waiting import eventually


def change(version: str, table: str | None = None, **more: Any) -> Json:
    """A change that makes a table."""
    return {"version": version, "statement": f"CREATE TABLE {table or f't{version}'} (id int)", **more}


async def release(world: World, *changes: Json) -> Json:
    """A release that is only stored."""
    found: Json = await world.ana.ok("POST", "/releases", project=PROJECT, changes=list(changes))
    return found


async def applied(world: World, target: Target, *changes: Json) -> Json:
    """A release that a database in dev has."""
    made = await release(world, *changes)
    await world.until(await apply(world, made["id"], target), "succeeded")
    return made


async def apply(world: World, release_id: int, *targets: Target) -> Json:
    """An issue with a release that is stored already."""
    where = {"databases": [t.id for t in targets]}
    found: Json = await world.ana.ok(
        "POST", "/issues", project=PROJECT, title="Apply", release=release_id, targets=where
    )
    return found


async def promote(world: World, by: Client | None = None, **body: Any) -> Json:
    """Promote, and answer the issue."""
    made = await (by or world.ana).ok("POST", "/promotions", project=PROJECT, **body)
    found: Json = await world.ana.ok("GET", f"/issues/{made['issue']}")
    return found


async def refused(world: World, by: Client | None = None, **body: Any) -> tuple[int, str]:
    """Promote, and answer how that was refused."""
    status, code, _ = await (by or world.ana).refused("POST", "/promotions", project=PROJECT, **body)
    return status, code


async def approve(world: World, issue: Json, stage: str) -> None:
    """Have those approve it who have to."""
    for who in (world.bo, world.dora)[: 2 if stage == "prod" else 1]:
        await world.decide(who, issue, stage)


async def versions(world: World, target: Target) -> list[Json]:
    """The release list of a database, newest first."""
    found: list[Json] = (await world.ana.ok("GET", f"/databases/{target.id}/releases"))["items"]
    return found


async def test_45_one_release_reaches_every_database_of_the_next_environment(world: World) -> None:
    dev, qa, staging = await world.target("dev"), await world.target("staging"), await world.target("staging")
    made = await applied(world, dev, change("1"))

    issue = await promote(world, source={"database": dev.id})

    assert (issue["release"], issue["release_digest"]) == (made["id"], made["digest"])
    tasks = await world.tasks(issue)
    assert {(t["database_id"], t["release"], t["status"]) for t in tasks} == {
        (target.id, made["id"], "waiting") for target in (qa, staging)
    }
    # Reviewed and gated like any other.
    assert [b["gate"] for b in (await world.stages(issue))["staging"]["blockers"]] == ["approval"]
    await approve(world, issue, "staging")
    await world.until(issue, "succeeded")
    assert await qa.has("t1")
    assert await staging.has("t1")
    assert await qa.ledger() == ["1"]


async def test_46_bytes_that_were_tampered_with_never_run(world: World) -> None:
    dev, staging = await world.target("dev"), await world.target("staging")
    await applied(world, dev, change("1"))
    issue = await promote(world, source={"environment": "dev"})
    await world.sql("UPDATE change SET statement = 'CREATE TABLE evil (id int)'")
    await world.stop()
    await world.start()  # another process, which has never seen the true bytes

    await approve(world, issue, "staging")

    await world.until(issue, "error")
    [task] = await world.tasks(issue)
    assert (task["status"], task["failure"]["kind"]) == ("failed", "tampered")
    assert not await staging.has("evil")
    assert await staging.ledger() == []


async def test_47_no_environment_is_skipped(world: World) -> None:
    dev, staging, prod = await world.target("dev"), await world.target("staging"), await world.target("prod")
    made = await applied(world, dev, change("1"))
    assert await refused(world, release=made["id"], targets={"environment": "prod"}) == (422, "environment_skipped")
    assert await refused(world, source={"database": dev.id}, targets={"databases": [prod.id]}) == (
        422,
        "environment_skipped",
    )
    assert await refused(world, release=made["id"], targets={"environment": "dev"}) == (422, "not_forward")
    assert await refused(world, release=made["id"], targets={"databases": [staging.id, prod.id]}) == (
        422,
        "several_environments",
    )
    assert (await world.sql("SELECT count(*) FROM issue")) == [(1,)]


async def test_47_a_foreign_release_is_not_there(world: World) -> None:
    await world.target("dev")
    await world.ada.ok("POST", "/projects", slug="other", name="Other")
    body = {"project": "other", "changes": [change("1")]}
    foreign = (await world.ada.ok("POST", "/releases", **body))["id"]
    assert await refused(world, release=foreign) == (422, "unknown_release")
    assert await refused(world, release=4711) == (422, "unknown_release")


async def test_47_what_is_not_done_does_not_move(calm: World) -> None:
    dev, _ = await calm.target("dev"), await calm.target("staging")
    made = await release(calm, change("1"))
    assert await refused(calm, release=made["id"]) == (409, "not_applied")
    assert await refused(calm, source={"environment": "dev"}) == (409, "not_applied")
    await apply(calm, made["id"], dev)
    assert await refused(calm, release=made["id"]) == (409, "not_applied")
    assert await refused(calm, source={"database": dev.id}) == (409, "not_applied")
    assert await refused(calm, release=made["id"], targets={"environment": "staging"}) == (409, "not_applied")


async def test_47_a_source_that_is_half_done_is_not_done(world: World) -> None:
    dev, full, _ = await world.target("dev"), await world.target("dev"), await world.target("staging")
    await full.execute("CREATE TABLE t1 (id int)")
    made = await release(world, change("1"))
    issue = await apply(world, made["id"], dev, full)
    await world.until(issue, "failed")

    assert await refused(world, release=made["id"]) == (409, "not_applied")

    # One database may go on alone, when somebody names it.
    assert (await promote(world, source={"database": dev.id}))["release"] == made["id"]


async def test_47_an_empty_next_environment(world: World) -> None:
    dev = await world.target("dev")
    made = await applied(world, dev, change("1"))
    assert await refused(world, release=made["id"]) == (422, "empty_environment")
    assert await refused(world, release=made["id"], targets={"environment": "staging"}) == (422, "empty_environment")
    await world.target("prod")
    assert await refused(world, release=made["id"]) == (422, "empty_environment")
    # A project without a staging database may say so.
    assert (await promote(world, release=made["id"], targets={"environment": "prod"}))["release"] == made["id"]


async def test_47_after_the_last_environment_there_is_none(world: World) -> None:
    prod = await world.target("prod")
    made = await release(world, change("1"))
    issue = await apply(world, made["id"], prod)
    await approve(world, issue, "prod")
    await world.until(issue, "succeeded")
    assert await refused(world, release=made["id"]) == (422, "no_next_environment")


async def test_48_an_older_release_is_that_one(world: World) -> None:
    dev, staging = await world.target("dev"), await world.target("staging")
    older = await applied(world, dev, change("1"))
    newer = await applied(world, dev, change("2"))

    issue = await promote(world, release=older["id"])

    assert (issue["release"], issue["release_digest"]) == (older["id"], older["digest"])
    await approve(world, issue, "staging")
    await world.until(issue, "succeeded")
    assert await staging.ledger() == ["1"]
    assert (await promote(world, source={"environment": "dev"}))["release"] == newer["id"]


# The seed: "say we have myapp-space-dev and myapp-space-qa … promote the code on myapp-space-dev to myapp-space-qa and
# myapp-space-stg".  An app is a database, a step of the seed's pipeline is an environment, a build is a release.
SEED = {"dev": ["myapp-space-dev"], "staging": ["myapp-space-qa", "myapp-space-stg"], "prod": ["myapp-space-prd"]}


async def apps(world: World, written: dict[str, list[str]]) -> dict[str, Target]:
    """A database for every app of a seed's example."""
    return {name: await world.target(environment) for environment, names in written.items() for name in names}


async def test_seed_three_apps_one_build(world: World) -> None:
    by_name = await apps(world, SEED)
    build = await applied(world, by_name["myapp-space-dev"], change("1"))

    issue = await promote(world, source={"database": by_name["myapp-space-dev"].id})

    to = {t["database_id"] for t in await world.tasks(issue)}
    assert to == {by_name["myapp-space-qa"].id, by_name["myapp-space-stg"].id}
    await approve(world, issue, "staging")
    await world.until(issue, "succeeded")
    # "aka releases -a myapp-space-qa": v1 - current, Build, Description: Promotion from myapp-space-dev.
    [v1] = await versions(world, by_name["myapp-space-qa"])
    assert (v1["version"], v1["current"], v1["release"], v1["digest"]) == ("v1", True, build["id"], build["digest"])
    assert v1["description"] == f"promoted from {by_name['myapp-space-dev'].name}"
    assert v1["source"] == {
        "kind": "promotion",
        "issue": issue["id"],
        "environment": "dev",
        "databases": [by_name["myapp-space-dev"].name],
    }
    # On to production: staging is where it comes from now.
    onward = await promote(world, release=build["id"])
    assert [t["database_id"] for t in await world.tasks(onward)] == [by_name["myapp-space-prd"].id]


async def test_seed_twelve_regions_at_once(world: World) -> None:
    # "Consider if you had twelve different regions your production app may run in.  All twelve apps can be
    # simultaneously deployed to with a promotion of a stage app to prod."
    regions = [f"myapp-{n}" for n in range(12)]
    by_name = await apps(world, {"staging": ["myapp-stage"], "prod": regions})
    build = await release(world, change("1"))
    staged = await apply(world, build["id"], by_name["myapp-stage"])
    await approve(world, staged, "staging")
    await world.until(staged, "succeeded")

    issue = await promote(world, source={"database": by_name["myapp-stage"].id})

    assert (await world.stages(issue))["prod"]["counts"]["total"] == 12
    await approve(world, issue, "prod")
    await world.until(issue, "succeeded", timeout=60)
    for region in regions:
        assert await by_name[region].ledger() == ["1"]
        assert [v["version"] for v in await versions(world, by_name[region])] == ["v1"]


async def test_seed_two_developers_meet_in_staging(world: World) -> None:
    # "myapp-jim-dev and myapp-kim-dev -> myapp-staging -> myapp"
    by_name = await apps(
        world, {"dev": ["myapp-jim-dev", "myapp-kim-dev"], "staging": ["myapp-staging"], "prod": ["myapp"]}
    )
    jims = await applied(world, by_name["myapp-jim-dev"], change("jim.1", "jim"))
    kims = await applied(world, by_name["myapp-kim-dev"], change("kim.1", "kim"))
    # Which of the two is a person's choice, so the environment alone does not say enough.
    assert await refused(world, source={"environment": "dev"}) == (422, "several_releases")

    for name, build in (("myapp-jim-dev", jims), ("myapp-kim-dev", kims)):
        issue = await promote(world, source={"database": by_name[name].id})
        assert issue["release"] == build["id"]
        await approve(world, issue, "staging")
        await world.until(issue, "succeeded")

    assert await by_name["myapp-staging"].ledger() == ["jim.1", "kim.1"]
    second, first = await versions(world, by_name["myapp-staging"])
    assert (first["version"], first["release"], first["current"]) == ("v1", jims["id"], False)
    assert (second["version"], second["release"], second["current"]) == ("v2", kims["id"], True)


async def test_a_release_and_the_database_that_has_it_may_be_named_together(world: World) -> None:
    # "when promoting you may specify a specific app to promote and the release id on that app to promote"
    jim, kim, _ = await world.target("dev"), await world.target("dev"), await world.target("staging")
    first = await applied(world, jim, change("1"))
    await applied(world, jim, change("2"))
    assert await refused(world, release=first["id"], source={"database": kim.id}) == (409, "not_applied")
    assert (await promote(world, release=first["id"], source={"database": jim.id}))["release"] == first["id"]


async def test_the_same_release_is_planned_once(world: World) -> None:
    dev, one, other = await world.target("dev"), await world.target("staging"), await world.target("staging")
    made = await applied(world, dev, change("1"))
    first = await promote(world, release=made["id"], targets={"databases": [one.id]})

    status, code, problem = await world.ana.refused("POST", "/promotions", project=PROJECT, release=made["id"])

    assert (status, code, problem["issue"], problem["stage"]) == (409, "already_planned", first["id"], "staging")
    # The other database is free, and so is this one when the issue is canceled.
    await promote(world, release=made["id"], targets={"databases": [f"{other.instance}/{other.name}"]})
    await world.ana.ok("POST", f"/issues/{first['id']}/cancel")
    await promote(world, release=made["id"], targets={"databases": [one.id]})


@pytest.mark.parametrize("other", ["promotions", "issues"])
async def test_of_promotions_at_the_same_time_one_wins(world: World, other: str) -> None:
    dev, staging = await world.target("dev"), await world.target("staging")
    made = await applied(world, dev, change("1"))
    # Something was planned there before, so nobody waits for anybody else's first mark on the database.
    before = await world.file("SELECT 1", staging)
    await world.ana.ok("POST", f"/issues/{before['id']}/cancel")
    people = [world.ana, world.rita, world.bo, world.otto]
    if other == "issues":  # whoever files it in another way counts, too
        await apply(world, made["id"], staging)
    answers = await asyncio.gather(
        *(p.request("POST", "/promotions", json={"project": PROJECT, "release": made["id"]}) for p in people * 2)
    )
    statuses = sorted(a.status_code for a in answers)
    assert statuses == ([409] * 8 if other == "issues" else [201] + [409] * 7)
    assert {a.json()["code"] for a in answers if a.is_error} == {"already_planned"}
    assert (await world.sql("SELECT count(*) FROM task WHERE database_id = :id", id=staging.id)) == [(2,)]


async def test_of_large_promotions_at_the_same_time_one_wins(world: World) -> None:
    """Their tasks take many transactions to store, each of which lets go of the release."""
    dev = await world.target("dev")
    made = await applied(world, dev, change("1"))
    await world.sql(
        "INSERT INTO database (instance_id, name, project_id) SELECT i.id, 'region' || g, p.id"
        " FROM instance i, project p, generate_series(1, 350) g WHERE i.slug = 'pg-staging' AND p.slug = 'shop'"
    )
    seen = await world.ana.ok("POST", "/promotions/preview", project=PROJECT, release=made["id"])
    assert (seen["allowed"], len(seen["databases"]), seen["changes"][0]["pending"]) == (True, 350, 350)

    with structlog.testing.capture_logs() as logs:
        async with world.database.engine.begin() as conn:
            # None gets past the row that says whose issue it is, until all are about to write it.
            await conn.execute(sa.text("SELECT FROM account FOR UPDATE"))
            asked = [
                asyncio.create_task(
                    who.request("POST", "/promotions", json={"project": PROJECT, "release": made["id"]})
                )
                for who in (world.ana, world.rita, world.bo)
            ]
            await eventually(lambda: _as_many_wait(world, len(asked)), 60)
        answers = await asyncio.gather(*asked)

    assert sorted(a.status_code for a in answers) == [201, 409, 409]
    assert {a.json()["code"] for a in answers if a.is_error} == {"already_planned"}
    assert [entry for entry in logs if entry["event"] == "transaction_again"] == []
    # Nothing is left of those that lost.
    assert (await world.sql("SELECT count(*) FROM task WHERE release_id = :id", id=made["id"])) == [(351,)]


async def _as_many_wait(world: World, count: int) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool((await world.sql(query))[0][0] >= count)


async def test_a_promotion_is_told_and_audited(world: World) -> None:
    dev, _ = await world.target("dev"), await world.target("staging")
    made = await applied(world, dev, change("1"))
    issue = await promote(world, source={"environment": "dev"}, title="Ship it")
    assert issue["title"] == "Ship it"
    about = {"release": made["id"], "digest": made["digest"], "source": "dev", "target": "staging", "databases": 1}
    assert ("PROMOTED", about) in await world.events(issue)
    [entry] = (await world.ada.ok("GET", "/audit?action=promotion.create"))["items"][:1]
    assert (entry["resource"], entry["data"]) == (f"issue:{issue['id']}", about)


async def test_who_may_not_file_issues_may_not_promote(world: World) -> None:
    dev, _ = await world.target("dev"), await world.target("staging")
    made = await applied(world, dev, change("1"))
    # Somebody who may not even see the project.
    assert (await refused(world, world.person("eve"), release=made["id"]))[0] in (403, 422)
    # A machine promotes as it files; approving is for people.
    issue = await promote(world, world.person("robot"), release=made["id"])
    assert issue["author"]["kind"] == "service_account"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "no_source"),
        ({"source": {}}, "no_source"),
        ({"source": {"environment": "moon"}}, "unknown_environment"),
        ({"source": {"database": 4711}}, "unknown_database"),
        ({"source": {"database": 1, "environment": "dev"}}, "one_source"),
        ({"release": 1, "targets": {"environment": "moon"}}, "unknown_environment"),
        ({"release": 1, "targets": {"databases": ["pg-dev/none"]}}, "unknown_database"),
        ({"release": 1, "targets": {"environment": "dev", "databases": [1]}}, "one_target"),
    ],
)
async def test_what_does_not_say_enough_is_refused(calm: World, body: Json, code: str) -> None:
    status, _, problem = await calm.ana.refused("POST", "/promotions", project=PROJECT, **body)
    assert status == 422
    assert code in {problem["code"], *(e["code"] for e in problem["errors"])}
    assert (await calm.sql("SELECT count(*) FROM issue")) == [(0,)]


async def test_a_preview_says_what_would_run_and_stores_nothing(world: World) -> None:
    dev, one, other = await world.target("dev"), await world.target("staging"), await world.target("staging")
    made = await applied(world, dev, change("1"), change("2", name="second"))
    alone = await world.file([change("1")], one, title="The first of the two")
    await approve(world, alone, "staging")
    await world.until(alone, "succeeded")

    seen = await world.ana.ok("POST", "/promotions/preview", project=PROJECT, release=made["id"])

    assert (seen["allowed"], seen["refusals"]) == (True, [])
    assert (seen["release"], seen["digest"], seen["source"], seen["target"]) == (
        made["id"],
        made["digest"],
        "dev",
        "staging",
    )
    assert seen["sources"] == [f"{dev.instance}/{dev.name}"]
    assert {(d["id"], d["pending"]) for d in seen["databases"]} == {(one.id, 1), (other.id, 2)}
    assert [(c["version"], c["name"], c["pending"]) for c in seen["changes"]] == [("1", "", 1), ("2", "second", 2)]
    assert [b["gate"] for b in seen["blockers"]] == ["approval"]
    assert seen["approvals"] == ["project owner or DBA"]
    assert (await world.sql("SELECT count(*) FROM issue")) == [(2,)]

    await promote(world, release=made["id"])
    again = await world.ana.ok("POST", "/promotions/preview", project=PROJECT, release=made["id"])
    assert not again["allowed"]
    assert [(r["status"], r["code"], r["stage"]) for r in again["refusals"]] == [(409, "already_planned", "staging")]


async def test_a_preview_of_what_cannot_be_says_why(calm: World) -> None:
    await calm.target("dev")
    seen = await calm.ana.ok("POST", "/promotions/preview", project=PROJECT, source={"environment": "dev"})
    assert (seen["allowed"], seen["release"], seen["databases"]) == (False, None, [])
    assert [(r["status"], r["code"]) for r in seen["refusals"]] == [(409, "not_applied")]
