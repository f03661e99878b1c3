"""``penstock issue``: file, watch, approve, cancel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penstock.cli.issue_schema import issue_schema
from penstock.cli.remote.client import Json
from penstock.cli.remote.command import Session, asks_server, blocked, usage
from penstock.cli.remote.follow import Bars, Lines, Outcome, coloured, follow
from penstock.cli.remote.issue_file import IssueFileError, read
from penstock.cli.remote.yaml import dumps

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.group()
def issue() -> None:
    """Issues: file a change, see what it waits for, approve it, watch it run."""


class Seconds(click.ParamType[float]):
    """A duration: ``90``, ``30m``, ``2h``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Its seconds."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]{1,7})([smhd]?)", value)
        if found is None:
            self.fail(f"{value!r} is no duration; write 90s, 30m, 2h or 1d.", param, ctx)
        return float(int(found[1]) * _UNITS[found[2] or "s"])


def waiting(function: Any) -> Any:
    """Options of commands that watch an issue."""
    function = click.option("--timeout", type=Seconds(), help="Stop watching after this long (exit code 3).")(function)
    return click.option(
        "--stop-when-blocked", is_flag=True, help="Stop watching when only a person can go on (exit code 3)."
    )(function)


@issue.command()
@click.option(
    "--file", "-f", "file", type=click.Path(path_type=Path, dir_okay=False), help="The issue as YAML or JSON."
)
@click.option("--project", help="Slug of the project.")
@click.option("--title", help="One line that says what it is for.")
@click.option("--description", help="Why, in Markdown.")
@click.option("--statement", help="SQL; @FILE reads it from a file.")
@click.option("--release", type=int, help="Number of a release that exists already.")
@click.option("--database", "databases", multiple=True, help="Where: id or instance/name; again for several.")
@click.option("--environment", "environments", multiple=True, help="Where: every database of the project there.")
@click.option("--group", help="Where: every database of this group.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Again for several.")
@click.option("--key", help="Idempotency key: a job that runs twice with the same one files one issue.")
@click.option("--wait", is_flag=True, help="Watch until it has ended, and exit with its result.")
@waiting
@asks_server
def create(
    session: Session,
    file: Path | None,
    key: str | None,
    wait: bool,
    timeout: float | None,
    stop_when_blocked: bool,
    **said: Any,
) -> None:
    """File an issue: from a file, from options, or both; options win."""
    body = _body(file, said)
    made = session.remote.create("/issues", body, key=key)
    link = f"{session.remote.profile.url}/issues/{made['id']}"
    if not session.as_json:
        session.console.print(f"[green]✓[/green] Filed issue {made['id']}: {link}")
    if wait:
        watch_issue(session, made, timeout=timeout, stop_when_blocked=stop_when_blocked)
    elif session.as_json:
        click.echo(json.dumps(made, indent=2, ensure_ascii=False))


@issue.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--as", "form", type=click.Choice(["yaml", "json"]), default="json", show_default=True)
def render(file: Path, form: str) -> None:
    """Print what FILE would file, with everything in its place; needs no server."""
    try:
        body = read(file)
    except IssueFileError as error:
        raise usage(str(error)) from error
    click.echo(dumps(body) if form == "yaml" else json.dumps(body, indent=2, ensure_ascii=False), nl=form == "json")


@issue.command("json-schema")
def json_schema() -> None:
    """Print the JSON Schema of issue files, for editors; needs no server."""
    click.echo(json.dumps(issue_schema(), indent=2, ensure_ascii=False))


