"""Checks that are sent on, to repositories that speak GitHub's and GitLab's REST API; and what does not get there."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from penstock.plugins.registry import senders
from penstock.runtime.dispatcher import Dispatcher
from penstock.runtime.sequencer import Sequencer
from tests.builders import PROJECT, Json, World
from tests.integration.runtime.test_acceptance_checks import CI, LOAD, release, report
from tests.outside import COMMIT, TOKEN, Repository, repository
from tests.waiting import eventually

URL = "https://ci.example.com/builds/1"


async def connected(world: World, outside: Repository, **more: Any) -> Json:
    """A plugin for a repository."""
    about = {"system": outside.system, "url": outside.api, "repository": outside.name, "token": TOKEN, **more}
    body = {"kind": "commit-status", "name": "Ours", "project": PROJECT, "commit_status": about}
    made: Json = await world.bo.ok("POST", "/plugins", **body)
    return made


async def messages(world: World, plugin: Json, status: str, count: int = 1) -> list[Json]:
    """A plugin's messages, once there are so many and all have this status."""

    async def look() -> list[Json]:
        found: list[Json] = (await world.bo.ok("GET", f"/plugins/{plugin['id']}/deliveries"))["items"]
        return found if len(found) == count and all(d["status"] == status for d in found) else []

    return await eventually(look)


@pytest.mark.parametrize(
    ("system", "name", "words"),
    [
        ("github", "acme/shop", {"pending": "pending", "failure": "failure", "error": "error", "success": "success"}),
        ("gitlab", "acme/web/shop", {"pending": "pending", "failure": "failed", "error": "failed"}),
        ("gitlab", "42", {"success": "success"}),
    ],
)
async def test_a_check_reaches_the_commit_that_its_release_was_made_from(
    world: World, system: Literal["github", "gitlab"], name: str, words: dict[str, str]
) -> None:
    async with repository(system, name) as outside:
        plugin = await connected(world, outside)
        assert TOKEN not in str(plugin) and plugin["commit_status"]["repository"] == name
        wanted = await release(world, commit=COMMIT)
        for state in words:
            await report(world.ana, wanted, state, f"ci/{state}", propagate=True, target_url=URL, description="Fine")
        found = await messages(world, plugin, "delivered", len(words))
        assert {m["last_status"] for m in found} == {201}
        assert {s: outside.statuses[f"ci/{s}"]["state"] for s in words} == words
        for status in outside.statuses.values():
            assert (status["target_url"], status["description"]) == (URL, "dev: Fine")


async def test_54_what_does_not_get_there_is_an_event_and_the_report_is_saved(world: World) -> None:
    async with repository("github") as outside:
        plugin = await connected(world, outside)
    # Nobody listens any more.
    wanted = await release(world, commit=COMMIT)
    made = await report(world.ana, wanted, "success", propogate=True)
    assert made["propagate"] is True

    async def told() -> list[tuple[Any, ...]]:
        return await world.sql("SELECT data ->> 'error' FROM event WHERE type = 'PLUGIN_ERROR'")

    [(error,)] = await eventually(told)
    assert error.startswith("Not reached")
    assert (await world.ana.ok("GET", f"/releases/{wanted}/statuses"))["items"] == [made]
    [message] = await messages(world, plugin, "pending")
    assert message["attempts"] == 1


async def test_54_what_is_not_to_be_sent_on_stays_here(world: World) -> None:
    async with repository("github") as outside:
        plugin = await connected(world, outside)
        wanted = await release(world, commit=COMMIT)
        spellings: list[dict[str, Any]] = [{"propogate": False}, {"propagate": False}, {}]
        for given in spellings:
            await report(world.ana, wanted, "success", CI, **given)
        await world.file("SELECT 1", await world.target())
        await report(world.ana, wanted, "success", LOAD, propagate=True)
        [message] = await messages(world, plugin, "delivered")
        assert message["type"] == "CHECK_REPORTED" and set(outside.statuses) == {LOAD}
        assert outside.got.qsize() == 1


