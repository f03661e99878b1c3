"""``penstock promote`` and ``board``: releases on their way through the environments."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penstock.cli.issue import waiting, watch_issue
from penstock.cli.remote.client import BLOCKED, Json
from penstock.cli.remote.command import Session, asks_server, blocked, usage


@click.command()
@click.option("--project", required=True, help="Slug of the project.")
@click.option("--release", type=int, help="Number of the release; else what the source has now.")
@click.option("--from", "source", metavar="ENVIRONMENT|DATABASE", help="Where it comes from; a database is inst/name.")
@click.option("--to", "target", help="Environment where it goes; the next one if absent.")
@click.option("--database", "databases", multiple=True, help="Only these databases; again for several.")
@click.option("--title", help="Title of the issue.")
@click.option("--override", metavar="REASON", help="Let errors of required status checks pass, with a reason.")
@click.option("--dry-run", is_flag=True, help="Show what would run and what stands against it, and file nothing.")
@click.option("--key", help="Idempotency key: a job that runs twice with the same one files one issue.")
@click.option("--wait", is_flag=True, help="Watch the issue until it has ended, and exit with its result.")
@waiting
@asks_server
def promote(
    session: Session,
    dry_run: bool,
    key: str | None,
    wait: bool,
    timeout: float | None,
    stop_when_blocked: bool,
    **said: Any,
) -> None:
    """Move a release to the next environment, as it is: files an issue that is reviewed and gated like any other."""
    body = _body(**said)
    if dry_run:
        found = session.remote.post("/promotions/preview", body)
        session.show(found, lambda console: _print_preview(console, found))
        if not found["allowed"]:
            raise SystemExit(BLOCKED)
        return
    made = session.remote.create("/promotions", body, key=key)
    if not session.as_json:
        link = f"{session.remote.profile.url}/issues/{made['issue']}"
        session.console.print(f"[green]✓[/green] Issue {made['issue']} moves release {made['release']}: {link}")
    if wait:
        issue = session.remote.get(f"/issues/{made['issue']}")
        watch_issue(session, issue, timeout=timeout, stop_when_blocked=stop_when_blocked)
    elif session.as_json:
        session.show(made, lambda _: None)


def _body(
    project: str,
    release: int | None,
    source: str | None,
    target: str | None,
    databases: tuple[str, ...],
    title: str | None,
    override: str | None,
) -> Json:
    if (release is None) == (source is None):
        raise usage("Say what to move: either --release, or --from an environment or a database.")
    if target is not None and databases:
        raise usage("Say where it goes: either --to an environment, or --database.")
    body: Json = {"project": project}
    if release is not None:
        body["release"] = release
    if source is not None:
        body["source"] = {"database": reference(source)} if _is_database(source) else {"environment": source}
    if target is not None:
        body["targets"] = {"environment": target}
    if databases:
        body["targets"] = {"databases": [reference(each) for each in databases]}
    if title is not None:
        body["title"] = title
    if override is not None:
        body["override"] = {"reason": override}
    return body


def _is_database(name: str) -> bool:
    return name.isdigit() or "/" in name


def reference(database: str) -> int | str:
    """A database as the API takes it: its number, or ``instance/name``."""
    return int(database) if database.isdigit() else database


def _print_preview(console: Console, found: Json) -> None:
    way = f"{found['source'] or '?'} → {found['target'] or '?'}"
    console.print(f"[bold]Release {found['release'] or '?'}[/bold]  {escape(way)}")
    for refusal in found["refusals"]:
        console.print(f"  [red]✗[/red] {escape(refusal['message'])}")
    for change in found["changes"]:
        if change["pending"]:
            version, name = escape(change["version"]), escape(change["name"])
            console.print(f"  {version}  {name} [dim]on {change['pending']} database(s)[/dim]")
    for database in found["databases"]:
        place = escape(f"{database['instance']}/{database['name']}")
        console.print(f"  {place}: {database['pending']} change(s)")
    for blocker in found["blockers"]:
        console.print(f"  [yellow]●[/yellow] {escape(blocked(blocker))}")


@click.command()
@click.option("--project", required=True, help="Slug of the project.")
@asks_server
def board(session: Session, project: str) -> None:
    """Show which release every database has, and what could be promoted."""
    path = f"/projects/{quote(project, safe='')}/board"
    first = session.remote.get(path)
    token = first["next_page_token"]
    items = first["items"]
    while token is not None:
        page = session.remote.get(path, page_token=token)
        items, token = items + page["items"], page["next_page_token"]
    found = {**first, "items": items, "next_page_token": None}

    def lines(console: Console) -> None:
        if not items:
            console.print("The project has no databases yet.")
        for environment in found["environments"]:
            console.print(f"[bold]{escape(environment['name'])}[/bold] [dim]{escape(environment['slug'])}[/dim]")
            table = Table("", "release", "", box=None, show_header=False)
            for card in (each for each in items if each["environment"] == environment["slug"]):
                current = card["current"]
                release = f"{current['version']} (release {current['release']})" if current else "nothing yet"
                coming = f"issue {card['coming']['issue']} is coming" if card["coming"] else ""
                table.add_row(escape(f"  {card['instance']}/{card['name']}"), escape(release), escape(coming))
            console.print(table)
            for news in environment["promotable"]:
                to = escape(environment["next"] or "")
                command = f"penstock promote --project {project} --release {news['release']}"
                where = f"[green]▲[/green] release {news['release']} is missing on {news['missing']} in {to}"
                console.print(f"  {where}: [dim]{escape(command)}[/dim]")

    session.show(found, lines)
