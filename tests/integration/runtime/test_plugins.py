"""Telling the outside: real receivers on real sockets, and what becomes of messages that they do not take."""

from __future__ import annotations

import asyncio
import json
from email import message_from_bytes, policy
from typing import Any

from standardwebhooks import Webhook

from penstock.plugins.base import Message, Outcome, Receiver
from penstock.plugins.http import Poster
from penstock.runtime.dispatcher import Dispatcher
from tests.builders import PROJECT, World
from tests.outside import mailbox, receiver
from tests.waiting import eventually

SQL = "CREATE TABLE t (id int)"


async def hook(world: World, url: str, **more: Any) -> dict[str, Any]:
    body = {"kind": "webhook", "name": "Ours", "project": PROJECT, "url": url}
    made: dict[str, Any] = await world.bo.ok("POST", "/plugins", **{**body, **more})
    return made


async def deliveries(world: World, plugin: dict[str, Any], *statuses: str) -> list[dict[str, Any]]:
    """A plugin's messages, once there are some and all have one of these statuses."""

    async def look() -> list[dict[str, Any]]:
        found = (await world.bo.ok("GET", f"/plugins/{plugin['id']}/deliveries"))["items"]
        return found if found and all(d["status"] in statuses for d in found) else []

    return await eventually(look)


async def test_a_webhook_hears_of_its_project_in_order_and_signed(world: World) -> None:
    async with receiver() as outside:
        plugin = await hook(world, outside.url, types=["ISSUE_CREATED", "PIPELINE_SUCCESS"])
        assert plugin["secret"].startswith("whsec_") and plugin["to"] == outside.url
        issue = await world.file(SQL, await world.target(), title="Add <t>")
        first, second = await outside.next(), await outside.next()
        for got in (first, second):
            Webhook(plugin["secret"]).verify(got.body.decode(), dict(got.headers))
        told = {json.loads(got.body)["type"]: json.loads(got.body)["data"] for got in (first, second)}
        assert set(told) == {"ISSUE_CREATED", "PIPELINE_SUCCESS"}
        about = told["ISSUE_CREATED"]
        assert (about["issue"], about["title"], about["project"]) == (issue["id"], "Add <t>", PROJECT)
        assert first.headers["webhook-id"] != second.headers["webhook-id"]
        assert [d["last_status"] for d in await deliveries(world, plugin, "delivered")] == [204, 204]
    assert (await world.bo.ok("GET", f"/plugins/{plugin['id']}"))["secret"] is None


async def test_what_is_not_taken_is_tried_again_with_the_same_id(world: World) -> None:
    async with receiver((500, {}, b"secret words of the receiver")) as outside:
        plugin = await hook(world, outside.url, types=["ISSUE_CREATED"])
        await world.file(SQL, await world.target())
        first = await outside.next()

        async def failed() -> bool:
            [shown] = (await world.bo.ok("GET", f"/plugins/{plugin['id']}/deliveries"))["items"]
            return bool(shown["last_error"] == "It answered 500." and shown["status"] == "pending")

        await eventually(failed)
        await world.sql("UPDATE delivery SET next_at = now()")
        again = await outside.next()
        assert again.headers["webhook-id"] == first.headers["webhook-id"] and again.body == first.body
        [shown] = await deliveries(world, plugin, "delivered")
        assert shown["attempts"] == 2
        [(error,)] = await world.sql("SELECT data ->> 'error' FROM event WHERE type = 'PLUGIN_ERROR'")
        assert error == "It answered 500."


