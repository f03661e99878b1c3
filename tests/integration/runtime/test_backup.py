"""Backup and restore: all of it or nothing, and everything held until the ledgers were read."""

from __future__ import annotations

import asyncio
import gzip
import io
import secrets
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from penstock.embedded.binaries import clients
from penstock.engines.registry import engine_for
from penstock.services import backups
from penstock.services.backups import BadBackup, Reconciled, Reconciliation
from penstock.services.doctor import Doctor
from penstock.services.secrets import Keyring
from penstock.store import dump, migrate
from penstock.store.database import Database
from penstock.store.dump import DumpFailed
from penstock.store.migrate import SchemaIsNewer
from tests.builders import Site, World
from tests.hand import Hand
from tests.waiting import eventually

KEYS = Keyring([b"k" * 32]).ids


async def backup_of(world: World, folder: Path) -> Path:
    file = folder / "penstock.backup"
    await backups.make(world.database.url, file, KEYS, clients())
    return file


@asynccontextmanager
async def restored(world: World, file: Path) -> AsyncIterator[World]:
    """Another installation, restored from a backup, that speaks to the same targets."""
    server = world.site.server
    name = await server.create_database()
    try:
        await backups.restore(server.sqlalchemy_url(name), file, clients())
        there = Site(server, server.sqlalchemy_url(name), world.site.tokens)
        async with there.process() as (app, services, database):
            other = World(there, app, services, database)
            try:
                yield other
            finally:
                await other.close()
    finally:
        await server.drop_database(name)


@asynccontextmanager
async def empty(world: World) -> AsyncIterator[str]:
    """The name of an empty database."""
    name = await world.site.server.create_database()
    try:
        yield name
    finally:
        await world.site.server.drop_database(name)


async def fetch(world: World, name: str, query: str) -> list[tuple[Any, ...]]:
    """What a database of the server answers."""
    connection = await asyncpg.connect(world.site.server.url(name))
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


async def contents(world: World, name: str) -> dict[str, tuple[Any, ...]]:
    """What every table and sequence of a database holds."""
    found = {}
    for (table,) in await fetch(world, name, TABLES):
        query = f'SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM "{table}" t'
        [found[table]] = await fetch(world, name, query)
    for sequence, last in await fetch(world, name, "SELECT sequencename, last_value FROM pg_sequences"):
        found[sequence] = (last,)
    return found


async def reconcile(world: World, *, anyway: bool = False) -> Reconciled:
    doctor = Doctor(world.database, world.services.targets, engine_for, lease_seconds=30)
    return await Reconciliation(world.database, doctor).run(anyway=anyway)


