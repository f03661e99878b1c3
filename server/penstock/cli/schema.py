"""``penstock schema``: what databases look like, as last read, what differs between them, and reading them again."""

from __future__ import annotations

from urllib.parse import quote

import rich_click as click
from rich.console import Console
from rich.markup import escape

from penstock.cli.remote.client import FAILED
from penstock.cli.remote.command import Session, asks_server, warn
from penstock.cli.remote.yaml import dumps
from penstock.cli.schema_diff import lines, side


@click.group()
def schema() -> None:
    """Schemas of databases."""


@schema.command()
@click.argument("database")
@asks_server
def show(session: Session, database: str) -> None:
    """Show the schema of DATABASE, an id or instance/name, as last read."""
    found = session.remote.get(f"/databases/{quote(database, safe='')}/schema")

    def yaml(console: Console) -> None:
        console.print(f"[dim]read at {found['synced_at']}, {found['fingerprint']}[/dim]")
        console.print(escape(dumps(found["schemas"])), end="")

    session.show(found, yaml)


@schema.command()
@click.argument("instance")
@asks_server
def sync(session: Session, instance: str) -> None:
    """Read all schemas of INSTANCE again."""
    started = session.remote.post(f"/instances/{quote(instance, safe='')}/sync")
    session.say(started, f"[green]✓[/green] Reading {escape(instance)}: pipeline {started['pipeline']}.")


@schema.command()
@click.argument("left")
@click.argument("right")
@click.option("--ddl", is_flag=True, help="Print the DDL that makes LEFT like RIGHT, and nothing else.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when they differ.")
@asks_server
def diff(session: Session, left: str, right: str, ddl: bool, exit_code: bool) -> None:
    """Compare two schemas as last read: what has to change on LEFT, for it to be like RIGHT. Each is a database, by its
    id or as instance/name, or a snapshot by its fingerprint."""
    found = session.remote.post("/schema-diffs", {"left": side(left), "right": side(right)})

    def people(console: Console) -> None:
        if ddl:
            click.echo(found["ddl"], nl=False)
            if found["unrendered"]:
                warn(f"{found['unrendered']} of the changes cannot be written as DDL.")
            return
        for line in lines(found):
            console.print(line)

    session.show(found, people)
    if exit_code and not found["equal"]:
        raise SystemExit(FAILED)