async def test_the_report_may_name_the_commit(world: World) -> None:
    async with repository("github") as outside:
        plugin = await connected(world, outside)
        await report(world.ana, await release(world), "success", propagate=True, commit=COMMIT)
        await messages(world, plugin, "delivered")
        assert outside.statuses[CI]["state"] == "success"


async def test_without_a_commit_nobody_is_asked_and_it_is_not_tried_again(world: World) -> None:
    async with repository("github") as outside:
        plugin = await connected(world, outside)
        await report(world.ana, await release(world), "success", propagate=True)
        [message] = await messages(world, plugin, "dead")
        assert message["attempts"] == 1 and "which commit" in message["last_error"] and outside.got.empty()
        [(given_up,)] = await world.sql("SELECT data -> 'given_up' FROM event WHERE type = 'PLUGIN_ERROR'")
        assert given_up is True


async def test_a_wrong_token_is_told_and_tried_again(world: World) -> None:
    async with repository("github") as outside:
        plugin = await connected(world, outside, token="ghp_wrong")
        await report(world.ana, await release(world, commit=COMMIT), "success", propagate=True)

        async def refused() -> bool:
            [message] = (await world.bo.ok("GET", f"/plugins/{plugin['id']}/deliveries"))["items"] or [{}]
            return bool(message.get("last_error") == "It answered 401." and message["status"] == "pending")

        await eventually(refused)
        body = {"system": "github", "url": outside.api, "repository": outside.name, "token": TOKEN}
        await world.bo.ok("PATCH", f"/plugins/{plugin['id']}", commit_status=body)
        await world.sql("UPDATE delivery SET next_at = now()")
        await messages(world, plugin, "delivered")
        assert outside.statuses[CI]["state"] == "success"


async def test_what_was_said_last_is_what_stands_there_last(calm: World) -> None:
    """The first try of an older word fails; by its second, a newer one is there."""
    async with repository("github") as outside:
        await connected(calm, outside)
        wanted = await release(calm, commit=COMMIT)
        sender = Dispatcher(calm.database, senders(private=True), calm.services.plugins.open, None)
        outside.answers = [(502, {}, b"")]
        await report(calm.ana, wanted, "failure", propagate=True)
        await _all(calm, sender)
        await report(calm.ana, wanted, "success", propagate=True)
        await _all(calm, sender)
        assert outside.statuses[CI]["state"] == "success"
        await calm.sql("UPDATE delivery SET next_at = now() WHERE status = 'pending'")
        await _all(calm, sender)
        assert outside.statuses[CI]["state"] == "success"
        rows = await calm.sql("SELECT status, attempts FROM delivery ORDER BY id")
        assert rows == [("delivered", 2), ("delivered", 1)]


async def test_words_that_are_due_together_go_one_by_one(calm: World) -> None:
    async with repository("github") as outside:
        await connected(calm, outside)
        wanted = await release(calm, commit=COMMIT)
        for context in (CI, LOAD):
            await report(calm.ana, wanted, "success", context, propagate=True)
        sender = Dispatcher(calm.database, senders(private=True), calm.services.plugins.open, None)
        await Sequencer(calm.database).round()
        while not outside.statuses:  # where earlier tests have left many positions behind
            await sender.round()
        assert list(outside.statuses) == [CI]
        await sender.round()
        assert list(outside.statuses) == [CI, LOAD]


async def test_a_pending_that_gitlab_has_already_is_delivered(world: World) -> None:
    async with repository("gitlab", "acme/web/shop") as outside:
        plugin = await connected(world, outside)
        for _ in range(2):  # two databases of one commit, say
            await report(world.ana, await release(world, commit=COMMIT), "pending", propagate=True)
        first, second = await messages(world, plugin, "delivered", 2)
        assert {first["last_status"], second["last_status"]} == {201, 200}
        assert {m["attempts"] for m in (first, second)} == {1} and {m["last_error"] for m in (first, second)} == {None}
        assert outside.said.of(COMMIT, CI) == ["pending"]
        assert await world.sql("SELECT 1 FROM event WHERE type = 'PLUGIN_ERROR'") == []