async def test_43_a_plugin_that_hangs_or_raises_harms_no_pipeline(calm: World) -> None:
    class Odd:
        async def send(self, receiver: Receiver, message: Message) -> Outcome:
            if message.event["type"] == "ISSUE_CREATED":
                raise RuntimeError("odd")
            await asyncio.Event().wait()
            raise AssertionError

    plugin = await hook(calm, "http://127.0.0.1:9/", types=["ISSUE_CREATED", "PIPELINE_START"])
    odd = Dispatcher(calm.database, {"webhook": Odd()}, calm.services.plugins.open, None)
    await calm.start()
    issue = await calm.file(SQL, await calm.target())
    rounds = asyncio.create_task(_rounds(odd))
    try:
        await calm.until(issue, "succeeded")
        shown = await deliveries(calm, plugin, "pending")
        assert {d["type"] for d in shown} == {"ISSUE_CREATED", "PIPELINE_START"}
    finally:
        rounds.cancel()
    types = [t for t, _ in await calm.events(issue)]
    assert types[-2:] == ["PIPELINE_SUCCESS", "PIPELINE_COMPLETE"]


async def _rounds(dispatcher: Dispatcher) -> None:
    while True:
        await dispatcher.round()
        await asyncio.sleep(0)


async def test_after_the_last_try_a_person_can_have_it_sent_again(world: World) -> None:
    async with receiver((503, {}, b""), (503, {"Retry-After": "60"}, b"")) as outside:
        plugin = await hook(world, outside.url, types=["ISSUE_CREATED"])
        await world.file(SQL, await world.target())
        await outside.next()

        async def tried() -> bool:
            return bool(await world.sql("SELECT 1 FROM delivery WHERE lease IS NULL AND attempts = 1"))

        await eventually(tried)
        await world.sql("UPDATE delivery SET attempts = 8, next_at = now()")
        await outside.next()
        [dead] = await deliveries(world, plugin, "dead")
        assert (await world.bo.ok("GET", f"/plugins/{plugin['id']}"))["dead"] == 1
        status, *_ = await world.ana.refused("POST", f"/deliveries/{dead['id']}/replay")
        assert status in (403, 404)
        await world.bo.ok("POST", f"/deliveries/{dead['id']}/replay")
        await outside.next()
        await deliveries(world, plugin, "delivered")


async def test_whoever_is_gone_is_not_told_any_more(world: World) -> None:
    async with receiver((410, {}, b"")) as outside:
        plugin = await hook(world, outside.url, types=["ISSUE_CREATED"])
        await world.file(SQL, await world.target())
        await deliveries(world, plugin, "dead")
        shown = await world.bo.ok("GET", f"/plugins/{plugin['id']}")
        assert shown["enabled"] is False and "410" in shown["disabled_reason"]


async def test_rotating_a_secret_signs_with_both_for_a_while(world: World) -> None:
    async with receiver() as outside:
        plugin = await hook(world, outside.url, types=["ISSUE_CREATED"])
        rotated = await world.bo.ok("POST", f"/plugins/{plugin['id']}/rotate")
        assert rotated["secret"] not in (None, plugin["secret"])
        await world.file(SQL, await world.target())
        got = await outside.next()
        for secret in (plugin["secret"], rotated["secret"]):
            Webhook(secret).verify(got.body.decode(), dict(got.headers))


async def test_redirects_endless_answers_and_silence_are_outcomes(world: World) -> None:
    poster = Poster(private=True)
    async with receiver((302, {"Location": "http://127.0.0.1:9/"}, b""), (200, {}, b"x" * 100_000_000)) as outside:
        redirected = await poster.post(outside.url, b"{}", {})
        assert (redirected.status, redirected.delivered) == (302, False) and outside.got.qsize() == 1
        assert (await poster.post(outside.url, b"{}", {})).delivered
    assert not (await poster.post(outside.url, b"{}", {})).delivered  # nobody listens


async def test_the_inner_network_is_closed_unless_the_operator_opens_it(calm: World) -> None:
    poster = Poster(private=False)
    for url in ("https://127.0.0.1:1/", "https://localhost:1/", "https://[::1]:1/", "https://[::ffff:10.0.0.1]/"):
        outcome = await poster.post(url, b"{}", {})
        assert outcome.error is not None and "inner network" in outcome.error, url
    assert (await poster.post("http://example.com/", b"{}", {})).error == "Only https addresses are told."


