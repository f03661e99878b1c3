"""Backups of Penstock's own database: one file with everything but the master key, and the way back.

What targets have is not in it: they have ledgers of their own. A restored installation may know less than they do,
so it starts with everything stopped, until the ledgers were read (`Reconciliation`).
"""

from __future__ import annotations

import datetime as dt
import os
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock import __version__
from penstock.domain.errors import PenstockError
from penstock.services.doctor import Check, Doctor
from penstock.store import dump, environments, freezes, migrate
from penstock.store.database import Database
from penstock.store.freezes import Place
from penstock.store.records import audit
from penstock.store.tables.accounts import account
from penstock.store.tables.records import deployment

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DUMP: Final = "metadata.sql"
_LARGEST_MANIFEST: Final = 1_000_000
REASON: Final = "Restored from a backup of {at}: run penstock reconcile, which reads every ledger and then lifts this."
_MARK: Final = "Restored from a backup of "


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself.

    Args:
        schema: revision of the metadata database.
        keys: ids of the master keys that open its secrets.
    """

    format: int
    penstock: str
    schema: str
    made_at: dt.datetime
    deployment: str
    keys: list[str]


class BadBackup(PenstockError):
    """This file is no backup of Penstock, or one that this version cannot read."""

    code = "bad_backup"


async def make(url: str, file: Path, keys: Sequence[str], programs: Path | None) -> Manifest:
    """Write a backup, complete as soon as it has its name, and readable by its owner alone.

    Args:
        url: of the metadata database.
        file: must not be there yet.
        keys: ids of the master keys at hand.

    Raises:
        BadBackup: the file is there already, or the database is not of this version.
        DumpFailed: PostgreSQL's programs said no.
    """
    if file.exists():
        raise BadBackup(f"{file} is there already: give another name.")
    if missing := await migrate.check(url):
        raise BadBackup(f"The metadata database lacks {', '.join(missing)}: run penstock db upgrade first.")
    database = Database(url, pool_size=1)
    try:
        async with database.connect() as conn:
            ours = str(await conn.scalar(sa.select(deployment.c.id)))
            now = await conn.scalar(sa.select(sa.func.clock_timestamp()))
    finally:
        await database.close()
    assert now is not None
    manifest = Manifest(
        format=FORMAT,
        penstock=__version__,
        schema=migrate.revisions()[-1],
        made_at=now,
        deployment=ours,
        keys=list(keys),
    )
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".penstock-backup-") as folder:
        data = Path(folder) / DUMP
        await dump.write(url, data, programs)
        (Path(folder) / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        packed = Path(folder) / "packed"
        with os.fdopen(os.open(packed, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as out:
            with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as archive:
                archive.add(Path(folder) / MANIFEST, MANIFEST)
                archive.add(data, DUMP)
            out.flush()
            os.fsync(out.fileno())
        os.link(packed, file)  # fails when the name was taken meanwhile
    return manifest


def describe(file: Path) -> Manifest:
    """What a backup says of itself.

    Raises:
        BadBackup: it is none, or of a version that this one does not know.
    """
    try:
        with tarfile.open(file, "r:gz") as archive:
            member = archive.next()
            stream = archive.extractfile(member) if member is not None and member.name == MANIFEST else None
            if stream is None or member is None or member.size > _LARGEST_MANIFEST:
                raise BadBackup
            manifest = msgspec.json.decode(stream.read(), type=Manifest)
    except (OSError, tarfile.TarError, EOFError, msgspec.MsgspecError) as error:
        raise BadBackup(f"{file} is no backup of Penstock: {error}") from error
    if manifest.format != FORMAT:
        raise BadBackup(f"{file} is of format {manifest.format}; this version reads format {FORMAT}.")
    if manifest.schema not in migrate.revisions():
        message = f"{file} was written by Penstock {manifest.penstock} (schema {manifest.schema}), which is newer"
        raise migrate.SchemaIsNewer(f"{message} than this one: restore it with that version.")
    return manifest


async def restore(url: str, file: Path, programs: Path | None) -> Manifest:
    """Fill an empty database from a backup, bring it to this version, and have everything stopped.

    The stop is in the same transaction as the data: nobody ever sees one without the other.

    Raises:
        BadBackup: see `describe`.
        DumpFailed: the database is not empty, or psql said no.
    """
    manifest = describe(file)
    with tempfile.TemporaryDirectory(prefix="penstock-restore-") as folder:
        data = Path(folder) / DUMP
        try:
            with tarfile.open(file, "r:gz") as archive:
                stream = archive.extractfile(DUMP)
                if stream is None:
                    raise BadBackup
                with data.open("wb") as out:
                    while chunk := stream.read(1 << 20):
                        out.write(chunk)
        except (OSError, tarfile.TarError, EOFError, KeyError) as error:
            raise BadBackup(f"{file} is cut off or damaged: {error}") from error
        await dump.read(url, data, _stop(manifest), programs)
    await migrate.upgrade(url)
    return manifest


def _stop(manifest: Manifest) -> list[str]:
    """SQL that stops everything and has what was at work taken back."""
    reason = REASON.format(at=f"{manifest.made_at:%Y-%m-%d %H:%M} UTC").replace("'", "''")
    somebody = "SELECT id FROM public.account WHERE workspace_role = 'admin' ORDER BY id LIMIT 1"
    return [
        "DELETE FROM public.freeze WHERE environment_id IS NULL AND project_id IS NULL",
        f"INSERT INTO public.freeze (reason, account_id) SELECT '{reason}', id FROM ({somebody}) AS somebody",
        "UPDATE public.environment SET generation = generation + 1",
        # Whoever held a lease then holds none now; what it did is in the ledgers.
        "UPDATE public.task SET lease_until = now() WHERE lease IS NOT NULL",
    ]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What reading the ledgers found.

    Args:
        lifted: the stop of a restore is gone.
    """

    checks: list[Check]
    lifted: bool

    @property
    def ok(self) -> bool:
        """Every ledger could be read, and none lacks what we know to be applied."""
        return not any(check.state == "error" for check in self.checks)


class Reconciliation:
    """Reads all ledgers after a restore, and lifts its stop when they agree with what was restored."""

    def __init__(self, database: Database, doctor: Doctor) -> None:
        self._database = database
        self._doctor = doctor

    async def run(self, *, anyway: bool = False) -> Reconciled:
        """Read them.

        Args:
            anyway: lift the stop although a ledger cannot be read or lacks something: a person has looked.
        """
        checks = await self._doctor.ledgers()
        found = Reconciled(checks, lifted=False)
        if not (found.ok or anyway):
            return found
        return Reconciled(checks, lifted=await self._lift(len(checks), anyway=anyway))

    async def _lift(self, ledgers: int, *, anyway: bool) -> bool:
        async def work(conn: AsyncConnection) -> bool:
            stop = await freezes.get(conn, Place())
            if stop is None or not stop["reason"].startswith(_MARK):
                return False
            await freezes.delete(conn, Place())
            await environments.bump_generation(conn, sa.true())
            first = sa.select(account.c.id).where(account.c.workspace_role == "admin").order_by(account.c.id).limit(1)
            who = await conn.scalar(first)
            assert who is not None
            await audit(conn, who, "restore.reconciled", "workspace", {"ledgers": ledgers, "anyway": anyway})
            return True

        return await self._database.run(work)
