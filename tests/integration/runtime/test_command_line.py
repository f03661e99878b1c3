"""The command line for people and CI, against a server that listens: file, watch, approve, read logs, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from penstock.web.app import create_app
from penstock.web.routes import ALL_ROUTES
from penstock.web.routes.device_logins import DEVICE_LOGIN_ROUTES
from tests.builders import PROJECT, Client, World, sign_in
from tests.command_line import Shell, listening

ISSUE = """
project: shop
title: Two stages
stages:
  first:
    environment: dev
    steps:
      - {{instance: pg-dev, database: {first}, file: sql/first.sql}}
  second:
    environment: dev
    needs: [first]
    steps:
      - instance: pg-dev
        database: {second}
        statement: |
          CREATE TABLE second (id int);
"""


@dataclass
class Desk:
    """People at their terminals, and a world with a runner that they speak to."""

    world: World
    url: str
    home: Path

    def of(self, name: str) -> Shell:
        """Somebody's shell."""
        return Shell(self.home).as_(self.world.site.tokens[name], self.url)


@pytest.fixture
async def desk(world: World, tmp_path: Path) -> AsyncIterator[Desk]:
    async with listening(world.app) as url:
        yield Desk(world, url, tmp_path)


async def test_a_build_files_waits_and_succeeds_in_one_line(desk: Desk) -> None:
    target = await desk.world.target()
    done = await desk.of("robot").run(
        *("issue", "create", "--project", PROJECT, "--title", "Add t", "--statement", "CREATE TABLE t (id int)"),
        *("--database", target.id, "--wait"),
    )
    assert done.code == 0, done.err
    assert "✓ Filed issue" in done.out and done.out.endswith("dev (dev): succeeded 1 succeeded\n")
    assert await target.has("t")


async def test_a_build_fails_with_what_the_database_said(desk: Desk) -> None:
    target = await desk.world.target()
    done = await desk.of("robot").run(
        *("issue", "create", "--project", PROJECT, "--title", "Bad", "--statement", "DROP TABLE nothing"),
        *("--database", target.id, "--wait"),
    )
    assert done.code == 1
    assert 'table "nothing" does not exist' in done.out and "penstock task log" in done.out


async def test_a_build_hears_of_everything_that_led_to_its_end(desk: Desk) -> None:
    first, second = await desk.world.target(), await desk.world.target("staging")
    done = await desk.of("robot").run(
        *("issue", "create", "--project", PROJECT, "--title", "Bad", "--statement", "DROP TABLE nothing"),
        *("--database", first.id, "--database", second.id, "--wait", "--timeout", "30s"),
    )
    assert done.code == 1, done.out
    _, *lines = done.out.splitlines()
    said = [line.split(": ", 1)[1] for line in lines[: lines.index("failed")]]
    assert said[-3:] == ["staging was passed over (upstream_failed)", "did not pass", "ended"]


async def test_what_waits_for_a_person_is_exit_code_3(desk: Desk) -> None:
    target = await desk.world.target("staging")
    create = ("issue", "create", "--project", PROJECT, "--title", "Guarded", "--statement", "CREATE TABLE g (id int)")
    done = await desk.of("ana").run(*create, "--database", target.id, "--wait", "--stop-when-blocked")
    assert done.code == 3
    assert "approval" in done.out and "role:project:owner" in done.out
    done = await desk.of("ana").run("issue", "watch", 10**9)
    assert done.code == 1 and "There is no issue 1000000000." in done.err


async def test_watching_ends_when_its_time_is_over(desk: Desk) -> None:
    issue = await desk.world.file("CREATE TABLE g (id int)", await desk.world.target("staging"))
    done = await desk.of("ana").run("issue", "watch", issue["id"], "--timeout", "1s")
    assert done.code == 3


async def test_approving_on_the_command_line_lets_a_watched_issue_go_on(desk: Desk) -> None:
    target = await desk.world.target("staging")
    issue = await desk.world.file("CREATE TABLE g (id int)", target)
    async with _beside(desk, "ana", "issue", "watch", str(issue["id"])) as watching:
        assert "staging waits: approval" in await watching.line()
        done = await desk.of("bo").ok("issue", "approve", issue["id"], "--comment", "fine")
        assert "Approved staging" in done.out
        code, out = await watching.end()
    assert code == 0 and "was approved (Bo)" in out and "staging (staging): succeeded" in out
    assert await target.has("g")


