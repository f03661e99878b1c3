"""``penstock schema``: what databases look like, as last read, and reading them again."""

from __future__ import annotations

from urllib.parse import quote

import rich_click as click
from rich.console import Console
from rich.markup import escape

from penstock.cli.remote.command import Session, asks_server
from penstock.cli.remote.yaml import dumps


@click.group()
def schema() -> None:
    """Schemas of databases."""


@schema.command()
@click.argument("database")
@asks_server
def show(session: Session, database: str) -> None:
    """Show the schema of DATABASE, an id or instance/name, as last read."""
    found = session.remote.get(f"/databases/{quote(database, safe='')}/schema")

    def lines(console: Console) -> None:
        console.print(f"[dim]read at {found['synced_at']}, {found['fingerprint']}[/dim]")
        console.print(escape(dumps(found["schemas"])), end="")

    session.show(found, lines)


@schema.command()
@click.argument("instance")
@asks_server
def sync(session: Session, instance: str) -> None:
    """Read all schemas of INSTANCE again."""
    started = session.remote.post(f"/instances/{quote(instance, safe='')}/sync")
    session.say(started, f"[green]✓[/green] Reading {escape(instance)}: pipeline {started['pipeline']}.")
