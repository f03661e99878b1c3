"""``penstock checks``: what other systems say of a release, and what is required of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penstock.cli.promote import reference
from penstock.cli.remote.command import Session, asks_server

_COLOURS = {"success": "green", "failure": "red", "error": "red", "pending": "yellow", "missing": "yellow"}


@click.group()
def checks() -> None:
    """Status checks: report, look, require."""


@checks.command()
@click.argument("release", type=int)
@click.option("--environment", required=True, help="Where the release was looked at.")
@click.option("--database", help="Only of this one: id or instance/name; else of all of them there.")
@click.option("--context", required=True, help='Who says it: "system_type/unique_name".')
@click.option("--state", required=True, type=click.Choice(["pending", "success", "failure", "error"]))
@click.option("--description", default="", help="In a few words.")
@click.option("--url", "target_url", help="Where to read more.")
@click.option("--commit", help="Commit that it is sent on for; that of the release if absent.")
@click.option("--propagate", is_flag=True, help="Send it on to the commit.")
@asks_server
def report(session: Session, release: int, database: str | None, **said: Any) -> None:
    """Say how RELEASE does in an environment; saying it again updates it."""
    body = {name: value for name, value in said.items() if value not in (None, "", False)}
    if database is not None:
        body["database"] = reference(database)
    made = session.remote.create(f"/releases/{release}/statuses", body)
    line = f"[green]✓[/green] {escape(made['context'])} is {_coloured(made['state'])} for release {release}."
    session.say(made, line)


@checks.command("list")
@click.argument("release", type=int)
@click.option("--environment", help="Only there.")
@click.option("--history", is_flag=True, help="Everything that was ever said, not only the latest.")
@asks_server
def list_checks(session: Session, release: int, environment: str | None, history: bool) -> None:
    """List what was said of RELEASE, newest first."""
    path = f"/releases/{release}/statuses"
    found = list(session.remote.items(path, environment=environment, history="true" if history else None))

    def lines(console: Console) -> None:
        if not found:
            console.print("Nobody has reported anything yet: penstock checks report --help")
            return
        table = Table("context", "where", "state", "", box=None, header_style="dim")
        for each in found:
            place = each["environment"] + (f" {each['database']}" if each["database"] else "")
            cells = (escape(each["context"]), escape(place), _coloured(each["state"]), escape(each["description"]))
            table.add_row(*cells)
        console.print(table)

    session.show(found, lines)


@checks.command()
@click.argument("context")
@click.option("--project", required=True, help="Slug of the project.")
@click.option("--environment", required=True, help="That a release cannot leave without it.")
@click.option("--required", type=bool, default=True, show_default=True, help="false lifts it.")
@asks_server
def require(session: Session, context: str, project: str, environment: str, required: bool) -> None:
    """Have releases leave an environment only while CONTEXT is green."""
    where = f"/projects/{quote(project, safe='')}/environments/{quote(environment, safe='')}/required-checks"
    now = session.remote.get(where)["contexts"]
    wanted = sorted({*now, context}) if required else [each for each in now if each != context]
    made = session.remote.put(where, {"contexts": wanted})
    word = "is required" if required else "is not required any more"
    session.say(made, f"[green]✓[/green] {escape(context)} {word} in {escape(environment)}.")


def _coloured(state: str) -> str:
    colour = _COLOURS.get(state)
    return f"[{colour}]{state}[/{colour}]" if colour else escape(state)
