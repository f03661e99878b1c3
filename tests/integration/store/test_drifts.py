"""Drift as the metadata database finds it: whose run ended when, whose reading began when, and what is kept."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import pytest

from penstock.runtime.gatekeeper import Gatekeeper
from penstock.runtime.janitor import Janitor
from penstock.store import creations, drifts, snapshots, sync
from tests.builders import Json, Site, World, open_world
from tests.hand import Hand
from tests.waiting import eventually

READING = "1 postgresql 16"


class Reader:
    """Reads databases of an instance, which are what the test says."""

    def __init__(self, world: World, instance: int, names: list[str]) -> None:
        self.world = world
        self.instance = instance
        self.names = names

    async def begin(self) -> dt.datetime:
        """A reading begins."""
        return await self.world.database.run(sync.now)

    async def record(self, began: dt.datetime, *, reading: str = READING, **found: str | None) -> None:
        """What it found is stored: name -> fingerprint."""
        rows = [sync.Synced(n, f, None if f is None else f.encode(), 1) for n, f in found.items()]
        await self.world.database.run(
            lambda conn: sync.record_some(conn, self.instance, rows, began=began, reading=reading)
        )

    async def read(self, *, reading: str = READING, **found: str | None) -> None:
        """Read and store at once."""
        await self.record(await self.begin(), reading=reading, **found)

    async def expected(self, name: str = "one") -> tuple[str | None, str | None]:
        """As what a database is expected, and why."""
        [row] = await self.world.sql("SELECT expected, expected_because FROM database WHERE name = :n", n=name)
        return row[0], row[1]

    async def drifts(self) -> list[tuple[str, str, str]]:
        """(status, expected, found) of every drift, oldest first; how it ended in place of that it did."""
        rows = await self.world.sql("SELECT coalesce(ended_because, status), expected, found FROM drift ORDER BY id")
        return [(r[0], r[1], r[2]) for r in rows]

    async def past(self, name: str = "one") -> list[tuple[str, bool]]:
        """(fingerprint, whether it is so still) of everything that a database was, oldest first."""
        rows = await self.world.sql(
            "SELECT s.fingerprint, s.last_seen_at IS NULL FROM database_snapshot s JOIN database d"
            " ON d.id = s.database_id WHERE d.name = :n ORDER BY s.id",
            n=name,
        )
        return [(r[0], r[1]) for r in rows]

    async def events(self, like: str = "DRIFT_%") -> list[tuple[str, Json]]:
        """(type, data) of what was announced."""
        rows = await self.world.sql("SELECT type, data FROM event WHERE type LIKE :t ORDER BY id", t=like)
        return [(r[0], r[1]) for r in rows]

    async def everything(self) -> list[tuple[object, ...]]:
        """All that is stored of databases, but for the time of the last sync."""
        parts = (
            "SELECT to_jsonb(database) - 'synced_at' FROM database ORDER BY id",
            "SELECT to_jsonb(drift) FROM drift ORDER BY id",
            "SELECT to_jsonb(database_snapshot) FROM database_snapshot ORDER BY id",
            "SELECT count(*) FROM event",
        )
        return [row for part in parts for row in await self.world.sql(part)]

    async def drift(self) -> Json:
        """The newest one, as an owner sees it."""
        found: Json = (await self.world.bo.ok("GET", "/drifts"))["items"][0]
        return found


@pytest.fixture
async def reader(site: Site) -> AsyncIterator[Reader]:
    """Two databases of the project, one of nobody's."""
    async with open_world(site) as world:
        [(instance,)] = await world.sql("SELECT id FROM instance WHERE slug = 'pg-dev'")
        await world.sql("DELETE FROM schema_snapshot")
        await world.sql(
            "INSERT INTO database (instance_id, name, project_id)"
            " SELECT :i, n, CASE WHEN n <> 'free' THEN p.id END"
            " FROM project p, unnest(ARRAY['one', 'two', 'free']) n WHERE p.slug = 'shop'",
            i=instance,
        )
        yield Reader(world, instance, ["one", "two", "free"])


async def running(world: World, database: str = "one") -> Hand:
    """A runner that applies a change to a database right now."""
    issue = await world.file("SELECT 1", targets={"databases": [f"pg-dev/{database}"]})
    while await Gatekeeper(world.database).round():
        pass
    hand = await Hand(world.database).register()
    assert await hand.take() == [f"pg-dev/{database}"], issue
    return hand