@pytest.mark.parametrize(
    ("stands", "state", "unwritten", "unread"),
    [
        ("success", "pending", 400, None),  # it is not what stands there
        ("pending", "success", 400, None),  # it is no pending
        ("pending", "pending", 403, None),  # it is another refusal
        ("pending", "pending", None, 403),  # nobody may look
        ("pending", "pending", None, 503),  # nobody can look now
    ],
)
async def test_what_gitlab_refuses_otherwise_is_told_and_tried_again(
    stands: str, state: str, unwritten: int | None, unread: int | None, calm: World
) -> None:
    async with repository("gitlab") as outside:
        await connected(calm, outside)
        outside.said.say(COMMIT, {"state": stands, "name": CI})
        outside.said.unwritten, outside.said.unread = unwritten, unread
        await report(calm.ana, await release(calm, commit=COMMIT), state, propagate=True)
        sender = Dispatcher(calm.database, senders(private=True), calm.services.plugins.open, None)
        await _all(calm, sender)
        answered = unwritten or 400
        rows = await calm.sql("SELECT status, attempts, last_status, last_error FROM delivery")
        assert rows == [("pending", 1, answered, f"It answered {answered}.")]


async def test_what_a_repository_cannot_be(calm: World) -> None:
    base = {"kind": "commit-status", "name": "Ours", "project": PROJECT}
    fine = {"system": "github", "repository": "acme/shop", "token": TOKEN}
    for change, code in (
        ({"repository": "shop"}, "bad_repository"),
        ({"repository": "acme/shop/../x"}, "bad_repository"),
        ({"system": "gitlab", "repository": "acme"}, "bad_repository"),
        ({"token": None}, "no_token"),
        ({"token": "two words"}, "bad_token"),
        ({"token": "x\nHost: y"}, "bad_token"),
        ({"url": "ftp://example.com"}, "bad_url"),
    ):
        status, _, problem = await calm.bo.refused("POST", "/plugins", **base, commit_status={**fine, **change})
        assert (status, problem["errors"][0]["code"]) == (422, code), change
    for body, code in (
        ({**base, "url": "https://example.com"}, "plugin_address"),
        ({**base, "commit_status": fine, "types": ["APPROVED"]}, "unknown_event"),
    ):
        status, _, problem = await calm.bo.refused("POST", "/plugins", **body)
        assert (status, problem["errors"][0]["code"]) == (422, code)
    nowhere = {key: value for key, value in base.items() if key != "project"}
    assert (await calm.dora.refused("POST", "/plugins", **nowhere, commit_status=fine))[0] == 422


async def test_a_stored_token_is_not_sent_to_another_address(calm: World) -> None:
    async with repository("github") as outside:
        plugin = await connected(calm, outside)
    path = f"/plugins/{plugin['id']}"
    elsewhere = {"system": "github", "repository": "acme/shop", "url": "https://evil.example.com"}
    status, _, problem = await calm.bo.refused("PATCH", path, commit_status=elsewhere)
    assert (status, problem["errors"][0]["code"]) == (422, "no_token")
    there = {"system": "github", "repository": "acme/other", "url": outside.api}
    assert (await calm.bo.ok("PATCH", path, commit_status=there))["to"].endswith("acme/other")


async def _all(world: World, sender: Dispatcher) -> None:
    """Send what is due."""
    await Sequencer(world.database).round()
    while await sender.round():
        pass
    while await world.sql("SELECT 1 FROM delivery WHERE status = 'pending' AND next_at <= now()"):
        await sender.round()
