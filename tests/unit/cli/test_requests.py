"""What is typed is what is asked for: every option arrives, in requests that the API's own document allows."""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from penstock import bootstrap
from penstock.cli.issue import Seconds
from penstock.cli.main import main
from tests.scripted_server import Answer, Asked, Scripted, events, problem, scripted

TIME = "2026-11-21T09:00:00Z"
STAGE = {"name": "prod", "digest": "sha256:now", "actions": ["approve", "reject"]}
STAGES = [STAGE, {"name": "done", "digest": "sha256:old", "actions": []}]
ANY: Mapping[str, Any] = {
    "id": 7,
    "issue": 7,
    "release": 4,
    "pipeline": {"stages": STAGES},
    "items": [],
    "next_page_token": None,
    "context": "ci",
    "state": "success",
    "contexts": ["ci/a", "ci/b"],
    "token": "pst_made",
    "latest_run": 8,
    "synced_at": TIME,
    "fingerprint": "sha256:x",
    "schemas": [{"name": "audit"}],
    "digest": "sha256:x",
    "found": "sha256:" + 64 * "a",
    "status": "open",
    "instance": "pg",
    "database_name": "a",
    "first_seen_at": TIME,
    "last_seen_at": TIME,
    "ignored_until": TIME,
    "decided_by": None,
    "diff": [],
    "left": {"database": "pg/a", "snapshot": "sha256:x"},
    "right": {"database": None, "snapshot": "sha256:y"},
    "equal": True,
    "ddl": "",
    "unrendered": 0,
}


def typed(server: Scripted, line: str, given: str = "", **more: str) -> Result:
    """Type a command where this server is the one that it speaks to."""
    env = {"PENSTOCK_SERVER": server.url, "PENSTOCK_TOKEN": "pst_secret", "NO_COLOR": "1", "COLUMNS": "200", **more}
    return CliRunner().invoke(main, shlex.split(line), env=env, input=given)


@functools.cache
def document() -> dict[str, Any]:
    """The API's document, as JSON has it."""
    found: dict[str, Any] = json.loads(json.dumps(bootstrap.openapi_document()))
    return found


def allowed(asked: Asked) -> bool:
    """Whether the API's document knows such a request, and takes its query and body."""
    for template, operations in document()["paths"].items():
        pattern = "/api/v1" + asked.path
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), pattern) and asked.method.lower() in operations:
            operation = operations[asked.method.lower()]
            queries = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
            assert asked.query.keys() <= queries, asked
            if asked.body is not None:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                whole = {**schema, "components": document()["components"]}
                jsonschema_rs.validator_for(whole).validate(asked.body)
            return True
    return False


def said(**decision: Any) -> dict[str, Any]:
    """The body of an approval."""
    return {"stages": ["prod"], "digest": {"prod": "sha256:now"}, "comment": "", **decision}