async def test_what_is_first_seen_is_expected_and_the_rest_is_a_drift(reader: Reader) -> None:
    await reader.read(one="a", two="a")
    assert await reader.expected() == ("a", "first_sight")
    await reader.read(one="b", two="a")
    assert await reader.drifts() == [("open", "a", "b")]
    await reader.read(one="c", two="a")
    assert await reader.drifts() == [("open", "a", "c")]
    await reader.read(one="a", two="a")
    assert await reader.drifts() == [("gone", "a", "c")]
    assert await reader.expected() == ("a", "first_sight")
    about = {"drift": (await reader.drift())["id"], "database": "pg-dev/one", "environment": "dev"}
    assert await reader.events() == [("DRIFT_OPENED", about), ("DRIFT_ENDED", {**about, "how": "gone"})]
    await reader.read(one="b", two="a")
    assert [d[0] for d in await reader.drifts()] == ["gone", "open"]


async def test_one_database_says_nothing_of_another(reader: Reader) -> None:
    await reader.read(one="a", two="a")
    await reader.read(one="a", two="hand")
    await reader.read(one="hand", two="hand")
    await reader.read(one="hand", two="a")
    rows = await reader.world.sql(
        "SELECT d.name, f.status FROM drift f JOIN database d ON d.id = f.database_id ORDER BY f.id"
    )
    assert rows == [("two", "ended"), ("one", "open")]


async def test_nobody_expects_anything_of_what_no_project_has(reader: Reader) -> None:
    await reader.read(free="a")
    await reader.read(free="b")
    assert (await reader.expected("free"), await reader.drifts()) == ((None, None), [])
    assert await reader.past("free") == [("a", False), ("b", True)]


async def test_reading_the_same_twice_changes_nothing(reader: Reader) -> None:
    for found in ("a", "b", "b", "c", "a"):
        began = await reader.begin()
        await reader.record(began, one=found)
        before = await reader.everything()
        await reader.record(began, one=found)
        assert await reader.everything() == before


async def test_an_older_reading_that_is_stored_later_counts_for_nothing(reader: Reader) -> None:
    await reader.read(one="a")
    older = await reader.begin()
    await reader.read(one="b")
    before = await reader.everything()
    await reader.record(older, one="a")
    assert await reader.everything() == before


async def test_an_older_reading_that_waits_for_a_newer_one_counts_for_nothing(reader: Reader) -> None:
    await reader.read(one="a")
    older, newer = await reader.begin(), await reader.begin()
    async with reader.world.database.engine.begin() as conn:
        found = [sync.Synced("one", "b", b"b", 1)]
        await sync.record_some(conn, reader.instance, found, began=newer, reading=READING)
        late = asyncio.create_task(reader.record(older, one="a"))
        await world_waits(reader.world)
    await late
    assert await reader.drifts() == [("open", "a", "b")]


@pytest.mark.parametrize("word", ["succeeded", "failed"])
async def test_what_a_change_of_ours_left_is_expected(reader: Reader, word: str) -> None:
    """Also where it failed: nobody knows what it left."""
    await reader.read(one="a", two="a")
    hand = await running(reader.world)
    await hand.end({"pg-dev/one": word})  # type: ignore[dict-item]  # one of the words
    await reader.read(one="b", two="b")
    assert await reader.expected() == ("b", "change")
    assert await reader.drifts() == [("open", "a", "b")], "of the other database"


async def test_a_change_by_hand_long_after_ours_is_a_drift(reader: Reader) -> None:
    await reader.read(one="a")
    await (hand := await running(reader.world)).end({"pg-dev/one": "succeeded"})
    assert hand.held == {}
    await reader.read(one="a")  # ours had changed nothing that a schema knows
    await reader.read(one="b")
    assert await reader.drifts() == [("open", "a", "b")]


async def test_what_is_read_before_a_change_and_stored_after_it_decides_nothing(reader: Reader) -> None:
    await reader.read(one="a")
    began = await reader.begin()
    await (await running(reader.world)).end({"pg-dev/one": "succeeded"})
    before = await reader.expected()
    await reader.record(began, one="hand")  # what it really was at that time
    assert (await reader.expected(), await reader.drifts()) == (before, [])
    await reader.read(one="b")
    assert (await reader.expected(), await reader.drifts()) == (("b", "change"), [])


async def test_what_was_as_expected_before_a_change_does_not_hide_that_one_ran(reader: Reader) -> None:
    """Read before, stored after: had this counted as seen now, what ours left would be a drift."""
    await reader.read(one="a")
    began = await reader.begin()
    await (await running(reader.world)).end({"pg-dev/one": "succeeded"})
    await reader.record(began, one="a")
    await reader.read(one="b")
    assert (await reader.expected(), await reader.drifts()) == (("b", "change"), [])


