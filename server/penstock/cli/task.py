"""``penstock task``: one operation on one database: its log, and what a person may do about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import rich_click as click
from rich.console import Console
from rich.markup import escape

from penstock.cli.remote.client import FAILED, Json, RemoteError
from penstock.cli.remote.command import Session, asks_server, blocked, usage
from penstock.cli.remote.follow import coloured

_PAUSE_SECONDS: Final = 2.0  # between two streams of a log
_LEVELS: Final = {"error": "red", "warning": "yellow", "debug": "dim"}


@click.group()
def task() -> None:
    """Tasks: look at one, read its log, retry, skip, cancel, settle."""


@task.command()
@click.argument("number", type=int)
@asks_server
def show(session: Session, number: int) -> None:
    """Show a task: its changes, its failure, what it waits for."""
    found = session.remote.get(f"/tasks/{number}")
    session.show(found, lambda console: _print(console, found))


def _print(console: Console, found: Json) -> None:
    place = f"{found['instance']}/{found['database']}" if found["database"] else found["instance"]
    console.print(f"[bold]Task {found['id']} {escape(found['name'])}[/bold] on {escape(place)}")
    console.print(f"{coloured(found['status'])}, attempt {found['attempts']}")
    for blocker in found["blockers"]:
        console.print(f"  [yellow]●[/yellow] {escape(blocked(blocker))}")
    for change in found["changes"]:
        console.print(f"  {escape(change['version'])}: {escape(change['state'])}")
    if failure := found["failure"]:
        line = f" (line {failure['line']})" if failure["line"] else ""
        console.print(f"[red]✗[/red] {escape(failure['message'])}{line}")
        if failure["hint"]:
            console.print(f"  → {escape(failure['hint'])}")


def _simple(name: str, done: str, help_text: str) -> None:
    @task.command(name, help=help_text)
    @click.argument("number", type=int)
    @asks_server
    def command(session: Session, number: int) -> None:
        answer = session.remote.post(f"/tasks/{number}/{name}")
        session.say(answer, f"[green]✓[/green] Task {number} {done}.")


_simple("retry", "waits to run again", "Run a failed or canceled task again; gates are asked again.")
_simple("cancel", "is being canceled", "Cancel a task; what runs in the database is stopped, and its end reported.")


@task.command()
@click.argument("number", type=int)
@click.option("--reason", required=True)
@asks_server
def skip(session: Session, number: int, reason: str) -> None:
    """Pass a task over for good, with a reason."""
    answer = session.remote.post(f"/tasks/{number}/skip", {"reason": reason})
    session.say(answer, f"[green]✓[/green] Task {number} is skipped.")


@task.command()
@click.argument("number", type=int)
@click.option(
    "--outcome", type=click.Choice(["applied", "not_applied"]), required=True, help="What the database shows."
)
@click.option("--reason", required=True, help="How you know.")
@click.option("--unreachable", is_flag=True, help="The database is gone for good, for ten minutes at least.")
@asks_server
def settle(session: Session, number: int, outcome: str, reason: str, unreachable: bool) -> None:
    """Say whether a change of unknown outcome is in the database."""
    body = {"outcome": outcome, "reason": reason} | ({"unreachable": True} if unreachable else {})
    answer = session.remote.post(f"/tasks/{number}/settle", body)
    session.say(answer, f"[green]✓[/green] Task {number} is settled as {outcome}.")


@task.command()
@click.argument("number", type=int)
@click.option("--run", "run", type=int, help="Number of an attempt's run; the latest if absent.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends; exit with 1 when it fails.")
@asks_server
def log(session: Session, number: int, run: int | None, follow: bool) -> None:
    """Print the log of a task's run."""
    if run is None:
        run = session.remote.get(f"/tasks/{number}")["latest_run"]
        if run is None:
            raise usage(f"Task {number} has not run yet.")
    if session.as_json and not follow:
        lines = list(_stored(session, run))
        session.show(lines, lambda _: None)
        return
    for line in _followed(session, run) if follow else _stored(session, run):
        _print_line(session, line)
    if follow and session.remote.get(f"/runs/{run}")["outcome"] not in ("succeeded", None):
        raise SystemExit(FAILED)


def _stored(session: Session, run: int) -> Iterator[Json]:
    after = 0
    while True:
        page = session.remote.get(f"/runs/{run}/log", after=after)
        yield from page["items"]
        if not page["items"]:
            return
        after = page["next_after"]


def _followed(session: Session, run: int) -> Iterator[Json]:
    """Lines until the run ends, over as many streams as it takes; a server that restarts is asked again."""
    after = 0
    while True:
        try:
            for position, name, line in session.remote.stream(f"/runs/{run}/log", after=after):
                if name == "end":
                    return
                if name == "line":
                    after = int(position)
                    yield line
        except RemoteError as error:
            if not error.passing:
                raise
        time.sleep(_PAUSE_SECONDS)


def _print_line(session: Session, line: dict[str, Any]) -> None:
    if session.as_json:
        session.console.print_json(data=line, indent=None)
        return
    colour = _LEVELS.get(line["level"])
    text = escape(line["text"])
    session.console.print(f"[dim]{line['at']}[/dim] " + (f"[{colour}]{text}[/{colour}]" if colour else text))