READ = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("line", "request_line", "body"),
    [
        ("issue approve 7", "POST /issues/7/approvals", said(decision="approve")),
        (
            f"issue approve 7 --stage prod --digest prod={READ} --comment ok",
            "POST /issues/7/approvals",
            said(decision="approve", digest={"prod": READ}, comment="ok"),
        ),
        ("issue reject 7 --comment no", "POST /issues/7/approvals", said(decision="reject", comment="no")),
        ("issue cancel 7", "POST /issues/7/cancel", None),
        ("issue reopen 7", "POST /issues/7/reopen", None),
        ("issue comment 7 Hm", "POST /issues/7/comments", {"body": "Hm"}),
        (
            (
                "issue create --project shop --title t --description d --release 4 --database 5 --database pg/a"
                " --label team=shop --label x="
            ),
            "POST /issues",
            {
                "project": "shop",
                "title": "t",
                "description": "d",
                "release": 4,
                "targets": {"databases": [5, "pg/a"]},
                "labels": {"team": "shop", "x": ""},
            },
        ),
        (
            "issue create --project shop --title t --statement 'SELECT 1' --environment dev --environment prod",
            "POST /issues",
            {
                "project": "shop",
                "title": "t",
                "statement": "SELECT 1",
                "targets": {"environments": ["dev", "prod"]},
            },
        ),
        (
            "issue create --project shop --title t --statement 'SELECT 1' --group shards",
            "POST /issues",
            {"project": "shop", "title": "t", "statement": "SELECT 1", "targets": {"group": "shards"}},
        ),
        ("task retry 3", "POST /tasks/3/retry", None),
        ("task cancel 3", "POST /tasks/3/cancel", None),
        ("task skip 3 --reason r", "POST /tasks/3/skip", {"reason": "r"}),
        (
            "task settle 3 --outcome not_applied --reason r",
            "POST /tasks/3/settle",
            {"outcome": "not_applied", "reason": "r"},
        ),
        (
            "task settle 3 --outcome applied --reason burnt --unreachable",
            "POST /tasks/3/settle",
            {"outcome": "applied", "reason": "burnt", "unreachable": True},
        ),
        (
            "promote --project shop --release 4 --to prod --title t --override urgent",
            "POST /promotions",
            {
                "project": "shop",
                "release": 4,
                "targets": {"environment": "prod"},
                "title": "t",
                "override": {"reason": "urgent"},
            },
        ),
        (
            "promote --project shop --release 4 --database 5 --database pg/a",
            "POST /promotions",
            {"project": "shop", "release": 4, "targets": {"databases": [5, "pg/a"]}},
        ),
        (
            "promote --project shop --from dev",
            "POST /promotions",
            {"project": "shop", "source": {"environment": "dev"}},
        ),
        ("promote --project shop --from pg/a", "POST /promotions", {"project": "shop", "source": {"database": "pg/a"}}),
        ("promote --project shop --from 12", "POST /promotions", {"project": "shop", "source": {"database": 12}}),
        (
            (
                "checks report 4 --environment dev --context ci/a --state failure --database pg/a --description d"
                " --url https://ci.example.com --commit abc --propagate"
            ),
            "POST /releases/4/statuses",
            {
                "environment": "dev",
                "context": "ci/a",
                "state": "failure",
                "database": "pg/a",
                "description": "d",
                "target_url": "https://ci.example.com",
                "commit": "abc",
                "propagate": True,
            },
        ),
        (
            "checks require ci/c --project shop --environment dev",
            "PUT /projects/shop/environments/dev/required-checks",
            {"contexts": ["ci/a", "ci/b", "ci/c"]},
        ),
        (
            "checks require ci/a --project shop --environment dev --required false",
            "PUT /projects/shop/environments/dev/required-checks",
            {"contexts": ["ci/b"]},
        ),
        (
            "token create build --service-account 5 --expires-in-days 7",
            "POST /auth/tokens",
            {"name": "build", "service_account": 5, "expires_in_days": 7},
        ),
        ("token revoke 5", "DELETE /auth/tokens/5", None),
        ("schema sync pg-dev", "POST /instances/pg-dev/sync", None),
        (
            f"schema diff pg/a {ANY['found']} --exit-code",
            "POST /schema-diffs",
            {"left": {"database": "pg/a"}, "right": {"snapshot": ANY["found"]}},
        ),
        ("schema diff 3 4 --ddl", "POST /schema-diffs", {"left": {"database": 3}, "right": {"database": 4}}),
        ("drift accept 5 --comment fine", "POST /drifts/5/accept", {"comment": "fine", "found": ANY["found"]}),
        (
            "drift ignore 5 --until 2027-01-31T12:00:00Z --comment later",
            "POST /drifts/5/ignore",
            {"comment": "later", "found": ANY["found"], "until": "2027-01-31T12:00:00Z"},
        ),
    ],
)
def test_what_is_changed(line: str, request_line: str, body: Any) -> None:
    with scripted(lambda asked: Answer(dict(ANY))) as server:
        done = typed(server, line)
    assert done.exit_code == 0, done.output
    last = server.asked[-1]
    assert (f"{last.method} {last.path}", last.body) == (request_line, body)
    assert all(allowed(asked) for asked in server.asked)
    assert last.headers["authorization"] == "Bearer pst_secret" and "pst_secret" not in done.output