async def test_nothing_is_decided_while_a_change_runs(reader: Reader) -> None:
    await reader.read(one="a")
    hand = await running(reader.world)
    for half in ("half", "a", "more"):
        await reader.read(one=half)
        assert (await reader.expected(), await reader.drifts()) == (("a", "first_sight"), [])
    await hand.end({"pg-dev/one": "succeeded"})
    await reader.read(one="b")
    assert (await reader.expected(), await reader.drifts()) == (("b", "change"), [])


async def test_nothing_is_decided_until_somebody_knows_how_a_lost_attempt_ended(reader: Reader) -> None:
    """It may still commit: its runner was only too slow."""
    await reader.read(one="a")
    hand = await running(reader.world)
    [claimed] = hand.held.values()
    await hand.let_go(claimed)
    await hand.reap()
    await reader.read(one="late")
    assert (await reader.expected(), await reader.drifts()) == (("a", "first_sight"), [])
    assert await hand.take() == ["pg-dev/one"]
    await hand.end({"pg-dev/one": "succeeded"})
    await reader.read(one="late")
    assert (await reader.expected(), await reader.drifts()) == (("late", "change"), [])


async def test_nothing_is_decided_until_an_unknown_outcome_is_settled(reader: Reader) -> None:
    await reader.read(one="a")
    hand = await running(reader.world)
    await hand.end({"pg-dev/one": "failed"})
    await reader.world.sql("""UPDATE task SET failure = '{"kind": "outcome_unknown"}', failure_class = 'error'""")
    await reader.read(one="b")
    assert (await reader.expected(), await reader.drifts()) == (("a", "first_sight"), [])
    await reader.world.sql("""UPDATE task SET failure = '{"kind": "statement"}', failure_class = 'failed'""")
    await reader.read(one="b")
    assert (await reader.expected(), await reader.drifts()) == (("b", "change"), [])


async def test_what_only_reads_explains_nothing(reader: Reader) -> None:
    """Nor does a baseline: it writes to the ledger alone."""
    for kind in ("database.query", "schema.baseline"):
        await reader.read(one="a")
        await (await running(reader.world)).end({"pg-dev/one": "succeeded"})
        await reader.world.sql("DELETE FROM task_change")
        await reader.world.sql(
            'UPDATE task SET type = :k, release_id = NULL, options = \'{"statement": "SELECT 1"}\'', k=kind
        )
        await reader.read(one="b")
        assert (await reader.drifts())[-1] == ("open", "a", "b"), kind


async def test_a_drift_stays_though_a_change_of_ours_comes_after_it(reader: Reader) -> None:
    """Or every release would sweep under the carpet what somebody had done by hand."""
    await reader.read(one="a")
    await reader.read(one="hand")
    await (await running(reader.world)).end({"pg-dev/one": "succeeded"})
    await reader.read(one="hand and ours")
    assert await reader.drifts() == [("open", "a", "hand and ours")]
    await reader.world.bo.ok("POST", f"/drifts/{(await reader.drift())['id']}/accept", comment="Known")
    assert await reader.expected() == ("hand and ours", "person")
    await reader.read(one="hand and ours")
    assert [d[0] for d in await reader.drifts()] == ["accepted"]


async def test_what_ran_before_the_reading_that_was_accepted_explains_nothing(reader: Reader) -> None:
    await reader.read(one="a")
    await reader.read(one="hand")
    await (await running(reader.world)).end({"pg-dev/one": "succeeded"})
    await reader.read(one="hand")
    await reader.world.bo.ok("POST", f"/drifts/{(await reader.drift())['id']}/accept", comment="Fine")
    await reader.read(one="by hand again")
    assert (await reader.drifts())[-1] == ("open", "hand", "by hand again")


async def test_what_runs_between_reading_and_accepting_explains_what_comes(reader: Reader) -> None:
    await reader.read(one="a")
    await reader.read(one="hand")
    await (await running(reader.world)).end({"pg-dev/one": "succeeded"})
    await reader.world.bo.ok("POST", f"/drifts/{(await reader.drift())['id']}/accept", comment="Fine")
    await reader.read(one="hand and ours")
    assert await reader.expected() == ("hand and ours", "change")
    assert [d[0] for d in await reader.drifts()] == ["accepted"]


