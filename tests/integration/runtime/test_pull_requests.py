"""Pull requests on GitHub and GitLab, from the webhook to the issue: previews, merges, and what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import asyncpg
import pytest

from penstock.engines.registry import engine_for
from penstock.plugins.registry import hosts
from penstock.services.pull_requests import PullRequests
from penstock.store import repositories
from tests.builders import PROJECT, Json, World
from tests.git_host import TOKEN, Host, Pull, git_host, signed_by
from tests.waiting import eventually

ONE = {"db/V1__users.sql": "CREATE TABLE users (id int PRIMARY KEY);", "README.md": "x"}
TWO = ONE | {"db/V2__names.sql": "ALTER TABLE users ADD COLUMN name text;"}
SYSTEMS = ("github", "gitlab")
SIGNING_TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass
class Connected:
    """A repository of the project, and the host that it is on."""

    world: World
    host: Host
    secret: str
    looker: PullRequests
    others: frozenset[str] = frozenset()  # databases of previews that were there before
    deliveries: Any = field(default_factory=count)

    async def send(self, pull: Pull, action: str = "opened") -> None:
        """The host's webhook arrives, and what follows from it is done."""
        await self.hook(pull, action)
        await self.look()

    async def hook(self, pull: Pull, action: str = "opened") -> None:
        headers, body = self.host.hook(pull, action, self.secret, delivery=f"d-{next(self.deliveries)}")
        answer = await self.world.person("ana").post("/webhooks/git/shop", content=body, headers=headers)
        assert answer.status_code == 202, answer.text
        assert answer.json() == {"pull_request": pull.number}

    async def look(self) -> None:
        while await self.looker.round():
            pass

    async def known(self) -> Json:
        """What we show of the only pull request."""
        [found] = (await self.world.bo.ok("GET", "/repositories/shop/pull-requests"))["items"]
        return dict(found)

    def opened(self, files: dict[str, str], **more: Any) -> Pull:
        """A pull request whose branch has these files."""
        pull = Pull(len(self.host.pulls) + 1, self.host.commit(files), **more)
        self.host.pulls[pull.number] = pull
        return pull

    async def scratches(self) -> list[str]:
        """Databases of previews that this repository has on the test server."""
        return sorted(await _previews(self.world) - self.others)


async def _previews(world: World) -> frozenset[str]:
    connection = await asyncpg.connect(world.site.server.url("postgres"))
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'penstock_preview_%'")
        return frozenset(row[0] for row in rows)
    finally:
        await connection.close()


@asynccontextmanager
async def connected(world: World, system: Literal["github", "gitlab"], **more: Any) -> AsyncIterator[Connected]:
    async with git_host(system) as host:
        robot = await world.ada.ok("GET", "/service-accounts")
        body = {
            "slug": "shop",
            "project": PROJECT,
            "system": system,
            "url": host.api,
            "repository": host.path,
            "directory": "db",
            "environment": "dev",
            "acts_as": robot["items"][0]["id"],
            "token": TOKEN,
        }
        made = await world.ada.ok("POST", "/repositories", **{**body, **more})
        services = world.services
        looker = PullRequests(
            world.database,
            services.repositories,
            services.releases,
            services.issues,
            services.targets,
            engine_for,
            hosts(private=True),
            "https://penstock.example.com",
        )
        yield Connected(world, host, made["webhook_secret"], looker, await _previews(world))


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_pull_request_from_opening_to_production_of_its_issue(
    world: World, system: Literal["github", "gitlab"]
) -> None:
    target = await world.target()
    async with connected(world, system, preview_instance="pg-dev") as repository:
        host, pull = repository.host, repository.opened(ONE)
        await repository.send(pull)
        assert host.last(pull.head) == ("success", "1 new change, 0 findings")
        assert "✅ Penstock preview" in host.comment()
        assert f"| `pg-dev/{target.name}` | `1` |" in host.comment()
        assert len(await repository.scratches()) == 1

        pull.head = host.commit(TWO)  # somebody pushed
        await repository.send(pull, "synchronize")
        assert host.last(pull.head) == ("success", "2 new changes, 0 findings")
        assert "`1`, `2`" in host.comment() and len(host.comments) == 1  # the same comment, renewed
        assert len(await repository.scratches()) == 1

        said = len(host.statuses)
        await repository.send(pull, "labeled")  # nothing that is read has changed
        assert len(host.statuses) == said

        pull.state, pull.merge = "merged", host.commit(TWO)
        await repository.send(pull, "closed")
        assert await repository.scratches() == []
        known = await repository.known()
        assert (known["state"], known["pending"], known["error"]) == ("merged", False, None)
        issue = await world.ana.ok("GET", f"/issues/{known['issue']}")
        assert issue["title"] == "Add a table (#1)" and issue["author"]["kind"] == "service_account"
        release = await world.ana.ok("GET", f"/releases/{known['release']}")
        assert release["commit"] == pull.merge
        assert any(f"/issues/{issue['id']}" in text for text in host.comments.values())
        await world.until(issue, "succeeded")
        assert await target.ledger() == ["1", "2"]


