"""``penstock token``: access tokens of one's own, and of service accounts."""

from __future__ import annotations

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penstock.cli.remote.command import Session, asks_server


@click.group()
def token() -> None:
    """Access tokens, for CI and scripts."""


@token.command()
@click.argument("name")
@click.option("--service-account", type=int, help="Number of the service account that it is for; else yourself.")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), default=90, show_default=True)
@asks_server
def create(session: Session, name: str, service_account: int | None, expires_in_days: int) -> None:
    """Make a token; it is shown this once."""
    body = {"name": name, "service_account": service_account, "expires_in_days": expires_in_days}
    made = session.remote.create("/auth/tokens", body)
    session.show(made, lambda _: click.echo(made["token"]))


@token.command("list")
@asks_server
def list_tokens(session: Session) -> None:
    """List tokens, without what makes them work."""
    found = list(session.remote.items("/auth/tokens"))

    def lines(console: Console) -> None:
        if not found:
            console.print("No tokens. Make one: penstock token create NAME")
            return
        table = Table("", "name", "owner", "expires", "last used", box=None, header_style="dim")
        for each in found:
            shown = (
                each["id"],
                each["name"],
                each["owner"]["name"],
                each["expires_at"] or "never",
                each["last_used_at"],
            )
            table.add_row(*(escape(str(value or "never")) for value in shown))
        console.print(table)

    session.show(found, lines)


@token.command()
@click.argument("number", type=int)
@asks_server
def revoke(session: Session, number: int) -> None:
    """Revoke a token: whatever uses it is refused from now on."""
    session.remote.delete(f"/auth/tokens/{number}")
    session.say({"id": number, "revoked": True}, f"[green]✓[/green] Token {number} is revoked.")