async def test_approving_what_one_has_not_read_is_refused(desk: Desk) -> None:
    issue = await desk.world.file("CREATE TABLE g (id int)", await desk.world.target("staging"))
    old = "staging=sha256:" + "0" * 64
    done = await desk.of("bo").run("issue", "approve", issue["id"], "--stage", "staging", "--digest", old)
    assert done.code == 1 and "✗" in done.err


async def test_an_issue_as_yaml_with_stages_as_other_ci_systems_write_them(desk: Desk, tmp_path: Path) -> None:
    first, second = await desk.world.target(), await desk.world.target()
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "first.sql").write_text("CREATE TABLE first (id int);")
    file = tmp_path / "pipeline.yaml"
    file.write_text(ISSUE.format(first=first.id, second=second.id))
    done = await desk.of("ana").ok("issue", "create", "--file", file, "--wait", "--json")
    made = done.json
    assert [s["name"] for s in made["pipeline"]["stages"]] == ["first", "second"]
    assert made["pipeline"]["stages"][1]["needs"] == ["first"]
    assert made["status"] == "done"  # what it is by now, not what was filed
    assert await first.has("first") and await second.has("second")


async def test_the_same_key_files_one_issue(desk: Desk) -> None:
    target = await desk.world.target("staging")
    create = ("issue", "create", "--project", PROJECT, "--title", "Once", "--statement", "SELECT 1", "--json")
    made = [(await desk.of("robot").ok(*create, "--database", target.id, "--key", "build-7")).json for _ in range(2)]
    assert made[0]["id"] == made[1]["id"]


async def test_a_task_is_looked_at_its_log_read_and_run_again(desk: Desk) -> None:
    target = await desk.world.target()
    issue = await desk.world.file("INSERT INTO later VALUES (1)", target)
    await desk.world.until(issue, "failed")
    [task] = await desk.world.tasks(issue)
    rita = desk.of("rita")
    shown = await rita.ok("task", "show", task["id"])
    assert 'relation "later" does not exist' in shown.out
    log = await rita.run("task", "log", task["id"], "--follow")
    assert log.code == 1 and "later" in log.out
    stored = (await rita.ok("task", "log", task["id"], "--json")).json
    assert [line["seq"] for line in stored] == sorted({line["seq"] for line in stored}) and stored
    await target.execute("CREATE TABLE later (id int)")
    await rita.ok("task", "retry", task["id"])
    done = await rita.ok("issue", "watch", issue["id"], "--json")
    assert done.json["status"] == "done"


async def test_lists_are_tables_for_people_and_documents_for_machines(desk: Desk) -> None:
    ana = desk.of("ana")
    assert "No issues here" in (await ana.ok("issue", "list")).out
    issue = await desk.world.file("SELECT 1", await desk.world.target("staging"), title="[bold]Odd[/bold]")
    assert "[bold]Odd[/bold]" in (await ana.ok("issue", "list", "--project", PROJECT)).out
    assert [each["id"] for each in (await ana.ok("issue", "list", "--json")).json] == [issue["id"]]
    assert "staging" in (await ana.ok("issue", "show", issue["id"])).out
    await ana.ok("issue", "comment", issue["id"], "Look at this.")
    await ana.ok("issue", "cancel", issue["id"])
    assert (await ana.ok("issue", "show", issue["id"], "--json")).json["status"] == "canceled"


async def test_a_refusal_names_every_field(desk: Desk) -> None:
    create = ("issue", "create", "--project", PROJECT, "--title", "x", "--statement", "SELECT 1", "--database", 10**9)
    done = await desk.of("ana").run(*create)
    assert done.code == 1 and "targets.databases[0]" in done.err
    as_json = await desk.of("ana").run(*create, "--json")
    assert json.loads(as_json.err)["code"] == "unknown_database" and as_json.out == ""