async def test_mistakes_and_findings_are_said_where_the_code_is(world: World) -> None:
    await world.target()
    async with connected(world, "github", preview_instance="pg-dev") as repository:
        host, pull = repository.host, repository.opened({"db/V1__a.sql": "SELECT 1", "db/notes.sql": ""})
        await repository.send(pull)
        assert host.last(pull.head)[0] == "failure"
        assert "notes.sql: is not named as Flyway" in host.comment()

        pull.head = host.commit({"db/V1__a.sql": "BEGIN;\nDROP TABLE t;\nCOMMIT;"})
        await repository.send(pull)
        assert host.last(pull.head)[0] == "failure" and "V1__a.sql: Line 1" in host.comment()

        pull.head = host.commit({"db/V1__a.sql": "CREATE TABLE a (id int);\nINSERT INTO missing VALUES (1);"})
        await repository.send(pull)
        state, said = host.last(pull.head)
        assert state == "failure" and "V1__a.sql, line 2" in said
        assert 'relation "missing" does not exist' in host.comment()

        pull.state = "closed"
        await repository.send(pull, "closed")
        assert await repository.scratches() == [] and (await repository.known())["issue"] is None


async def test_an_applied_file_that_was_edited_is_refused_at_the_pull_request(world: World) -> None:
    target = await world.target()
    change = {"version": "1", "name": "users", "statement": ONE["db/V1__users.sql"]}
    await world.until(await world.file([change], target), "succeeded")
    async with connected(world, "github") as repository:
        pull = repository.opened({"db/V1__users.sql": "CREATE TABLE users (id bigint PRIMARY KEY);"})
        await repository.send(pull)
        assert repository.host.last(pull.head)[0] == "failure"
        assert "V1__users.sql: version 1 is applied somewhere with other contents" in repository.host.comment()


async def test_a_forks_scripts_are_read_and_never_run(world: World) -> None:
    await world.target()
    async with connected(world, "gitlab", preview_instance="pg-dev") as repository:
        pull = repository.opened(ONE, fork=True)
        await repository.send(pull)
        assert "the branch is in a fork" in repository.host.comment()
        assert await repository.scratches() == []