async def test_what_is_ignored_stays_so_until_somebody_else_changes_it(reader: Reader) -> None:
    await reader.read(one="a")
    await reader.read(one="hand")
    await reader.world.bo.ok("POST", f"/drifts/{(await reader.drift())['id']}/ignore", comment="Monday")
    await reader.read(one="hand")
    assert await reader.drifts() == [("ignored", "a", "hand")]
    await (await running(reader.world)).end({"pg-dev/one": "succeeded"})
    await reader.read(one="hand and ours")
    assert await reader.drifts() == [("ignored", "a", "hand and ours")]
    await reader.read(one="hand again")
    assert await reader.drifts() == [("open", "a", "hand again")]
    again = await reader.drift()
    assert (again["decided_by"], again["comment"], again["version"]) == (None, "", 4)
    assert [kind for kind, _ in await reader.events()] == ["DRIFT_OPENED", "DRIFT_IGNORED", "DRIFT_OPENED"]


async def test_what_is_ignored_until_a_time_is_open_after_it(reader: Reader) -> None:
    await reader.read(one="a")
    await reader.read(one="hand")
    path = f"/drifts/{(await reader.drift())['id']}/ignore"
    await reader.world.bo.ok("POST", path, until="2100-01-01T00:00:00Z")
    await reader.read(one="hand")
    assert await reader.drifts() == [("ignored", "a", "hand")]
    await reader.world.sql("UPDATE drift SET ignored_until = now() - interval '1 second'")
    await reader.read(one="hand")
    assert await reader.drifts() == [("open", "a", "hand")]
    assert (await reader.drift())["ignored_until"] is None


async def test_another_way_of_reading_is_no_drift(reader: Reader) -> None:
    await reader.read(one="a", two="a")
    await reader.read(one="a as 17 spells it", two="a", reading="1 postgresql 17")
    assert await reader.expected() == ("a as 17 spells it", "reading")
    assert await reader.expected("two") == ("a", "first_sight")
    await reader.read(one="a as 17 spells it", two="hand", reading="1 postgresql 17")
    assert await reader.drifts() == [("open", "a", "hand")]
    await reader.world.bo.ok("POST", f"/drifts/{(await reader.drift())['id']}/ignore", comment="Known")
    await reader.read(one="a as 17 spells it", two="hand as 18 spells it", reading="1 postgresql 18")
    assert await reader.drifts() == [("ignored", "a", "hand as 18 spells it")]
    await reader.read(one="a as 17 spells it", two="other", reading="1 postgresql 18")
    assert await reader.drifts() == [("open", "a", "other")]


async def test_a_database_that_vanishes_is_remembered_as_it_was_expected(reader: Reader) -> None:
    await reader.read(one="a")
    await reader.read(one="hand")
    gone = reader.world.database.run
    await gone(lambda conn: sync.record_vanished(conn, reader.instance, ["one"]))
    assert await reader.drifts() == [("vanished", "a", "hand")]
    assert await reader.past() == [("a", False), ("hand", False)]
    await reader.read(one="restored")
    assert (await reader.drifts())[-1] == ("open", "a", "restored")


async def test_of_one_that_we_made_anew_nothing_is_expected(reader: Reader) -> None:
    await reader.read(one="a")
    await reader.world.database.run(lambda conn: sync.record_vanished(conn, reader.instance, ["one"]))
    [(project,)] = await reader.world.sql("SELECT id FROM project WHERE slug = 'shop'")
    assert await reader.world.database.run(lambda conn: creations.add(conn, reader.instance, project, "one"))
    assert await reader.expected() == (None, None)
    await reader.read(one="new")
    assert (await reader.expected(), await reader.drifts()) == (("new", "first_sight"), [])


async def test_one_that_leaves_its_project_has_not_drifted_any_more(reader: Reader) -> None:
    await reader.read(one="a")
    await reader.read(one="hand")
    await reader.world.ada.ok("PATCH", "/databases/pg-dev%2Fone", labels={"team": "web"})
    assert [d[0] for d in await reader.drifts()] == ["open"]
    answer = await reader.world.ada.patch("/databases/pg-dev%2Fone", json={"project": None})
    assert answer.is_success
    assert ([d[0] for d in await reader.drifts()], await reader.expected()) == (["left"], (None, None))


async def test_one_that_cannot_be_read_any_more_has_not_drifted(reader: Reader) -> None:
    await reader.read(one="a")
    await reader.read(one=None)
    assert (await reader.expected(), await reader.drifts()) == (("a", "first_sight"), [])
    await reader.read(one="b")
    assert await reader.drifts() == [("open", "a", "b")]
    assert await reader.past() == [("a", False), ("b", True)]