async def test_a_restored_installation_holds_everything_until_the_ledgers_were_read(
    world: World, tmp_path: Path
) -> None:
    target = await world.target()
    first = await world.file([{"version": "1", "name": "a", "statement": "CREATE TABLE a (id int)"}], target)
    await world.until(first, "succeeded")
    await world.ada.ok("PUT", "/environments/dev/freeze", reason="While we back up")
    second = await world.file([{"version": "2", "name": "b", "statement": "CREATE TABLE b (id int)"}], target)
    file = await backup_of(world, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600 and [p.name for p in tmp_path.iterdir()] == [file.name]
    await world.ada.ok("DELETE", "/environments/dev/freeze")
    await world.until(second, "succeeded")  # after the backup: only the target knows
    await world.stop()

    async with restored(world, file) as again:
        await again.ada.ok("DELETE", "/environments/dev/freeze")
        await again.start()
        [stage] = (await again.stages(second)).values()
        assert {b["gate"] for b in stage["blockers"]} == {"freeze"}
        assert "run penstock reconcile" in stage["blockers"][0]["message"]

        found = await reconcile(again)
        assert found.ok and found.lifted
        [ledger] = found.checks
        assert (ledger.state, "no record of: 2" in ledger.detail) == ("warning", True)
        done = await again.until(second, "succeeded")
        assert done["status"] == "done"
        [task] = await again.tasks(second)
        assert [(c["version"], c["state"]) for c in task["changes"]] == [("2", "already_applied")]
        assert await target.ledger() == ["1", "2"]
        actions = [e["action"] for e in (await again.ada.ok("GET", "/audit"))["items"]]
        assert "restore.reconciled" in actions


async def test_nothing_is_left_out(calm: World, tmp_path: Path) -> None:
    target = await calm.target()
    await calm.file([{"version": "1", "name": "a", "statement": "CREATE TABLE a (id int)"}], target)
    await calm.ada.ok("PUT", "/environments/dev/freeze", reason="Not now")
    file = await backup_of(calm, tmp_path)
    [(here,)] = await calm.sql("SELECT current_database()")
    before = await contents(calm, here)
    async with empty(calm) as name:
        manifest = await backups.restore(calm.site.server.sqlalchemy_url(name), file, clients())
        assert manifest == backups.describe(file) and manifest.keys == list(KEYS)
        after = await contents(calm, name)
        raised = await fetch(calm, name, "SELECT slug, generation FROM environment ORDER BY 1")
    assert before.keys() == after.keys()
    changed = {table for table in before if before[table] != after[table]}
    assert changed <= {"freeze", "freeze_id_seq", "environment"} and {"issue", "change", "event"} <= before.keys()
    assert after["environment"][0] == before["environment"][0] and after["freeze"][0] == before["freeze"][0] + 1
    generations = await calm.sql("SELECT slug, generation + 1 FROM environment ORDER BY 1")
    assert raised == generations  # what a runner has claimed before is no longer of this generation


async def test_a_backup_is_the_database_and_what_it_says_of_itself_and_nothing_else(
    calm: World, tmp_path: Path
) -> None:
    file = await backup_of(calm, tmp_path)
    with tarfile.open(file) as archive:
        assert archive.getnames() == [backups.MANIFEST, backups.DUMP]
        assert all(member.isfile() for member in archive)


async def test_what_was_at_work_is_taken_back_at_once(calm: World, tmp_path: Path) -> None:
    target = await calm.target()
    await calm.file("CREATE TABLE a (id int)", target)
    hand = await Hand(calm.database, lease_seconds=3_600).register()
    (claimed,) = await hand.claim()
    await hand.start(claimed)
    file = await backup_of(calm, tmp_path)
    held = "SELECT count(*) FROM task WHERE lease IS NOT NULL AND lease_until > now()"
    assert await calm.sql(held) == [(1,)]
    async with empty(calm) as name:
        await backups.restore(calm.site.server.sqlalchemy_url(name), file, clients())
        assert await fetch(calm, name, held) == [(0,)]


async def test_a_stop_that_is_in_the_backup_becomes_that_of_the_restore(calm: World, tmp_path: Path) -> None:
    await calm.ada.ok("PUT", "/workspace/stop", reason="Something is wrong")
    file = await backup_of(calm, tmp_path)
    await calm.ada.ok("DELETE", "/workspace/stop")
    async with empty(calm) as name:
        await backups.restore(calm.site.server.sqlalchemy_url(name), file, clients())
        [(reason,)] = await fetch(calm, name, "SELECT reason FROM public.freeze")
    assert reason.startswith("Restored from a backup of ")


async def test_a_backup_of_an_older_version_is_brought_to_this_one(calm: World, tmp_path: Path) -> None:
    older = migrate.revisions()[-2]
    async with empty(calm) as name, empty(calm) as other:
        url = calm.site.server.sqlalchemy_url(name)
        await migrate.upgrade(url, older)
        with pytest.raises(BadBackup, match=f"lacks {migrate.revisions()[-1]}"):
            await backups.make(url, tmp_path / "refused", KEYS, clients())
        assert list(tmp_path.iterdir()) == []
        await dump.write(url, tmp_path / "dump.sql", clients())
        file = tmp_path / "file"
        file.write_bytes(_packed(_manifest(schema=older), (tmp_path / "dump.sql").read_bytes()))
        there = calm.site.server.sqlalchemy_url(other)
        await backups.restore(there, file, clients())
        assert await migrate.check(there) == []


async def test_a_backup_is_restored_by_whoever_owns_the_new_database(calm: World, tmp_path: Path) -> None:
    file = await backup_of(calm, tmp_path)
    server, who, password = calm.site.server, f"penstock_test_{secrets.token_hex(6)}", secrets.token_hex(6)
    await server.execute(f"CREATE ROLE {who} LOGIN PASSWORD '{password}'")
    try:
        async with empty(calm) as name:
            await server.execute(f"ALTER DATABASE {name} OWNER TO {who}")
            url = f"postgresql+asyncpg://{who}:{password}@{server.host}:{server.port}/{name}"
            await backups.restore(url, file, clients())
            assert {
                owner
                for (owner,) in await fetch(calm, name, "SELECT tableowner FROM pg_tables WHERE schemaname = 'public'")
            } == {who}
    finally:
        await server.execute(f"DROP ROLE {who}")


async def test_one_mistake_in_a_dump_restores_nothing(calm: World, tmp_path: Path) -> None:
    file = await backup_of(calm, tmp_path)
    with tarfile.open(file) as archive:
        manifest, data = (archive.extractfile(name) for name in archive.getnames())
        assert manifest is not None and data is not None
        file.write_bytes(_packed(manifest.read(), data.read() + b"SELECT 1 / 0;\n"))
    async with empty(calm) as name:
        with pytest.raises(DumpFailed, match="division by zero"):
            await backups.restore(calm.site.server.sqlalchemy_url(name), file, clients())
        assert await fetch(calm, name, TABLES) == []


async def test_a_file_that_appears_meanwhile_is_not_overwritten(calm: World, tmp_path: Path) -> None:
    making = asyncio.create_task(backup_of(calm, tmp_path))
    await eventually(lambda: list(tmp_path.iterdir()), every=0.001)
    (tmp_path / "penstock.backup").write_text("another's")
    with pytest.raises(FileExistsError):
        await making
    assert (tmp_path / "penstock.backup").read_text() == "another's"
    assert [p.name for p in tmp_path.iterdir()] == ["penstock.backup"]


async def test_the_password_is_not_on_the_command_line(tmp_path: Path) -> None:
    """Whoever is on the same machine sees it there; a program of our own tells what it was called with."""
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >&2; env | grep ^PG >&2; exit 1\n')
    program.chmod(0o755)
    url = "postgresql+asyncpg://who:of-the-login@db.example.com:6543/metadata?ssl=require"
    with pytest.raises(DumpFailed) as caught:
        await dump.write(url, tmp_path / "dump.sql", tmp_path)
    said = caught.value.message.splitlines()
    assert [line for line in said if "of-the-login" in line] == ["PGPASSWORD=of-the-login"]
    assert {"PGHOST=db.example.com", "PGPORT=6543", "PGUSER=who", "PGDATABASE=metadata", "PGSSLMODE=require"} <= {*said}


async def test_an_instance_that_cannot_be_reached_keeps_everything_held(world: World, tmp_path: Path) -> None:
    target = await world.target()
    issue = await world.file([{"version": "1", "name": "a", "statement": "CREATE TABLE a (id int)"}], target)
    await world.until(issue, "succeeded")
    file = await backup_of(world, tmp_path)
    async with restored(world, file) as again:
        await again.sql("UPDATE instance SET port = 1 WHERE slug = 'pg-dev'")
        found = await reconcile(again)
        assert not found.ok and not found.lifted
        assert [check.name for check in found.checks if check.state == "error"] == ["instance pg-dev"]
        assert (await again.ada.ok("GET", "/workspace/stop"))["frozen"]


async def test_a_ledger_that_lacks_something_keeps_everything_held(world: World, tmp_path: Path) -> None:
    target = await world.target()
    issue = await world.file([{"version": "1", "name": "a", "statement": "CREATE TABLE a (id int)"}], target)
    await world.until(issue, "succeeded")
    file = await backup_of(world, tmp_path)
    await target.execute("DELETE FROM penstock.ledger")
    async with restored(world, file) as again:
        found = await reconcile(again)
        assert not found.ok and not found.lifted and "Lacks 1 changes" in found.checks[0].detail
        assert (await again.ada.ok("GET", "/workspace/stop"))["frozen"]
        found = await reconcile(again, anyway=True)  # a person has looked
        assert found.lifted and not (await again.ada.ok("GET", "/workspace/stop"))["frozen"]


async def test_somebody_elses_stop_is_not_lifted(world: World) -> None:
    await world.ada.ok("PUT", "/workspace/stop", reason="Something is wrong")
    assert not (await reconcile(world)).lifted
    assert (await world.ada.ok("GET", "/workspace/stop"))["frozen"]


async def test_nothing_is_restored_over_something(calm: World, tmp_path: Path) -> None:
    await calm.file("SELECT 1", await calm.target())
    file = await backup_of(calm, tmp_path)
    with pytest.raises(DumpFailed, match="restore into an empty one"):
        await backups.restore(calm.database.url, file, clients())
    assert len(await calm.sql("SELECT 1 FROM issue")) == 1
    with pytest.raises(BadBackup, match="is there already"):
        await backup_of(calm, tmp_path)


async def test_a_file_that_is_cut_off_restores_nothing(calm: World, tmp_path: Path) -> None:
    file = await backup_of(calm, tmp_path)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    name = await calm.site.server.create_database()
    try:
        with pytest.raises(BadBackup, match="cut off or damaged"):
            await backups.restore(calm.site.server.sqlalchemy_url(name), file, clients())
        empty = Database(calm.site.server.sqlalchemy_url(name), pool_size=1)
        try:
            async with empty.engine.connect() as conn:
                tables = await conn.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
                assert tables.scalar_one() == 0
        finally:
            await empty.close()
    finally:
        await calm.site.server.drop_database(name)


def _packed(manifest: bytes, data: bytes | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in ((backups.MANIFEST, manifest), (backups.DUMP, data)):
            if content is not None:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _manifest(**other: object) -> bytes:
    values = {"format": 1, "penstock": "9", "schema": "0001", "made_at": "2026-11-21T09:00:00Z"}
    return msgspec.json.encode({**values, "deployment": "x", "keys": [], **other})


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"", BadBackup, "no backup"),
        (b"no archive", BadBackup, "no backup"),
        (gzip.compress(b"no tar"), BadBackup, "no backup"),
        (_packed(b"{}"), BadBackup, "no backup"),
        (_packed(_manifest() + b" " * 1_000_000), BadBackup, "no backup"),
        (_packed(_manifest(format=2)), BadBackup, "format 2"),
        (_packed(_manifest(schema="9999")), SchemaIsNewer, "restore it with that version"),
    ],
)
def test_what_is_no_backup_says_so(data: bytes, kind: type[Exception], says: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.raises(kind, match=says):
        backups.describe(file)