async def test_hostile_words_stay_words(world: World) -> None:
    await world.target()
    name = "db/V1__@everyone|<script>`.sql"
    async with connected(world, "github") as repository:
        pull = repository.opened({name: "DROP TABLE users; -- | `"}, title="<img src=x>")
        await repository.send(pull)
        text = repository.host.comment()
        outside = "".join(part for n, part in enumerate(text.replace("``", "`").split("`")) if n % 2 == 0)
        assert "<script>" not in outside and "@everyone" not in outside


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_webhook_counts_only_with_the_secret_and_only_once(
    world: World, system: Literal["github", "gitlab"]
) -> None:
    async with connected(world, system) as repository:
        pull = repository.opened(ONE)
        client = world.person("ana")

        async def send(secret: str, delivery: str, path: str = "/webhooks/git/shop") -> int:
            headers, body = repository.host.hook(pull, "opened", secret, delivery=delivery)
            return (await client.post(path, content=body, headers=headers)).status_code

        assert await send("guess", "a") == 403
        assert await send(repository.secret, "a", "/webhooks/git/nothing") == 403  # nobody learns which there are
        assert await send(repository.secret, "a") == 202
        assert await send(repository.secret, "a") == 409
        headers, body = repository.host.hook(pull, "edited", repository.secret, delivery="a")
        assert (await client.post("/webhooks/git/shop", content=body, headers=headers)).status_code == 409  # its id
        headers, body = repository.host.hook(pull, "opened", repository.secret, delivery="a")
        again = {**headers, "X-GitHub-Delivery": "b", "X-Gitlab-Event-UUID": "b"}
        assert (await client.post("/webhooks/git/shop", content=body, headers=again)).status_code == 409
        forged = body.replace(b'"number": 1', b'"number": 2').replace(b'"iid": 1', b'"iid": 2')
        if system == "github":
            assert (await client.post("/webhooks/git/shop", content=forged, headers=again)).status_code == 403
        huge = await client.post("/webhooks/git/shop", content=b"x" * 5_000_001, headers=headers)
        assert huge.status_code == 413

        rotated = (await world.bo.ok("POST", "/repositories/shop/rotate"))["webhook_secret"]
        assert await send(repository.secret, "c") == 403 and await send(rotated, "c") == 202


async def test_gitlabs_signing_token_takes_the_place_of_the_secret(world: World) -> None:
    await world.target()
    async with connected(world, "gitlab") as repository:
        host, pull, path = repository.host, repository.opened(ONE), "/webhooks/git/shop"
        client, before = world.person("ana"), repository.secret
        changed = await world.bo.ok("PATCH", "/repositories/shop", signing_token=SIGNING_TOKEN)
        assert changed["webhook_secret"] is None
        repository.secret = SIGNING_TOKEN
        await repository.send(pull)
        assert host.last(pull.head)[0] == "success"

        async def sent(headers: Json, body: bytes) -> tuple[int, str]:
            answer = await client.post(path, content=body, headers=headers)
            return answer.status_code, answer.json().get("code", "")

        fine, body = host.hook(pull, "update", SIGNING_TOKEN, delivery="signed")
        plain = {name: value for name, value in fine.items() if not name.startswith("webhook-")}
        now, forged = int(time.time()), body.replace(b'"iid": 1', b'"iid": 2')
        odd = [{**fine, name: "é".encode("latin-1")} for name in fine if name.startswith("webhook-")]
        refused: list[Json] = [
            {**plain, "X-Gitlab-Token": SIGNING_TOKEN},  # it is never sent, so whoever does has it from elsewhere
            {**plain, "X-Gitlab-Token": before},
            {**fine, **signed_by(SIGNING_TOKEN, "signed", body, at=now - 400)},
            {**fine, **signed_by(SIGNING_TOKEN, "signed", body, at=now + 400)},
            {**fine, **signed_by("whsec_" + base64.b64encode(b"n" * 32).decode(), "signed", body)},
            {**fine, "webhook-id": "another"},
            {**fine, "webhook-timestamp": "9" * 5_000},
            {**fine, "webhook-signature": "v1,***"},
            *odd,
            plain,
        ]
        for headers in refused:
            assert await sent(headers, body) == (403, "bad_signature")
        assert await sent(fine, forged) == (403, "bad_signature")

        rolled = {**fine, "webhook-signature": f"v1,AAAA {fine['webhook-signature']}"}
        assert await sent(rolled, body) == (202, "")
        assert await sent(fine, body) == (409, "replayed")
        # What is not signed says nothing of whether it came before; what is, does.
        assert await sent({**fine, "Idempotency-Key": "x", "X-Gitlab-Event-UUID": "x"}, body) == (409, "replayed")
        other, text = host.hook(pull, "approved", SIGNING_TOKEN, delivery="more")
        assert await sent({**other, **signed_by(SIGNING_TOKEN, "signed", text)}, text) == (409, "replayed")
        assert await sent({**other, "Idempotency-Key": "signed"}, text) == (202, "")

        rotated = (await world.bo.ok("POST", "/repositories/shop/rotate"))["webhook_secret"]
        fine, body = host.hook(pull, "reopen", SIGNING_TOKEN, delivery="back")
        assert await sent(fine, body) == (403, "bad_signature")
        assert await sent(*host.hook(pull, "reopen", rotated, delivery="back")) == (202, "")
        changes = await world.sql("SELECT data FROM audit WHERE action LIKE 'repository.%'")
        assert changes and SIGNING_TOKEN not in json.dumps(changes, default=str)


