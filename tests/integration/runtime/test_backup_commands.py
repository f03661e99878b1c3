"""``penstock backup``, ``restore`` and ``reconcile`` as an operator types them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.services.secrets import Keyring
from tests.builders import World
from tests.command_line import Shell

KEY = b"k" * 32  # of the application in this process


def operator(folder: Path, url: str, key: bytes = KEY) -> Shell:
    """A shell where the metadata database is this one."""
    folder.mkdir(exist_ok=True)
    secret = base64.b64encode(key).decode()
    given = {"PENSTOCK_DATABASE_URL": url, "PENSTOCK_DATA_DIR": str(folder / "data"), "PENSTOCK_MASTER_KEY": secret}
    return Shell(folder, given)


@pytest.fixture
async def elsewhere(calm: World) -> AsyncIterator[str]:
    """The URL of an empty database."""
    name = await calm.site.server.create_database()
    yield calm.site.server.url(name)
    await calm.site.server.drop_database(name)


async def test_from_a_backup_to_an_installation_that_goes_on(calm: World, elsewhere: str, tmp_path: Path) -> None:
    await calm.file("SELECT 1", await calm.target())
    file = tmp_path / "penstock.backup"
    here, there = operator(tmp_path / "here", calm.site.url), operator(tmp_path / "there", elsewhere)
    made = await here.ok("backup", file)
    [key] = Keyring([KEY]).ids
    assert f"Wrote {file}" in made.out and f"open with master key {key}: keep" in made.err
    assert base64.b64encode(KEY).decode() not in made.out + made.err
    again = await here.run("backup", file)
    assert again.code == 1 and "is there already" in again.err

    done = await there.ok("restore", file)
    assert "Restored what Penstock" in done.out and "run penstock reconcile" in done.out
    assert "master key" not in done.err  # it is here
    again = await there.run("restore", file)
    assert again.code == 1 and "restore into an empty one" in again.err
    found = await there.ok("reconcile", "--json")
    assert found.json["ok"] and found.json["lifted"]
    assert "Nothing was lifted." in (await there.ok("reconcile")).out  # nothing is there to lift any more


async def test_a_master_key_that_is_missing_is_named(calm: World, elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "penstock.backup"
    await operator(tmp_path / "here", calm.site.url).ok("backup", file)
    [needed] = Keyring([KEY]).ids
    done = await operator(tmp_path / "there", elsewhere, b"x" * 32).ok("restore", file)
    assert f"need master key {needed}, which is not here" in done.err


async def test_reconcile_ends_with_1_until_a_person_has_looked(calm: World, elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "penstock.backup"
    target = await calm.target()
    await calm.start()
    issue = await calm.file([{"version": "1", "name": "a", "statement": "CREATE TABLE a (id int)"}], target)
    await calm.until(issue, "succeeded")
    await calm.stop()
    await operator(tmp_path / "here", calm.site.url).ok("backup", file)
    await target.execute("DELETE FROM penstock.ledger")
    there = operator(tmp_path / "there", elsewhere)
    await there.ok("restore", file)
    done = await there.run("reconcile")
    assert done.code == 1 and "Lacks 1 changes" in done.out and done.out.endswith("Nothing was lifted.\n")
    as_json = await there.run("reconcile", "--json")
    assert as_json.code == 1 and (as_json.json["ok"], as_json.json["lifted"]) == (False, False)
    assert "Everything goes on." in (await there.ok("reconcile", "--anyway")).out


@pytest.mark.parametrize("command", [("backup", "new"), ("restore", "kept"), ("reconcile",), ("db", "check")])
async def test_a_database_that_is_not_there_is_said_in_a_line(
    command: tuple[str, ...], calm: World, tmp_path: Path
) -> None:
    await operator(tmp_path / "here", calm.site.url).ok("backup", tmp_path / "kept")
    typed = [tmp_path / word if word in ("new", "kept") else word for word in command]
    nothing = calm.site.server.url("penstock_test_nothing")
    closed = f"postgresql://postgres@{calm.site.server.host}:1/penstock"
    for url, says in ((nothing, "does not exist"), (closed, "onnect call failed")):
        done = await operator(tmp_path / "there", url).run(*typed)
        said = " ".join(done.err.replace("│", " ").split())
        assert done.code == 1 and says in said and "See PENSTOCK_DATABASE_URL" in said
    assert not (tmp_path / "new").exists()


async def test_a_folder_that_is_not_there_is_not_the_databases_fault(calm: World, tmp_path: Path) -> None:
    done = await operator(tmp_path / "here", calm.site.url).run("backup", tmp_path / "nowhere" / "file")
    assert done.code == 1 and "No such file or directory" in done.err and "PENSTOCK_DATABASE_URL" not in done.err


async def test_an_installation_that_does_not_run_is_not_backed_up(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"PENSTOCK_DATABASE_URL": "", "PENSTOCK_DATA_DIR": str(tmp_path / "data")})
    done = await shell.run("backup", tmp_path / "file")
    assert done.code == 1 and "start penstock serve" in done.err
    assert (await shell.run("reconcile")).code == 1
    assert not (tmp_path / "file").exists()


async def test_what_is_no_backup_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(json.dumps({"no": "backup"}))
    shell = Shell(tmp_path, {"PENSTOCK_DATABASE_URL": "", "PENSTOCK_DATA_DIR": str(tmp_path / "data")})
    done = await shell.run("restore", file)
    assert done.code == 1 and "is no backup of Penstock" in done.err
    assert not (tmp_path / "data").exists()
