"""Events as pages and as a live stream over a real socket: nothing lost, nothing shown to the wrong
people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
import pytest
import sqlalchemy as sa

from penstock.domain.events import ACCESS_CHANGED, ISSUE_UPDATED
from penstock.services.event_hub import LOGS_CHANNEL, EventHub
from penstock.store.tables.pipelines import pipeline
from penstock.store.tables.records import event
from penstock.web.app import create_app
from penstock.web.serving import listen, serve
from penstock.web.settings import WebSettings
from penstock.web.stream import StreamPolicy
from tests.integration.web.conftest import API, Client, World, account_id, stamp
from tests.waiting import eventually

Frame = dict[str, str]


class Stream:
    """An open stream, frame by frame."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.aiter_lines()

    async def frame(self) -> Frame:
        """The next frame, comments included under ``:``."""
        found: Frame = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line == "":
                    return found
                name, _, value = line.partition(":")
                found[name or ":"] = value.strip()
        raise EOFError

    async def event(self) -> Frame:
        """The next frame that is an event."""
        while "event" not in (frame := await self.frame()):
            pass
        return frame

    async def ended(self) -> None:
        """Return when the server has ended the stream."""
        with pytest.raises(EOFError):
            while True:
                await self.frame()


class Server:
    """The application behind a real socket."""

    def __init__(self, world: World, url: str, stopping: asyncio.Event) -> None:
        self._world = world
        self._url = url
        self.stopping = stopping

    @asynccontextmanager
    async def stream(self, person: Client, query: str = "", **headers: str) -> AsyncIterator[Stream]:
        """Open a stream for somebody who is signed in, and wait until it is served."""
        headers["Cookie"] = f"penstock_session={person.cookies['penstock_session']}"
        async with (
            httpx2.AsyncClient(timeout=20) as client,
            client.stream("GET", f"{self._url}{API}/events/stream{query}", headers=headers) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            found = Stream(answer)
            assert (await found.frame())["retry"] == "2000"
            yield found


@asynccontextmanager
async def serving(world: World, **policy: float) -> AsyncIterator[Server]:
    stopping = asyncio.Event()
    app = create_app(world.services, stopping=stopping, settings=WebSettings(stream=StreamPolicy(**policy)))
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    await world.services.hub.stop()  # the world's own application runs it: here it is this one's
    running = asyncio.create_task(serve(app, sock, stopping))
    try:
        yield Server(world, url, stopping)
    finally:
        stopping.set()
        await running


async def project_id(world: World, slug: str) -> int:
    async with world.database.connect() as conn:
        return int((await conn.execute(sa.text(f"SELECT id FROM project WHERE slug = '{slug}'"))).scalar_one())


async def happen(world: World, slug: str, *, times: int = 1, stamped: bool = True) -> None:
    """Let something happen in a project."""
    project = await project_id(world, slug)
    one = {"type": ISSUE_UPDATED, "project_id": project, "actor_id": 1, "data": {"in": slug}}
    await world.database.run(lambda conn: conn.execute(sa.insert(event), [one] * times))
    if stamped:
        await stamp(world.database)


@pytest.fixture
async def viewer(world: World) -> Client:
    """Somebody who sees the project shop, and not the project secret."""
    client = await world.person("viewer@example.com")
    await world.project("shop", viewer="viewer")
    await world.project("secret")
    await stamp(world.database)
    return client


async def test_pages_go_on_from_next_after(world: World, viewer: Client) -> None:
    start = (await viewer.get(f"{API}/events")).json()["next_after"]
    for slug in ("shop", "secret", "shop", "shop"):
        await happen(world, slug)
    first = (await viewer.get(f"{API}/events?after={start}&page_size=2")).json()
    assert [e["project"] for e in first["items"]] == ["shop", "shop"]
    assert first["next_after"] == first["items"][-1]["position"]
    rest = (await viewer.get(f"{API}/events?after={first['next_after']}")).json()
    assert len(rest["items"]) == 1
    assert (await viewer.get(f"{API}/events?after={rest['next_after']}")).json() == {
        "items": [],
        "next_after": rest["next_after"],
    }
    every = (await world.admin.get(f"{API}/events?after={start}&types={ISSUE_UPDATED}")).json()["items"]
    assert [e["project"] for e in every] == ["shop", "secret", "shop", "shop"]
    assert every[0]["actor"]["email"] == "ada@example.com"
    only = (await world.admin.get(f"{API}/events?after={start}&project=secret")).json()["items"]
    assert [e["data"] for e in only] == [{"in": "secret"}]


async def test_events_without_a_position_are_not_shown_yet(world: World, viewer: Client) -> None:
    start = (await viewer.get(f"{API}/events")).json()["next_after"]
    await happen(world, "shop", stamped=False)
    assert (await viewer.get(f"{API}/events?after={start}")).json()["items"] == []


async def test_one_sees_changes_of_ones_own_access_only(world: World, viewer: Client) -> None:
    events = (await viewer.get(f"{API}/events?types={ACCESS_CHANGED}")).json()["items"]
    me = await account_id(world.database, "viewer@example.com")
    assert len(events) == 1
    assert me in events[0]["data"]["accounts"]


async def test_a_stream_shows_what_one_may_see_as_it_happens(world: World, viewer: Client) -> None:
    async with serving(world) as server, server.stream(viewer) as stream:
        await happen(world, "secret")
        await happen(world, "shop")
        frame = await stream.event()
        assert frame["event"] == ISSUE_UPDATED
        body: dict[str, Any] = msgspec.json.decode(frame["data"])
        assert (body["project"], str(body["position"])) == ("shop", frame["id"])


async def test_a_stream_resumes_where_it_broke_off(world: World, viewer: Client) -> None:
    async with serving(world) as server:
        async with server.stream(viewer) as stream:
            await happen(world, "shop")
            seen = (await stream.event())["id"]
        await happen(world, "shop", times=450)  # more than one page
        for resumed in ({"Last-Event-ID": seen}, {}):
            query = "" if resumed else f"?after={seen}"
            async with server.stream(viewer, query, **resumed) as stream:
                positions = [int((await stream.event())["id"]) for _ in range(450)]
                assert positions == sorted(set(positions))
                await happen(world, "shop")
                assert int((await stream.event())["id"]) > positions[-1]


async def test_a_stream_ends_when_its_account_does(world: World, viewer: Client) -> None:
    user = await account_id(world.database, "viewer@example.com")
    async with serving(world) as server, server.stream(viewer) as stream:
        await world.admin.patch(f"{API}/users/{user}", json={"disabled": True})
        await stamp(world.database)
        await stream.ended()


async def test_a_stream_follows_changes_of_access(world: World, viewer: Client) -> None:
    async with serving(world) as server, server.stream(viewer) as stream:
        await world.admin.put(f"{API}/projects/shop/members", json=[])
        body = [{"principal": "user:viewer@example.com", "role": "viewer"}]
        await world.admin.put(f"{API}/projects/secret/members", json=body)
        await stamp(world.database)
        await happen(world, "shop")
        await happen(world, "secret")
        frames = [await stream.event() for _ in range(3)]
        assert [frame["event"] for frame in frames] == [ACCESS_CHANGED, ACCESS_CHANGED, ISSUE_UPDATED]
        assert msgspec.json.decode(frames[-1]["data"])["project"] == "secret"


async def test_a_stream_looks_again_from_time_to_time(world: World, viewer: Client) -> None:
    async with serving(world, heartbeat=0.05, recheck=0.1) as server, server.stream(viewer) as stream:
        assert ":" in await stream.frame()  # a heartbeat
        assert (await viewer.post(f"{API}/auth/logout")).status_code == 204
        await stream.ended()


async def test_a_stream_outlives_the_rotation_of_its_session(world: World, viewer: Client) -> None:
    async with serving(world, heartbeat=0.05, recheck=0.0) as server, server.stream(viewer) as stream:
        await world.database.run(
            lambda conn: conn.execute(sa.text("UPDATE session SET rotated_at = now() - interval '1 hour'"))
        )
        before = viewer.cookies["penstock_session"]
        await viewer.get(f"{API}/auth/me")
        assert viewer.cookies["penstock_session"] != before
        await happen(world, "shop")
        assert (await stream.event())["event"] == ISSUE_UPDATED


async def test_a_stop_ends_open_streams_at_once(world: World, viewer: Client) -> None:
    async with serving(world) as server, server.stream(viewer) as stream:
        server.stopping.set()
        await stream.ended()


async def test_a_growing_log_is_announced_without_a_position(world: World, viewer: Client) -> None:
    shop = await project_id(world, "shop")
    query = sa.insert(pipeline).values(project_id=shop).returning(pipeline.c.id)
    ours = await world.database.run(lambda conn: conn.scalar(query))
    hidden = await world.database.run(lambda conn: conn.scalar(sa.insert(pipeline).returning(pipeline.c.id)))
    async with serving(world) as server, server.stream(viewer) as stream:

        async def notify(payload: str) -> None:
            notice = sa.select(sa.func.pg_notify(LOGS_CHANNEL, payload))
            await world.database.run(lambda conn: conn.execute(notice))

        await notify("not a notice")
        await notify(f"6:8:{hidden}:1")
        for seq in range(1, 31):
            await notify(f"5:9:{ours}:{seq}")
        told: list[dict[str, Any]] = []
        while not told or told[-1]["data"]["last_seq"] < 30:
            frame = await stream.event()
            assert "id" not in frame
            told.append(msgspec.json.decode(frame["data"]))
        assert len(told) < 30  # at most four a second
        assert told[-1] == {
            "type": "LOG_APPENDED",
            "pipeline": ours,
            "data": {"run": 5, "task": 9, "last_seq": 30},
        }


async def test_a_slow_reader_is_let_go(world: World) -> None:
    hub = world.services.hub
    with hub.subscribe() as slow:
        await world.project("shop")
        await happen(world, "shop", times=slow.queue.maxsize + 1)
        await eventually(slow.lagging.is_set)
    assert slow.queue.full()


async def test_the_hub_hears_again_after_its_connection_was_cut(world: World) -> None:
    await world.project("shop")
    hub = EventHub(world.database, poll_seconds=0.05)
    await hub.start()
    try:
        with hub.subscribe() as subscription:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'penstock listener'"
            cut += " AND datname = current_database()"
            await eventually(lambda: _ran(world, cut))
            await happen(world, "shop")
            async with asyncio.timeout(10):
                while (await subscription.queue.get())["type"] != ISSUE_UPDATED:
                    pass
    finally:
        await hub.stop()


async def _ran(world: World, query: str) -> bool:
    async with world.database.connect() as conn:
        return bool((await conn.execute(sa.text(query))).all())