async def test_a_signing_token_may_come_with_the_repository(world: World) -> None:
    async with connected(world, "gitlab", signing_token=SIGNING_TOKEN) as repository:
        assert not repository.secret  # there is nothing to show
        repository.secret = SIGNING_TOKEN
        await repository.hook(repository.opened(ONE))
        assert SIGNING_TOKEN not in (await world.ada.get("/repositories/shop")).text


@pytest.mark.parametrize(
    ("system", "token"),
    [("github", SIGNING_TOKEN), ("gitlab", SIGNING_TOKEN[:-3]), ("gitlab", "whsec_é"), ("gitlab", "of-my-own")],
)
async def test_what_is_no_signing_token_is_not_taken(
    world: World, system: Literal["github", "gitlab"], token: str
) -> None:
    async with connected(world, system) as repository:
        status, _, problem = await world.bo.refused("PATCH", "/repositories/shop", signing_token=token)
        assert (status, [e["code"] for e in problem["errors"]]) == (422, ["bad_signing_token"])
        await repository.hook(repository.opened(ONE))  # with the secret that it has


async def test_a_host_that_is_down_is_asked_again_and_nothing_is_lost(world: World) -> None:
    target = await world.target()
    async with connected(world, "github") as repository:
        pull = repository.opened(ONE)
        repository.host.down = 503
        await repository.send(pull)
        known = await repository.known()
        assert known["pending"] and known["error"] == "GitHub answered 503: try later."
        repository.host.says = {"Retry-After": "3000"}
        await world.sql("UPDATE pull_request SET due_at = now()")
        await repository.look()
        [(seconds,)] = await world.sql("SELECT extract(epoch FROM due_at - now()) FROM pull_request")
        assert 2_900 < seconds <= 3_000  # when the host said
        assert len(await world.sql("SELECT 1 FROM event WHERE type = 'PLUGIN_ERROR'")) == 1  # told once, not each time
        repository.host.down = None
        await world.sql("UPDATE pull_request SET due_at = now()")
        await repository.look()
        assert repository.host.last(pull.head)[0] == "success" and not (await repository.known())["pending"]

        pull.state, pull.merge = "merged", pull.head
        repository.host.asked.clear()
        await repository.send(pull, "closed")
        await repository.hook(pull, "edited")  # late
        await repository.look()
        assert len(await world.sql("SELECT 1 FROM issue")) == 1
        assert len(repository.host.comments) == 2  # the preview, and where the issue is
        assert target.name


async def test_a_look_that_died_after_filing_files_nothing_twice(world: World) -> None:
    await world.target()
    async with connected(world, "github") as repository:
        pull = repository.opened(ONE, state="merged")
        pull.merge = pull.head
        await repository.send(pull)
        await world.sql("UPDATE pull_request SET issue_id = NULL, release_id = NULL, due_at = now()")
        await repository.look()
        assert len(await world.sql("SELECT 1 FROM issue")) == 1
        assert (await repository.known())["issue"] is not None


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_look_that_died_after_it_said_pending_says_it_again(
    world: World, system: Literal["github", "gitlab"]
) -> None:
    await world.target()
    async with connected(world, system) as repository:
        host, pull = repository.host, repository.opened(ONE)
        host.up = 2  # requests: what it is about, and that we are at it
        await repository.send(pull)
        assert host.last(pull.head)[0] == "pending" and (await repository.known())["pending"]
        host.up = host.down = None
        await world.sql("UPDATE pull_request SET due_at = now()")
        await repository.look()
        known = await repository.known()
        assert (known["error"], known["pending"], host.last(pull.head)[0]) == (None, False, "success")