async def test_a_chat_gets_a_line_that_calls_nobody(world: World) -> None:
    async with receiver() as outside:
        body = {"kind": "chat", "name": "Room", "project": PROJECT, "types": ["ISSUE_CREATED"]}
        made = await world.bo.ok("POST", "/plugins", **body, url=outside.url + "/T0/SECRET")
        assert "SECRET" not in json.dumps(made)
        issue = await world.file(SQL, await world.target(), title="Hi <!channel> & all")
        got = await outside.next()
        assert got.path == "/hook/T0/SECRET"
        text = json.loads(got.body)["text"]
        assert "&lt;!channel&gt; &amp; all" in text
        assert f"<https://penstock.example.com/issues/{issue['id']}|Show>" in text


async def test_mail_is_one_message_to_all_and_its_subject_one_line(world: World) -> None:
    async with mailbox() as box:
        smtp = {"host": "127.0.0.1", "port": box.port, "tls": "none", "sender": "penstock@example.com"}
        everybody = ["ops@example.com", "dba@example.com"]
        body = {"kind": "email", "name": "Ops", "types": ["ISSUE_CREATED"], "smtp": {**smtp, "recipients": everybody}}
        assert (await world.bo.refused("POST", "/plugins", **body, project=PROJECT))[0] == 403
        made = await world.dora.ok("POST", "/plugins", **body)
        assert made["smtp"]["recipients"] == everybody
        await world.file(SQL, await world.target(), title="Währung\nBcc: x@example.com")
        async with asyncio.timeout(10):
            recipients, text = await box.got.get()
        mail = message_from_bytes(text, policy=policy.default)
        assert recipients == everybody and mail["Bcc"] is None
        assert "Währung Bcc: x@example.com" in str(mail["Subject"])


async def test_mail_that_is_refused_says_so(world: World) -> None:
    async with mailbox(refuses=True) as box:
        smtp = {"host": "127.0.0.1", "port": box.port, "tls": "none", "sender": "penstock@example.com"}
        body = {
            "kind": "email",
            "name": "Ops",
            "types": ["ISSUE_CREATED"],
            "smtp": {**smtp, "recipients": ["x@example.com"]},
        }
        made = await world.dora.ok("POST", "/plugins", **body)
        await world.file(SQL, await world.target())

        async def refused() -> bool:
            [shown] = (await world.dora.ok("GET", f"/plugins/{made['id']}/deliveries"))["items"] or [{"last_status": 0}]
            return bool(shown["last_status"] == 550)

        await eventually(refused)


async def test_what_a_plugin_cannot_be(calm: World) -> None:
    base = {"kind": "webhook", "name": "Ours", "project": PROJECT}
    for more, code in (
        ({"url": "ftp://example.com/"}, "bad_url"),
        ({"url": "https://user:word@example.com/"}, "bad_url"),
        ({"url": "https://"}, "bad_url"),
        ({}, "plugin_address"),
        ({"url": "https://example.com", "types": ["MOON"]}, "unknown_event"),
        ({"url": "https://example.com", "types": ["PLUGIN_ERROR"]}, "unknown_event"),
    ):
        status, _, problem = await calm.bo.refused("POST", "/plugins", **base, **more)
        assert (status, problem["errors"][0]["code"]) == (422, code), more
    fine = {**base, "url": "https://example.com"}
    assert (await calm.ana.refused("POST", "/plugins", **fine))[0] == 403
    assert (await calm.bo.refused("POST", "/plugins", **{**fine, "project": None}))[0] == 403
    assert (await calm.person("robot").refused("POST", "/plugins", **fine))[0] == 403
    made = await calm.bo.ok("POST", "/plugins", **fine)
    assert (await calm.person("eve").refused("GET", f"/plugins/{made['id']}"))[0] in (403, 404)
    assert [p["id"] for p in (await calm.bo.ok("GET", "/plugins"))["items"]] == [made["id"]]