def _body(file: Path | None, said: dict[str, Any]) -> Json:
    try:
        body: Json = read(file) if file is not None else {}
    except IssueFileError as error:
        raise usage(str(error)) from error
    for word in ("project", "title", "description", "release"):
        if said[word] is not None:
            body[word] = said[word]
    if said["statement"] is not None:
        body["statement"] = _statement(said["statement"])
    targets = {
        "databases": [int(each) if each.isdigit() else each for each in said["databases"]],
        "environments": list(said["environments"]),
        "group": said["group"],
    }
    if any(targets.values()):
        body["targets"] = {kind: value for kind, value in targets.items() if value}
    if said["labels"]:
        body["labels"] = {**body.get("labels", {}), **dict(map(_label, said["labels"]))}
    missing = [word for word in ("project", "title") if word not in body]
    if missing:
        raise usage(f"Missing: {', '.join('--' + word for word in missing)} (or {' and '.join(missing)} in --file).")
    return body


def _statement(given: str) -> str:
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{given[1:]} cannot be read: {error}") from error


def _label(given: str) -> tuple[str, str]:
    name, is_pair, value = given.partition("=")
    if not is_pair or not name:
        raise usage(f"{given!r} is no label; write KEY=VALUE.")
    return name, value


@issue.command("list")
@click.option("--project")
@click.option("--status", type=click.Choice(["open", "done", "canceled"]))
@click.option("--author", help="E-mail address, or me.")
@click.option("--environment")
@click.option("--waiting-for-me", is_flag=True)
@click.option("--query", "-q", "q", help="Words of the title.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@asks_server
def list_issues(session: Session, limit: int, waiting_for_me: bool, **filters: Any) -> None:
    """List issues, newest first."""
    found = list(session.remote.items("/issues", limit=limit, waiting_for="me" if waiting_for_me else None, **filters))

    def lines(console: Console) -> None:
        if not found:
            console.print("No issues here. File one: penstock issue create --help")
            return
        table = Table("", "project", "title", "result", "waits for", box=None, header_style="dim")
        for each in found:
            waits = ", ".join(each["waiting_for"])
            shown = map(escape, (f"#{each['id']}", each["project"], each["title"]))
            table.add_row(*shown, coloured(each["result"]), escape(waits))
        console.print(table)

    session.show(found, lines)


@issue.command()
@click.argument("number", type=int)
@asks_server
def show(session: Session, number: int) -> None:
    """Show an issue: its stages, and what each waits for."""
    found = session.remote.get(f"/issues/{number}")
    session.show(found, lambda console: print_issue(console, found))


def print_issue(console: Console, found: Json) -> None:
    """An issue for people."""
    console.print(f"[bold]#{found['id']} {escape(found['title'])}[/bold]  {escape(found['project'])}")
    print_pipeline(console, found["pipeline"])


def print_pipeline(console: Console, pipeline: Json) -> None:
    """A pipeline for people: its result, its stages, what they wait for."""
    console.print(coloured(pipeline["result"]))
    for stage in pipeline["stages"]:
        counts = stage["counts"]
        parts = ", ".join(f"{counts[word]} {word}" for word in counts if word != "total" and counts[word])
        name = escape(stage["name"])
        console.print(f"  {name} ({escape(stage['environment'])}): {coloured(stage['status'])} [dim]{parts}[/dim]")
        for blocker in stage["blockers"]:
            console.print(f"    [yellow]●[/yellow] {escape(blocked(blocker))}")


@issue.command()
@click.argument("number", type=int)
@waiting
@asks_server
def watch(session: Session, number: int, timeout: float | None, stop_when_blocked: bool) -> None:
    """Watch an issue until it has ended, and exit with its result."""
    found = session.remote.get(f"/issues/{number}")
    watch_issue(session, found, timeout=timeout, stop_when_blocked=stop_when_blocked)


def watch_issue(session: Session, found: Json, *, timeout: float | None, stop_when_blocked: bool) -> None:
    """Watch an issue until it has ended, and end the process with its result if that is not success."""
    number = found["pipeline"]["id"]
    console = Console(stderr=True, highlight=False, soft_wrap=True) if session.as_json else session.console
    if console.is_terminal:
        with Bars(console) as bars:
            outcome = follow(session.remote, number, bars, seconds=timeout, stop_when_blocked=stop_when_blocked)
    else:
        outcome = follow(session.remote, number, Lines(console), seconds=timeout, stop_when_blocked=stop_when_blocked)
    if session.as_json:
        click.echo(json.dumps(session.remote.get(f"/issues/{found['id']}"), indent=2, ensure_ascii=False))
    else:
        print_pipeline(console, outcome.pipeline)
        _print_failures(session, outcome)
    if outcome.exit_code:
        raise SystemExit(outcome.exit_code)


def _print_failures(session: Session, outcome: Outcome) -> None:
    if outcome.pipeline["result"] not in ("failed", "error"):
        return
    failed = session.remote.items(f"/pipelines/{outcome.pipeline['id']}/tasks", status="failed", limit=10)
    for task in failed:
        failure = task["failure"] or {}
        place = f"{task['instance']}/{task['database']}" if task["database"] else task["instance"]
        message = escape(str(failure.get("message", "failed")))
        console = session.console
        console.print(f"[red]✗[/red] {escape(task['stage'])} · {escape(place)}: {message}")
        console.print(f"    [dim]penstock task log {task['id']}[/dim]")


@issue.command()
@click.argument("number", type=int)
@click.option("--stage", "stages", multiple=True, help="A stage by name; again for several; else all that you may.")
@click.option("--digest", "digests", multiple=True, metavar="STAGE=DIGEST", help="Approve only what you have read.")
@click.option("--comment", default="", help="Anything to say.")
@asks_server
def approve(session: Session, number: int, stages: tuple[str, ...], digests: tuple[str, ...], comment: str) -> None:
    """Approve stages of an issue, as they are now."""
    _decide(session, number, "approve", stages, dict(map(_label, digests)), comment)


@issue.command()
@click.argument("number", type=int)
@click.option("--stage", "stages", multiple=True, help="A stage by name; again for several; else all that you may.")
@click.option("--comment", required=True, help="What should change.")
@asks_server
def reject(session: Session, number: int, stages: tuple[str, ...], comment: str) -> None:
    """Ask for changes."""
    _decide(session, number, "reject", stages, {}, comment)


def _decide(
    session: Session, number: int, decision: str, stages: tuple[str, ...], digests: dict[str, str], comment: str
) -> None:
    seen = session.remote.get(f"/issues/{number}")
    wanted = list(stages) or [each["name"] for each in seen["pipeline"]["stages"] if decision in each["actions"]]
    if not wanted:
        raise usage(f"There is no stage of issue {number} that waits for you to {decision} it.")
    now = {each["name"]: each["digest"] for each in seen["pipeline"]["stages"] if each["name"] in wanted}
    body = {"stages": wanted, "digest": {**now, **digests}, "decision": decision, "comment": comment}
    done = session.remote.post(f"/issues/{number}/approvals", body)
    word = "Approved" if decision == "approve" else "Asked for changes of"
    session.say(done, f"[green]✓[/green] {word} {escape(', '.join(wanted))} of issue {number}.")


def _simple(name: str, done: str, help_text: str) -> None:
    @issue.command(name, help=help_text)
    @click.argument("number", type=int)
    @asks_server
    def command(session: Session, number: int) -> None:
        answer = session.remote.post(f"/issues/{number}/{name}")
        session.say(answer, f"[green]✓[/green] Issue {number} {done}.")


_simple("cancel", "is canceled", "Cancel an issue: nothing further starts; what runs is stopped.")
_simple("reopen", "is open again", "Reopen a canceled issue.")


@issue.command()
@click.argument("number", type=int)
@click.argument("text")
@asks_server
def comment(session: Session, number: int, text: str) -> None:
    """Say something on an issue."""
    answer = session.remote.create(f"/issues/{number}/comments", {"body": text})
    session.say(answer, f"[green]✓[/green] Said on issue {number}.")
