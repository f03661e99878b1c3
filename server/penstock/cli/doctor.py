"""``penstock doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Final

import rich_click as click
from rich.console import Console
from rich.markup import escape

from penstock import bootstrap
from penstock.services.doctor import Check
from penstock.settings import Settings, SettingsError

_MARKS: Final = {"ok": "[green]✓[/green]", "warning": "[yellow]![/yellow]", "error": "[red]✗[/red]"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines for people.")
def doctor(as_json: bool) -> None:
    """Look the installation over: its database, runners, clocks, instances, ledgers; exit code 1 when one is ill."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    found = asyncio.run(bootstrap.examine(settings))
    ok = not any(check.state == "error" for check in found)
    if as_json:
        shown = {"ok": ok, "checks": [asdict(check) for check in found]}
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        print_checks(found)
    if not ok:
        raise SystemExit(1)


def print_checks(found: list[Check]) -> None:
    """Checks for people, each with what to do about it."""
    console = Console(highlight=False, soft_wrap=True)
    for check in found:
        console.print(f"{_MARKS[check.state]} {escape(check.name)}: {escape(check.detail)}")
        if check.todo is not None:
            console.print(f"  → {escape(check.todo)}")