async def test_a_token_that_is_refused_is_told_and_not_tried_for_ever(world: World) -> None:
    async with connected(world, "github", token="another") as repository:
        await repository.send(repository.opened(ONE))
        known = await repository.known()
        assert not known["pending"] and known["error"] == "GitHub answered 401: the token is not valid."
        [(error,)] = await world.sql("SELECT data ->> 'error' FROM event WHERE type = 'PLUGIN_ERROR'")
        assert error == known["error"]


async def test_a_pull_request_to_another_branch_is_of_no_interest(world: World) -> None:
    async with connected(world, "gitlab") as repository:
        await repository.send(repository.opened(ONE, base="next"))
        assert repository.host.comments == {} and repository.host.statuses == []


async def test_a_pull_request_that_moves_to_another_branch_leaves_no_database_behind(world: World) -> None:
    async with connected(world, "github", preview_instance="pg-dev") as repository:
        pull = repository.opened(ONE)
        await repository.send(pull)
        assert len(await repository.scratches()) == 1
        pull.base = "next"
        await repository.send(pull, "edited")
        assert await repository.scratches() == []


async def test_what_a_look_that_died_left_behind_is_in_nobodys_way(world: World) -> None:
    async with connected(world, "github", preview_instance="pg-dev") as repository:
        pull = repository.opened(ONE)
        await repository.send(pull)
        await world.sql("UPDATE pull_request SET scratch = NULL, scratch_instance_id = NULL, verdict = NULL")
        await repository.send(pull, "edited")
        assert (await repository.known())["error"] is None and len(await repository.scratches()) == 1
        pull.state = "closed"
        await repository.send(pull, "closed")
        assert await repository.scratches() == []


async def test_a_look_that_dies_after_it_made_a_database_knows_what_to_drop(world: World) -> None:
    async with connected(world, "github", preview_instance="pg-dev") as repository:
        pull = repository.opened(ONE)
        await repository.hook(pull)
        looking = asyncio.create_task(repository.look())
        await eventually(repository.scratches, every=0.005)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        pull.state = "closed"
        await repository.send(pull, "closed")
        assert await repository.scratches() == []


async def test_installations_that_share_a_preview_instance_leave_each_others_databases_alone(world: World) -> None:
    async with connected(world, "github", preview_instance="pg-dev") as repository:
        pull = repository.opened(ONE)
        await repository.send(pull)
        [theirs] = await repository.scratches()
        # Another installation watches the same repository, and has the same numbers for the same pull request.
        [(one,)] = await world.sql("SELECT id FROM deployment")
        await world.sql("UPDATE deployment SET id = gen_random_uuid()")
        await world.sql("UPDATE pull_request SET scratch = NULL, scratch_instance_id = NULL, verdict = NULL")
        await repository.send(pull, "edited")
        assert len(await repository.scratches()) == 2
        pull.state = "closed"
        await repository.send(pull, "closed")
        assert await repository.scratches() == [theirs]
        await world.sql("UPDATE deployment SET id = :one", one=one)
        await world.sql(
            "UPDATE pull_request SET scratch = :theirs, scratch_instance_id = i.id FROM instance i"
            " WHERE i.slug = 'pg-dev'",
            theirs=theirs,
        )
        await repository.send(pull, "closed again")
        assert await repository.scratches() == []


async def test_a_repository_with_previews_is_not_removed(world: World) -> None:
    async with connected(world, "github", preview_instance="pg-dev") as repository:
        pull = repository.opened(ONE)
        await repository.send(pull)
        status, _, problem = await world.bo.refused("DELETE", "/repositories/shop")
        assert status == 409 and "Close its pull requests first" in problem["detail"]
        pull.state = "closed"
        await repository.send(pull, "closed")
        await world.bo.ok("DELETE", "/repositories/shop")