async def test_login_keeps_a_token_that_works_and_logout_forgets_it(desk: Desk, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    nobody = await shell.run("issue", "list")
    assert nobody.code == 2 and "penstock login" in nobody.err
    wrong = await shell.run("login", desk.url, "--with-token", given="pst_wrong\n")
    assert wrong.code == 4 and not (tmp_path / ".config").exists()
    done = await shell.ok("login", desk.url, "--with-token", given=desk.world.site.tokens["ana"] + "\n")
    assert "Ana" in done.out and desk.world.site.tokens["ana"] not in done.out + done.err
    again = await shell.ok("login", desk.url, "--with-token", "--json", given=desk.world.site.tokens["ana"] + "\n")
    assert again.json["user"]["name"] == "Ana" and desk.world.site.tokens["ana"] not in again.out + again.err
    kept = tmp_path / ".config" / "penstock" / "credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (await shell.ok("issue", "list", "--json")).json == []
    await shell.ok("logout")
    assert desk.world.site.tokens["ana"] not in kept.read_text()
    assert (await shell.run("issue", "list", "--server", desk.url)).code == 4


async def test_login_by_browser_keeps_the_token_that_a_person_allowed(desk: Desk, tmp_path: Path) -> None:
    async with _logging_in(desk, tmp_path) as terminal:
        code = _code_in(await terminal.line())
        assert await _decide(desk, code, "allow") == 204
        ended, out = await terminal.end()
    assert ended == 0 and "✓ Ana" in out
    shell = Shell(tmp_path)
    assert (await shell.ok("issue", "list", "--json")).json == []
    named = [t["name"] for t in (await shell.ok("token", "list", "--json")).json]
    assert any(name.startswith("CLI on ") for name in named)


async def test_a_login_that_is_denied_keeps_nothing(desk: Desk, tmp_path: Path) -> None:
    async with _logging_in(desk, tmp_path) as terminal:
        assert await _decide(desk, _code_in(await terminal.line()), "deny") == 204
        ended, out = await terminal.end()
    assert ended == 4 and "denied" in out
    assert not (tmp_path / ".config").exists()


async def test_ctrl_c_gives_up_a_login(desk: Desk, tmp_path: Path) -> None:
    async with _logging_in(desk, tmp_path) as terminal:
        _code_in(await terminal.line())
        assert "Ctrl-C" in await terminal.line()
        terminal.process.send_signal(signal.SIGINT)
        ended, out = await terminal.end()
    assert ended == 1 and "Aborted" in out and "Traceback" not in out
    assert not (tmp_path / ".config").exists()


async def test_a_token_is_pasted_where_there_is_no_browser(desk: Desk, tmp_path: Path) -> None:
    done = await Shell(tmp_path).ok("login", desk.url, "--paste", given=desk.world.site.tokens["ana"] + "\n")
    assert "Ana" in done.out and "/settings/tokens" in done.err


async def test_an_older_server_is_asked_for_no_code(desk: Desk, tmp_path: Path) -> None:
    services = desk.world.services
    older = create_app(services, routes=[r for r in ALL_ROUTES if r not in DEVICE_LOGIN_ROUTES])
    async with listening(older) as url:
        done = await Shell(tmp_path).ok("login", url, given=desk.world.site.tokens["ana"] + "\n")
    assert "too old" in done.err and "Ana" in done.out


async def test_tokens_are_made_listed_and_revoked(desk: Desk) -> None:
    ana = desk.of("ana")
    made = (await ana.ok("token", "create", "build", "--json")).json
    build = Shell(desk.home).as_(made["token"], desk.url)
    await build.ok("issue", "list")
    assert made["token"] not in (await ana.ok("token", "list")).out
    await ana.ok("token", "revoke", made["id"])
    assert (await build.run("issue", "list")).code == 4


async def test_a_directory_becomes_a_release_once_and_is_applied(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "V1__tables.sql").write_text("CREATE TABLE t (id int);")
    (folder / "V2__more.sql").write_text("ALTER TABLE t ADD COLUMN name text;")
    robot = desk.of("robot")
    create = ("release", "create", "--project", PROJECT, "--dir", folder)
    first = (await robot.ok(*create, "--json")).json
    assert [c["version"] for c in first["changes"]] == ["1", "2"]
    assert f"It is release {first['id']}" in (await robot.ok(*create)).out  # a job that runs twice
    of = [(await robot.ok(*create, "--json", "--commit", commit)).json for commit in ("a" * 40, "b" * 40, "a" * 40)]
    assert [each["commit"] for each in of] == ["a" * 40, "b" * 40, "a" * 40]
    assert of[0]["id"] == of[2]["id"] and len({first["id"], of[0]["id"], of[1]["id"]}) == 3
    target = await desk.world.target()
    file = ("issue", "create", "--project", PROJECT, "--title", "Deploy", "--release", first["id"], "--wait")
    await robot.ok(*file, "--database", target.id)
    assert await target.ledger() == ["1", "2"]

    (folder / "V3__index.sql").write_text("CREATE INDEX ON t (name);")
    second = (await robot.ok(*create, "--json")).json
    assert second["id"] != first["id"] and second["digest"] != first["digest"]
    assert "3 change(s)" not in (await robot.ok("release", "list", "--project", PROJECT)).out
    assert "V3" not in (await robot.ok("release", "show", second["id"])).out


async def test_a_release_is_checked_and_promoted_from_the_command_line(desk: Desk) -> None:
    dev, staging = await desk.world.target("dev"), await desk.world.target("staging")
    robot, bo = desk.of("robot"), desk.of("bo")
    issue = await desk.world.file([{"version": "1", "name": "t", "statement": "CREATE TABLE t (id int)"}], dev)
    await desk.world.until(issue, "succeeded")
    release = issue["release"]
    report = ("checks", "report", release, "--environment", "dev", "--context", "ci/tests", "--state")
    await robot.ok(*report, "pending")
    await bo.ok("checks", "require", "ci/tests", "--project", PROJECT, "--environment", "dev")
    promote = ("promote", "--project", PROJECT, "--from", "dev")
    refused = await robot.run(*promote)
    assert refused.code == 3 and "ci/tests" in refused.err
    assert (await robot.run(*promote, "--dry-run")).code == 3
    await robot.ok(*report, "success", "--description", "42 passed")
    assert "42 passed" in (await robot.ok("checks", "list", release)).out
    shown = await robot.ok(*promote, "--dry-run")
    assert "dev → staging" in shown.out and "on 1 database(s)" in shown.out
    made = (await robot.ok(*promote, "--json", "--key", "build-1")).json
    assert made["release"] == release
    assert f"issue {made['issue']} is coming" in (await robot.ok("board", "--project", PROJECT)).out
    await bo.ok("issue", "approve", made["issue"])
    await robot.ok("issue", "watch", made["issue"])
    assert await staging.ledger() == ["1"]


async def test_a_directory_with_mistakes_makes_nothing_and_names_each(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (tmp_path / "secret.sql").write_text("hush")
    (folder / "V1__a.sql").write_text("SELECT 1;")
    (folder / "V2__link.sql").symlink_to(tmp_path / "secret.sql")
    with (folder / "V3__huge.sql").open("wb") as stream:
        stream.truncate(100_000_000)
    create = ("release", "create", "--project", PROJECT, "--dir", folder)
    done = await desk.of("robot").run(*create, "--json")
    assert done.code == 1
    assert [(m["file"], m["code"]) for m in done.json["errors"]] == [
        ("V2__link.sql", "symbolic_link"),
        ("V3__huge.sql", "too_large"),
    ]
    (folder / "V2__link.sql").unlink()
    (folder / "V3__huge.sql").unlink()
    (folder / "V1.0__again.sql").write_text("SELECT 2;")
    done = await desk.of("robot").run(*create)
    assert done.code == 1 and "V1__a.sql: has version 1, as V1.0__again.sql has" in done.out
    assert (await desk.of("robot").ok("release", "list", "--json")).json == []


@dataclass
class Beside:
    """A command that runs while others are typed: standard output belongs to a process."""

    process: asyncio.subprocess.Process

    async def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode()

    async def end(self) -> tuple[int, str]:
        """Its exit code, and what it printed since."""
        out, _ = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode()


def _code_in(line: str) -> str:
    found = re.search(r"[B-Z]{4}-[B-Z]{4}", line)
    assert found is not None, line
    return found[0]


async def _decide(desk: Desk, code: str, decision: str) -> int:
    """Ana at her browser."""
    async with Client(desk.world.app) as browser:
        await sign_in(browser, "ana")
        answer = await browser.post(f"/auth/device/{code}", json={"decision": decision})
    return answer.status_code


@asynccontextmanager
async def _logging_in(desk: Desk, home: Path) -> AsyncIterator[Beside]:
    gone = ("PENSTOCK_SERVER", "PENSTOCK_TOKEN", "XDG_CONFIG_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    async with _process({**kept, "HOME": str(home)}, "login", desk.url) as terminal:
        yield terminal


@asynccontextmanager
async def _beside(desk: Desk, who: str, *arguments: str) -> AsyncIterator[Beside]:
    said = {"HOME": str(desk.home), "PENSTOCK_SERVER": desk.url, "PENSTOCK_TOKEN": desk.world.site.tokens[who]}
    async with _process({**os.environ, **said}, *arguments) as command:
        yield command


@asynccontextmanager
async def _process(environment: Mapping[str, str], *arguments: str) -> AsyncIterator[Beside]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "penstock.cli.main", *arguments),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # whoever runs us may ignore it
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Beside(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
