"""``penstock review``: the server's review, offline, without a server or an account."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import rich_click as click
from rich.console import Console
from rich.markup import escape

from penstock.review.finding import Finding
from penstock.review.inspect import Inspection, inspect

_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--engine", type=click.Choice(["postgres", "mysql", "mariadb"]), default="postgres", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines for people.")
def review(files: tuple[Path, ...], engine: str, as_json: bool) -> None:
    """Review SQL files; exit code 1 when one of them has an error."""
    found = [(file, inspect(file.read_bytes(), engine)) for file in files]
    if as_json:
        shown = [{"file": str(f), **_plain(inspection)} for f, inspection in found]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _print(found)
    if any(f.severity == "error" for _, inspection in found for f in inspection.findings):
        raise SystemExit(1)


def _plain(inspection: Inspection) -> dict[str, object]:
    return {
        "statements": len(inspection.statements),
        "findings": msgspec.to_builtins(inspection.findings),
        "steps": msgspec.to_builtins(inspection.steps),
    }


def _print(found: list[tuple[Path, Inspection]]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for file, inspection in found:
        for finding in inspection.findings:
            console.print(_line(file, finding))
        n, steps = len(inspection.statements), len(inspection.steps)
        if not any(f.severity == "error" for f in inspection.findings):
            console.print(f"[green]✓[/green] {escape(str(file))}: {n} statement(s) in {steps} step(s)")


def _line(file: Path, finding: Finding) -> str:
    colour = _COLOURS[finding.severity]
    place = f"{file}:{finding.line or 1}:{finding.column or 1}"
    hint = f" [dim]{escape(finding.hint)}[/dim]" if finding.hint else ""
    return f"{escape(place)}: [{colour}]{finding.severity}[/{colour}] {finding.rule}: {escape(finding.message)}{hint}"
