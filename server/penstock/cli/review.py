"""``penstock review``: the server's review, offline, without a server or an account."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import rich_click as click
from rich.console import Console
from rich.markup import escape

from penstock.review.finding import RANK, Finding
from penstock.review.inspect import Inspection, inspect
from penstock.sql.steps import Step

_COLOURS: Final = {"error": "red", "warning": "yellow", "info": "blue"}
_NEVER: Final = "never"


class _Reviewed(NamedTuple):
    """A file and what review says of it, without its text: there may be many large ones."""

    name: str
    statements: int
    findings: list[Finding]
    steps: Sequence[Step]


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option("--engine", type=click.Choice(["postgres", "mysql", "mariadb"]), default="postgres", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines for people.")
@click.option("--steps", is_flag=True, help="Show the steps that each file is cut into.")
@click.option(
    "--fail-on",
    type=click.Choice([*reversed(RANK), _NEVER]),
    default="error",
    show_default=True,
    help="Exit with 1 when there is a finding of this severity or worse.",
)
def review(files: tuple[Path, ...], engine: str, as_json: bool, steps: bool, fail_on: str) -> None:
    """Review SQL files; - is the standard input. Exits with 0, or with 1 when a file has an error."""
    reviewed = [_review(file, engine) for file in files]
    if as_json:
        document = [{"file": each.name, "engine": engine, **_plain(each)} for each in reviewed]
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for each in reviewed:
            for line in _lines(each, with_steps=steps):
                console.print(line)
    if fail_on != _NEVER and any(RANK[f.severity] >= RANK[fail_on] for each in reviewed for f in each.findings):
        raise SystemExit(1)


def _review(file: Path, engine: str) -> _Reviewed:
    is_input = str(file) == "-"
    try:
        data = sys.stdin.buffer.read() if is_input else file.read_bytes()
    except OSError as error:
        raise click.FileError(str(file), hint=error.strerror) from error
    found: Inspection = inspect(data, engine)
    return _Reviewed("<stdin>" if is_input else str(file), len(found.statements), found.findings, found.steps)


def _plain(each: _Reviewed) -> dict[str, object]:
    return {
        "statements": each.statements,
        "findings": msgspec.to_builtins(each.findings),
        "steps": msgspec.to_builtins(each.steps),
    }


def _lines(each: _Reviewed, *, with_steps: bool) -> Iterator[str]:
    name = escape(each.name)
    for finding in each.findings:
        colour = _COLOURS[finding.severity]
        place = f"{name}:{finding.line or 1}:{finding.column or 1}"
        yield f"{place}: [{colour}]{finding.severity}[/{colour}] {finding.rule}: {escape(finding.message)}"
        if finding.hint:
            yield f"    [dim]{escape(finding.hint)}[/dim]"
    if not any(finding.severity == "error" for finding in each.findings):
        yield f"[green]✓[/green] {name}: {each.statements} statement(s) in {len(each.steps)} step(s)"
    if with_steps:
        yield from map(_step, each.steps)


def _step(step: Step) -> str:
    how = "one transaction" if step.transactional else "outside of a transaction"
    first, last = step.statements[0] + 1, step.statements[-1] + 1
    which = f"statement {first}" if first == last else f"statements {first} to {last}"
    return f"    step {step.index + 1}, line {step.line}: {which}, {how}: {escape(', '.join(step.kinds))}"