@pytest.mark.parametrize(
    ("line", "request_line", "query"),
    [
        (
            "issue list --project shop --status open --author me --environment dev --waiting-for-me -q words --limit 7",
            "GET /issues",
            {
                "project": "shop",
                "status": "open",
                "author": "me",
                "environment": "dev",
                "waiting_for": "me",
                "q": "words",
                "page_size": "7",
            },
        ),
        ("release list --project shop", "GET /releases", {"project": "shop", "page_size": "50"}),
        (
            "checks list 4 --environment dev --history",
            "GET /releases/4/statuses",
            {"environment": "dev", "history": "true", "page_size": "200"},
        ),
        ("schema show pg/a", "GET /databases/pg%2Fa/schema", {}),
        (
            "drift list --project shop --database pg/a --status open",
            "GET /drifts",
            {"project": "shop", "database": "pg/a", "status": "open", "page_size": "200"},
        ),
        ("drift show 5", "GET /drifts/5", {}),
        ("task log 3 --run 9", "GET /runs/9/log", {"after": "0"}),
        ("task log 3", "GET /runs/8/log", {"after": "0"}),
        ("board --project shop", "GET /projects/shop/board", {}),
    ],
)
def test_what_is_read(line: str, request_line: str, query: dict[str, str]) -> None:
    with scripted(lambda asked: Answer(dict(ANY) | {"environments": []})) as server:
        done = typed(server, line)
        as_json = typed(server, f"{line} --json")
    assert (done.exit_code, as_json.exit_code) == (0, 0), done.output
    last = server.asked[-1]
    assert (f"{last.method} {last.path}", last.query) == (request_line, query)
    assert all(allowed(asked) for asked in server.asked)
    assert json.loads(as_json.stdout) is not None and as_json.stdout != done.stdout
    assert ("audit" in done.stdout) is (line == "schema show pg/a")


@pytest.mark.parametrize(
    "command", ["issue create --project shop --title t --release 4", "promote --project shop --release 4"]
)
def test_a_key_of_the_callers_goes_along(command: str) -> None:
    with scripted(lambda asked: Answer(dict(ANY))) as server:
        assert typed(server, f"{command} --key build-7").exit_code == 0
    assert server.asked[-1].headers["idempotency-key"] == "build-7"


def test_a_statement_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "up.sql").write_text("SELECT 'ä';\n")
    create = "issue create --project shop --title t --database 5 --statement"
    with scripted(lambda asked: Answer(dict(ANY))) as server:
        assert typed(server, f"{create} @{tmp_path}/up.sql").exit_code == 0
        missing = typed(server, f"{create} @{tmp_path}/missing.sql")
    assert [asked.body["statement"] for asked in server.asked] == ["SELECT 'ä';\n"]
    assert missing.exit_code == 2 and "cannot be read" in missing.stderr


@pytest.mark.parametrize(
    "line",
    [
        "issue create --title t --statement x",
        "issue create --project shop --title t --label nothing",
        "issue approve 7 --digest nothing",
        "issue watch 7 --timeout soon",
        "promote --project shop",
        "promote --project shop --release 4 --from dev",
        "promote --project shop --release 4 --to prod --database 5",
        "login a:b:c",
        "login https://x.example.com --paste --with-token",
    ],
)
def test_what_cannot_be_meant_is_exit_code_2_and_asks_nobody(line: str) -> None:
    with scripted(lambda asked: Answer(dict(ANY))) as server:
        assert typed(server, line).exit_code == 2
    assert server.asked == []


def test_there_is_nothing_to_approve() -> None:
    nothing = dict(ANY) | {"pipeline": {"stages": STAGES[1:]}}
    with scripted(lambda asked: Answer(nothing)) as server:
        done = typed(server, "issue approve 7")
    assert done.exit_code == 2 and server.lines() == ["GET /issues/7"]


def test_a_promotion_that_is_refused_is_exit_code_3_and_files_nothing() -> None:
    shown = {
        "source": "dev",
        "target": "prod",
        "release": 4,
        "allowed": False,
        "changes": [],
        "databases": [],
        "refusals": [{"message": "It is [bold]older[/bold]."}],
        "blockers": [],
    }
    with scripted(lambda asked: Answer(shown)) as server:
        done = typed(server, "promote --project shop --release 4 --dry-run")
    assert done.exit_code == 3 and "It is [bold]older[/bold]." in done.stdout
    assert server.lines() == ["POST /promotions/preview"]