async def test_a_repository_that_is_switched_off_is_left_alone(world: World) -> None:
    async with connected(world, "github") as repository:
        pull = repository.opened(ONE)
        await repository.hook(pull)
        await world.bo.ok("PATCH", "/repositories/shop", enabled=False)
        await repository.look()
        headers, body = repository.host.hook(pull, "edited", repository.secret, delivery="off")
        answer = await world.person("ana").post("/webhooks/git/shop", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (202, {"pull_request": None})
        assert repository.host.asked == []
        await world.bo.ok("PATCH", "/repositories/shop", enabled=True)
        await repository.look()  # what came before waits
        assert repository.host.last(pull.head)[0] == "success"


async def test_a_push_during_a_look_is_looked_at_again(calm: World) -> None:
    async with connected(calm, "github") as repository:
        pull = repository.opened(ONE)
        await repository.hook(pull)
        looking = await calm.database.run(repositories.claim)
        assert looking is not None
        await repository.hook(pull, "synchronize")
        done = {"due_at": None, "lease": None}
        assert not await calm.database.run(lambda conn: repositories.write(conn, looking, done))
        assert (await repository.known())["pending"]


async def test_two_look_at_two_pull_requests(calm: World) -> None:
    async with connected(calm, "github") as repository:
        for _ in range(2):
            await repository.hook(repository.opened(ONE))
        async with calm.database.engine.begin() as one, calm.database.engine.begin() as two, asyncio.timeout(10):
            taken = [await repositories.claim(one), await repositories.claim(two)]
            assert sorted(record["number"] for record in taken if record) == [1, 2]
            assert await repositories.claim(two) is None


async def test_deliveries_are_forgotten_when_they_are_old(calm: World) -> None:
    async with connected(calm, "github") as repository:
        for action in ("opened", "edited"):
            await repository.hook(repository.opened(ONE), action)
        await calm.sql("UPDATE git_delivery SET created_at = now() - interval '31 days' WHERE delivery = 'd-0'")
        forgotten = await calm.database.run(lambda conn: repositories.forget(conn, dt.timedelta(days=30), 100))
        assert forgotten == 1
        assert await calm.sql("SELECT delivery FROM git_delivery") == [("d-1",)]


async def test_a_database_that_is_gone_waits_for_nothing(world: World) -> None:
    gone, there = await world.target(), await world.target()
    await world.sql("UPDATE database SET vanished_at = now() WHERE id = :id", id=gone.id)
    async with connected(world, "github") as repository:
        await repository.send(repository.opened(ONE))
        assert there.name in repository.host.comment() and gone.name not in repository.host.comment()


async def test_a_merge_that_cannot_be_filed_says_so_where_it_was_merged(world: World) -> None:
    await world.target()
    machine = await world.ada.ok("POST", "/service-accounts", name="Merger")
    members = await world.bo.ok("GET", f"/projects/{PROJECT}/members")
    kept = [{"principal": each["principal"], "role": each["role"]} for each in members]
    more = [*kept, {"principal": f"service:{machine['id']}", "role": "owner"}]
    assert (await world.ada.put(f"/projects/{PROJECT}/members", json=more)).is_success
    async with connected(world, "github", acts_as=machine["id"]) as repository:
        await world.ada.ok("PATCH", f"/service-accounts/{machine['id']}", disabled=True)
        pull = repository.opened(ONE, state="merged")
        pull.merge = pull.head
        await repository.send(pull, "closed")
        assert await world.sql("SELECT 1 FROM issue") == []
        assert "no issue was filed" in repository.host.comment() and "is disabled" in repository.host.comment()
        [(error,)] = await world.sql("SELECT data ->> 'error' FROM event WHERE type = 'PLUGIN_ERROR'")
        assert "is disabled" in error
    assert (await world.ada.put(f"/projects/{PROJECT}/members", json=kept)).is_success


async def test_a_project_on_gitlab_may_be_its_number(world: World) -> None:
    async with connected(world, "gitlab", repository="7") as repository:
        pull = repository.opened(ONE)
        await repository.send(pull)
        assert repository.host.last(pull.head)[0] == "success"


async def test_secrets_never_come_out_and_mistakes_are_named_together(world: World) -> None:
    async with connected(world, "github") as repository:
        shown = (await world.ada.get("/repositories/shop")).text
        assert TOKEN not in shown and repository.secret not in shown
        assert (await world.ana.get("/repositories/shop")).status_code == 404  # a developer has no business there
        bad = {"repository": "nowhere", "branch": "a..b", "directory": "../x", "pattern": "{name}", "token": "a b"}
        status, _, problem = await world.ada.refused("PATCH", "/repositories/shop", **bad)
        assert status == 422
        assert {e["code"] for e in problem["errors"]} == {
            *("bad_repository", "bad_branch", "bad_directory", "bad_pattern", "bad_token")
        }
        status, _, problem = await world.ada.refused("PATCH", "/repositories/shop", url="https://elsewhere.example.com")
        assert (status, problem["errors"][0]["code"]) == (422, "no_token")  # the token goes nowhere else by itself
        status, _, problem = await world.bo.refused("PATCH", "/repositories/shop", preview_instance="pg-prod")
        assert (status, problem["errors"][0]["code"]) == (422, "forbidden_instance")
        assert [r["slug"] for r in (await world.bo.ok("GET", "/repositories"))["items"]] == ["shop"]
        assert (await world.ana.ok("GET", "/repositories"))["items"] == []  # nor does one see it in the list
        await world.bo.ok("PATCH", "/repositories/shop", token="another-token")
        changes = await world.sql("SELECT data FROM audit WHERE action LIKE 'repository.%'")
        assert changes and not any(word in json.dumps(changes) for word in (TOKEN, "another-token", repository.secret))


async def test_a_project_owner_keeps_a_repository_whose_previews_somebody_else_allowed(world: World) -> None:
    async with connected(world, "github", preview_instance="pg-dev") as repository:
        await world.bo.ok("PATCH", "/repositories/shop", enabled=False, branch="next", token="another-token")
        kept = await world.bo.ok(
            "PATCH", "/repositories/shop", preview_instance="pg-dev", repository=repository.host.path
        )
        assert (kept["preview_instance"], kept["branch"], kept["enabled"]) == ("pg-dev", "next", False)
        # Scripts of others than before run there only when who keeps the instance says so.
        elsewhere: list[Json] = [
            {"preview_instance": "pg-prod"},
            {"repository": "mallory/scripts"},
            {"url": repository.host.api + "/elsewhere", "token": TOKEN},
        ]
        for change in elsewhere:
            status, _, problem = await world.bo.refused("PATCH", "/repositories/shop", **change)
            assert (status, problem["errors"][0]["code"]) == (422, "forbidden_instance"), change
        await world.bo.ok("PATCH", "/repositories/shop", preview_instance=None, repository="acme/other")


async def test_an_edit_names_the_version_it_was_made_from(world: World) -> None:
    async with connected(world, "github"):
        bo, path = world.person("bo"), "/repositories/shop"
        seen = (await bo.get(path)).headers["ETag"]
        first = await bo.patch(path, json={"branch": "next"}, headers={"If-Match": seen})
        assert first.status_code == 200 and first.headers["ETag"] != seen
        for late in (
            bo.patch(path, json={"enabled": False}, headers={"If-Match": seen}),
            bo.delete(path, headers={"If-Match": seen}),
        ):
            answer = await late
            assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
        now = first.headers["ETag"]
        at_once = [bo.patch(path, json={"directory": each}, headers={"If-Match": now}) for each in ("a", "b")]
        assert sorted(a.status_code for a in await asyncio.gather(*at_once)) == [200, 412]
        last = (await bo.get(path)).headers["ETag"]
        assert (await bo.delete(path, headers={"If-Match": last})).status_code == 204


async def test_issues_are_filed_by_a_machine_that_may(world: World) -> None:
    async with connected(world, "github"):
        powerless = await world.ada.ok("POST", "/service-accounts", name="Powerless")
        me = await world.bo.ok("GET", "/auth/me")
        for number, code in ((powerless["id"], "powerless"), (me["id"], "unknown"), (10**9, "unknown")):
            status, _, problem = await world.bo.refused("PATCH", "/repositories/shop", acts_as=number)
            assert (status, problem["errors"][0]["code"]) == (422, f"{code}_service_account")
