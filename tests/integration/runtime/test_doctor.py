"""penstock doctor finds what is wrong and says what to do; it looks only, and changes nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock import bootstrap
from penstock.cli.main import main
from penstock.runtime.sequencer import Sequencer
from penstock.services.doctor import Check
from penstock.settings import Settings
from tests.builders import World
from tests.hand import Hand
from tests.integration.runtime.test_mariadb import place as place
from tests.integration.runtime.test_settling import unknown
from tests.mariadb_server import mariadb_database as mariadb_database
from tests.mariadb_server import mariadb_server as mariadb_server
from tests.postgres_server import PostgresServer


@pytest.fixture
def settings(calm: World, tmp_path: Path) -> Settings:
    """Of a process on the world's database, with its master key."""
    key = tmp_path / "master.key"
    key.write_bytes(base64.b64encode(b"k" * 32))
    key.chmod(0o600)
    return Settings(database_url=calm.site.url, data_dir=tmp_path, lease_seconds=30)


async def examined(settings: Settings) -> dict[str, Check]:
    """What it found, by name."""
    return {check.name: check for check in await bootstrap.examine(settings)}


async def test_all_is_well(calm: World, settings: Settings) -> None:
    dev = await calm.target("dev")
    await calm.start()
    await calm.until(await calm.file("CREATE TABLE t (id int)", dev), "succeeded")
    await Sequencer(calm.database).round()
    found = await examined(settings)
    assert [c for c in found.values() if c.state == "error"] == []
    assert found["metadata database"].state == found["clock"].state == found["leases"].state == "ok"
    assert found["runners"].state == "ok" and "1 alive" in found["runners"].detail
    assert "ledger absent" in found["instance pg-dev"].detail  # in the maintenance database
    assert found["instance pg-dev clock"].state == "ok"
    assert found[f"ledger of pg-dev/{dev.name}, project shop"].detail == "1 changes, as recorded."
    assert found["audit"].state == found["sequencer events"].state == "ok"


async def test_nobody_runs_what_is_ready(calm: World, settings: Settings) -> None:
    await calm.file("SELECT 1", await calm.target("dev"))
    await calm.sql("UPDATE task SET run_at = run_at - interval '5 minutes'")
    found = await examined(settings)
    assert (found["runners"].state, found["queue"].state) == ("error", "warning")
    assert "penstock runner" in str(found["runners"].todo)


async def test_a_runner_that_fell_silent_with_a_task(calm: World, settings: Settings) -> None:
    await calm.file("SELECT 1", await calm.target("dev"))
    hand = await Hand(calm.database).register()
    await hand.take()
    await calm.sql("UPDATE runner SET beat_at = beat_at - interval '10 minutes'")
    await calm.sql("UPDATE task SET lease_until = now() - interval '5 minutes' WHERE lease IS NOT NULL")
    found = await examined(settings)
    assert (found["runners"].state, found["leases"].state) == ("warning", "error")


async def test_an_outcome_that_nobody_knows(calm: World, settings: Settings) -> None:
    _, task = await unknown(calm, await calm.target("dev"))
    found = await examined(settings)
    assert found["outcomes"].state == "warning" and f"task {task['id']}" in found["outcomes"].detail
    assert "settle" in str(found["outcomes"].todo)


async def test_a_ledger_that_lost_rows_and_one_that_knows_more(calm: World, settings: Settings) -> None:
    lost, more = await calm.target("dev"), await calm.target("dev")
    await calm.start()
    changes = [{"version": v, "statement": f"CREATE TABLE t{v} (id int)"} for v in ("1", "2")]
    await calm.until(await calm.file(changes, lost, more), "succeeded")
    await lost.execute("DELETE FROM penstock.ledger WHERE version = '2'")
    await calm.sql(
        "DELETE FROM task_change WHERE version = '1' AND task_id IN (SELECT id FROM task WHERE database_id = :id)",
        id=more.id,
    )
    found = await examined(settings)
    first = found[f"ledger of pg-dev/{lost.name}, project shop"]
    assert first.state == "error" and first.detail == "Lacks 1 changes that were applied: 2."
    second = found[f"ledger of pg-dev/{more.name}, project shop"]
    assert second.state == "warning" and "no record of: 1" in second.detail


async def test_instances_that_are_away_or_without_credentials(calm: World, settings: Settings) -> None:
    await calm.ada.ok("POST", "/instances", **calm.site.instance("pg-away", "dev", port=1))
    stranger = {**calm.site.instance("pg-env", "dev"), "dsn_env": "PENSTOCK_DSN_NOT_SET"}
    await calm.ada.ok("POST", "/instances", **{k: v for k, v in stranger.items() if k not in ("username", "password")})
    found = await examined(settings)
    assert found["instance pg-away"].state == "error" and found["instance pg-away"].todo
    assert found["instance pg-env"].state == "error" and "PENSTOCK_DSN_NOT_SET" in found["instance pg-env"].detail
    assert found["instance pg-dev"].state != "error"


async def test_mariadb_is_looked_at_too(calm: World, settings: Settings, place: object) -> None:
    found = await examined(settings)
    assert "mariadb" in found["instance maria-dev"].detail and found["instance maria-dev clock"].state == "ok"


async def test_a_sequencer_that_does_not_run(calm: World, settings: Settings) -> None:
    await calm.file("SELECT 1", await calm.target("dev"))
    await calm.sql("UPDATE event SET created_at = created_at - interval '5 minutes' WHERE position IS NULL")
    assert (await examined(settings))["sequencer events"].state == "error"


async def test_without_a_database_or_a_key_it_says_so_and_makes_none(calm: World, tmp_path: Path) -> None:
    [check] = await bootstrap.examine(Settings(data_dir=tmp_path))
    assert (check.name, check.state) == ("metadata database", "error") and "penstock serve" in str(check.todo)
    [check] = await bootstrap.examine(Settings(database_url="postgresql://nobody@127.0.0.1:1/x", data_dir=tmp_path))
    assert check.state == "error" and "does not answer" in check.detail
    found = await examined(Settings(database_url=calm.site.url, data_dir=tmp_path))
    assert found["master key"].state == "error" and list(tmp_path.iterdir()) == []


def test_a_schema_of_another_version(fresh_database: str, postgres_server: PostgresServer, tmp_path: Path) -> None:
    url = postgres_server.sqlalchemy_url(fresh_database)
    environment = {"PENSTOCK_DATABASE_URL": url, "PENSTOCK_DATA_DIR": str(tmp_path)}
    result = CliRunner().invoke(main, ["doctor", "--json"], env=environment)
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"]) == (1, False)
    assert "db upgrade" in found["checks"][0]["todo"]
    words = CliRunner().invoke(main, ["doctor"], env=environment)
    assert (
        words.exit_code == 1 and "✗ metadata database" in words.stdout and "→ Run penstock db upgrade" in words.stdout
    )