def test_a_board_of_several_pages() -> None:
    def answer(asked: Asked) -> Answer:
        last = "page_token" in asked.query
        card = {"instance": "pg", "name": "b" if last else "a", "environment": "dev", "current": None, "coming": None}
        dev: Mapping[str, Any] = {"slug": "dev", "name": "Dev", "next": None, "promotable": []}
        return Answer({"items": [card], "next_page_token": None if last else "2", "environments": [dev]})

    with scripted(answer) as server:
        assert [card["name"] for card in json.loads(typed(server, "board --project shop --json").stdout)["items"]] == [
            "a",
            "b",
        ]


def _line(number: int) -> dict[str, Any]:
    return {"seq": number, "at": TIME, "level": "info", "text": f"line {number}"}


def test_a_stored_log_of_several_pages() -> None:
    def answer(asked: Asked) -> Answer:
        after = int(asked.query["after"])
        return Answer({"items": [_line(after + 1)] if after < 3 else [], "next_after": after + 1})

    with scripted(answer) as server:
        done = typed(server, "task log 3 --run 9")
    assert [text for text in done.stdout.split("\n") if text] == [f"{TIME} line {n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(("outcome", "code"), [("succeeded", 0), ("failed", 1), ("error", 1)])
def test_a_followed_log_outlives_a_restart_and_says_nothing_twice(
    outcome: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.cli.task._PAUSE_SECONDS", 0)
    streams = iter(
        [events(("1", "line", _line(1))), problem("unavailable", 503), events(("2", "line", _line(2)), ("", "end", {}))]
    )
    with scripted(
        lambda asked: next(streams) if asked.path.endswith("/log") else Answer({"outcome": outcome})
    ) as server:
        done = typed(server, "task log 3 --run 9 --follow")
    assert done.exit_code == code and done.stdout.splitlines() == [f"{TIME} line 1", f"{TIME} line 2"]
    assert [asked.headers.get("last-event-id") for asked in server.asked[:3]] == ["0", "1", "1"]


def test_a_token_that_goes_in_clear_text_is_worth_a_warning() -> None:
    with scripted(lambda asked: Answer(dict(ANY)), "0.0.0.0") as server:
        done = typed(server, "issue list")
        quiet = typed(server, "issue list", PENSTOCK_SERVER=server.url.replace("0.0.0.0", "127.0.0.1"))
    assert (done.exit_code, quiet.exit_code) == (0, 0)
    assert "is not encrypted" in done.stderr and quiet.stderr == ""


@pytest.mark.parametrize("token", ["", "pst_a b\x07", "pst_ä", "pst_\x1b[2J"])
def test_what_is_no_token_is_not_kept(token: str, tmp_path: Path) -> None:
    with scripted(lambda asked: Answer(dict(ANY))) as server:
        done = typed(server, f"login {server.url} --with-token", token + "\n", HOME=str(tmp_path), XDG_CONFIG_HOME="")
    assert done.exit_code == 2 and server.asked == [] and not (tmp_path / ".config").exists()


@pytest.mark.parametrize(
    ("typed_", "seconds"), [("90", 90), ("90s", 90), ("30m", 1_800), ("2h", 7_200), ("1d", 86_400)]
)
def test_durations(typed_: str, seconds: float) -> None:
    assert Seconds().convert(typed_, None, None) == seconds


def test_an_issue_file_is_rendered_without_a_server(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1;")
    (tmp_path / "issue.yaml").write_text("project: shop\ntitle: t\nfile: a.sql\n")
    whole = {"project": "shop", "title": "t", "statement": "SELECT 1;"}
    rendered = CliRunner().invoke(main, ["issue", "render", str(tmp_path / "issue.yaml")])
    assert json.loads(rendered.stdout) == whole
    as_yaml = CliRunner().invoke(main, ["issue", "render", str(tmp_path / "issue.yaml"), "--as", "yaml"])
    assert as_yaml.stdout == "project: shop\ntitle: t\nstatement: SELECT 1;\n"
    schema = json.loads(CliRunner().invoke(main, ["issue", "json-schema"]).stdout)
    assert jsonschema_rs.validator_for(schema).is_valid(whole)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_for_this_program(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0 and f"_PENSTOCK_COMPLETE={shell}_complete" in done.stdout
    asked = {"_PENSTOCK_COMPLETE": "bash_complete", "COMP_WORDS": "penstock iss", "COMP_CWORD": "1"}
    assert "issue" in CliRunner().invoke(main, [], prog_name="penstock", env=asked).output