async def test_what_a_database_was_is_remembered_within_bounds(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "KEPT", 3)
    for found in ("a", "a", "b", "a", "c", "d"):
        await reader.read(one=found, two="a")
    assert await reader.past() == [("a", False), ("c", False), ("d", True)]
    assert await reader.past("two") == [("a", True)]
    rows = await reader.world.sql(
        "SELECT s.first_seen_at <= s.last_seen_at FROM database_snapshot s WHERE s.last_seen_at IS NOT NULL"
    )
    assert rows == [(True,), (True,)]


async def test_contents_are_forgotten_once_nothing_refers_to_them(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "KEPT", 1)
    await reader.read(one="expected", two="shared", free="shared")
    for found in ("unused", "accepted", "found"):
        await reader.read(one=found, two="shared")
        if found == "accepted":
            await reader.world.bo.ok("POST", f"/drifts/{(await reader.drift())['id']}/accept", comment="Fine")
    await Janitor(reader.world.database).round()
    left = await reader.world.sql("SELECT fingerprint FROM schema_snapshot ORDER BY 1")
    assert left == [("accepted",), ("expected",), ("found",), ("shared",)]
    await reader.world.sql("UPDATE drift SET ended_at = now() - interval '2 years' WHERE status = 'accepted'")
    await Janitor(reader.world.database).round()
    left = await reader.world.sql("SELECT fingerprint FROM schema_snapshot ORDER BY 1")
    assert left == [("accepted",), ("found",), ("shared",)]
    assert [d[0] for d in await reader.drifts()] == ["open"]


async def test_a_content_that_a_sync_is_about_to_use_is_not_forgotten(reader: Reader) -> None:
    """The sync has asked whether it is there, and does not bring it along."""
    world = reader.world
    await world.sql("INSERT INTO schema_snapshot (fingerprint, content) VALUES ('kept', 'x')")
    began = await reader.begin()
    asked, forgotten = asyncio.Event(), asyncio.Event()

    async def store() -> None:
        async with world.database.engine.begin() as conn:
            assert await sync.known_fingerprints(conn, ["kept"]) == {"kept"}
            asked.set()
            await forgotten.wait()
            found = [sync.Synced("one", "kept", None, 1)]
            await sync.record_some(conn, reader.instance, found, began=began, reading=READING)

    storing = asyncio.create_task(store())
    await asked.wait()
    assert await world.database.run(lambda conn: snapshots.forget_contents(conn, 10)) == 0
    forgotten.set()
    await storing
    assert await world.sql("SELECT fingerprint FROM schema_snapshot") == [("kept",)]


async def test_a_sync_and_a_person_take_turns(reader: Reader) -> None:
    """What was accepted while a sync waited for it is what that sync then compares with."""
    world = reader.world
    await reader.read(one="a")
    await reader.read(one="hand")
    drift = await reader.drift()
    async with world.database.engine.begin() as conn:
        locked = await drifts.lock(conn, drift["id"])
        assert locked is not None
        reading = asyncio.create_task(reader.read(one="hand"))
        await world_waits(world)
        [(somebody,)] = await world.sql("SELECT id FROM account WHERE email = 'bo@example.com'")
        await drifts.accept(conn, locked, somebody, "Fine")
    await reading
    assert (await reader.expected(), [d[0] for d in await reader.drifts()]) == (("hand", "person"), ["accepted"])


async def world_waits(world: World) -> None:
    """Until some session of the metadata database waits for a lock."""

    async def look() -> bool:
        rows = await world.sql(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(rows)

    await eventually(look, message="somebody waits for a lock")


async def test_many_databases_are_compared_by_as_many_statements_as_one(reader: Reader) -> None:
    names = [f"d{n}" for n in range(100)]
    await reader.world.sql(
        "INSERT INTO database (instance_id, name, project_id)"
        " SELECT :i, n, p.id FROM project p, unnest(CAST(:names AS text[])) n WHERE p.slug = 'shop'",
        i=reader.instance,
        names=names,
    )
    counts = []
    for of in (names[:1], names[1:]):
        await reader.read(**dict.fromkeys(of, "a"))
        with reader.world.count_statements() as count:
            await reader.read(**dict.fromkeys(of, "hand"))
        counts.append(count())
    assert len(await reader.drifts()) == len(names)
    assert counts[0] == counts[1]
