"""``penstock drift``: databases that are not as they are expected to be, and what is to be said of them."""

from __future__ import annotations

from typing import Any, Final

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penstock.cli.remote.command import Session, asks_server

_SIGNS: Final = {"added": "[green]+[/green]", "removed": "[red]-[/red]", "changed": "[yellow]~[/yellow]"}
_COLOURS: Final = {"open": "red", "ignored": "yellow", "accepted": "green", "ended": "dim"}
_LONGEST: Final = 80


@click.group()
def drift() -> None:
    """Databases that are not as Penstock left them."""


@drift.command("list")
@click.option("--project", help="Slug: only of its databases.")
@click.option("--database", help="Only of this one: id or instance/name.")
@click.option("--status", type=click.Choice(["open", "ignored", "accepted", "ended"]), help="Only those.")
@asks_server
def list_drifts(session: Session, project: str | None, database: str | None, status: str | None) -> None:
    """List drifts, newest first."""
    found = list(session.remote.items("/drifts", project=project, database=database, status=status))

    def lines(console: Console) -> None:
        if not found:
            console.print("No database has drifted, as far as syncs have seen.")
            return
        table = Table("id", "status", "database", "environment", "changes", "since", box=None, header_style="dim")
        for each in found:
            cells = (f"{each['instance']}/{each['database_name']}", each["environment"], _counts(each["changes"]))
            since = str(each["first_seen_at"])
            table.add_row(str(each["id"]), _coloured(each["status"]), *map(escape, cells), escape(since))
        console.print(table)

    session.show(found, lines)


@drift.command()
@click.argument("drift", type=int)
@asks_server
def show(session: Session, drift: int) -> None:
    """Show DRIFT: everything that is not as expected."""
    found = session.remote.get(f"/drifts/{drift}")

    def lines(console: Console) -> None:
        console.print(f"{escape(found['instance'])}/{escape(found['database_name'])}  {_coloured(found['status'])}")
        console.print(f"[dim]first seen {found['first_seen_at']}, last seen {found['last_seen_at']}[/dim]")
        if found["decided_by"]:
            said = f"{found['decided_by']['name']}: {found['comment']}" if found["comment"] else "no comment"
            console.print(f"[dim]{escape(said)}[/dim]")
        for change in found["diff"]:
            for line in _change(change):
                console.print(line)

    session.show(found, lines)


@drift.command()
@click.argument("drift", type=int)
@click.option("--comment", default="", help="Why it is fine.")
@asks_server
def accept(session: Session, drift: int, comment: str) -> None:
    """Expect the database of DRIFT to be as it is now."""
    seen = session.remote.get(f"/drifts/{drift}")
    made = session.remote.post(f"/drifts/{drift}/accept", {"comment": comment, "found": seen["found"]})
    where = f"{made['instance']}/{made['database_name']}"
    session.say(made, f"[green]✓[/green] {escape(where)} is expected to be as it is.")


@drift.command()
@click.argument("drift", type=int)
@click.option("--until", help="A time, such as 2027-01-31T12:00:00Z; until it changes again if absent.")
@click.option("--comment", default="", help="Why it may wait.")
@asks_server
def ignore(session: Session, drift: int, until: str | None, comment: str) -> None:
    """Leave DRIFT as it is until the database changes again, or until a time."""
    seen = session.remote.get(f"/drifts/{drift}")
    body = {"comment": comment, "found": seen["found"]} | ({"until": until} if until else {})
    made = session.remote.post(f"/drifts/{drift}/ignore", body)
    when = f" or {made['ignored_until']}" if made["ignored_until"] else ""
    where = f"{made['instance']}/{made['database_name']}"
    session.say(made, f"[green]✓[/green] The drift of {escape(where)} is ignored until it changes again{escape(when)}.")


def _counts(changes: dict[str, int] | None) -> str:
    if changes is None:
        return "…"
    return f"+{changes['added']} -{changes['removed']} ~{changes['changed']}"


def _change(change: dict[str, Any]) -> list[str]:
    name = ".".join(change["path"])
    what = f"{_SIGNS[change['kind']]} {change['type'].replace('_', ' ')} {escape(name)}".rstrip()
    if change["kind"] != "changed":
        return [what]
    before, after = change["before"] or {}, change["after"] or {}
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return [what, *(f"    {escape(k)}: {_value(before.get(k))} → {_value(after.get(k))}" for k in keys)]


def _value(value: Any) -> str:
    text = "–" if value is None else str(value)
    return escape(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def _coloured(status: str) -> str:
    return f"[{_COLOURS[status]}]{status}[/{_COLOURS[status]}]"
