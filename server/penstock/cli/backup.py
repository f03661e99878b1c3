"""``penstock backup``, ``restore`` and ``reconcile``: for operators, where ``penstock serve`` runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.markup import escape

from penstock import bootstrap
from penstock.cli.doctor import print_checks
from penstock.cli.local import run
from penstock.settings import Settings, SettingsError

_DATA_DIR = click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Embedded database and keys."
)


def _settings(data_dir: Path | None) -> Settings:
    try:
        return Settings.from_environment(data_dir=data_dir)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_DATA_DIR
def backup(file: Path, data_dir: Path | None) -> None:
    """Write Penstock's own database to FILE, while it goes on working.

    The master key is not in it: keep a copy of master.key, or of PENSTOCK_MASTER_KEY, in another place.
    """
    made = run(bootstrap.back_up(_settings(data_dir), file))
    size = file.stat().st_size / 1_000_000
    click.echo(f"Wrote {file} ({size:.1f} MB, schema {made.schema}).")
    click.echo(
        f"Its secrets open with master key {', '.join(made.keys)}: keep that one apart from the backup.", err=True
    )


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_DATA_DIR
def restore(file: Path, data_dir: Path | None) -> None:
    """Fill an empty installation from FILE; penstock serve must not run.

    Everything is stopped then, since targets may have been changed after the backup was made: start penstock serve and
    run penstock reconcile.
    """
    console = Console(stderr=True, highlight=False)
    settings = _settings(data_dir)
    found, lacking = run(bootstrap.bring_back(settings, file, lambda text: console.print(f"[dim]{escape(text)}[/dim]")))
    click.echo(f"Restored what Penstock {found.penstock} had at {found.made_at:%Y-%m-%d %H:%M:%S} UTC.")
    if lacking:
        click.echo(f"Stored passwords need master key {', '.join(lacking)}, which is not here: put it back.", err=True)
    click.echo("Everything is stopped. Start penstock serve, then run penstock reconcile.")


@click.command()
@click.option(
    "--anyway", is_flag=True, help="Go on although a ledger cannot be read or lacks something: I have looked."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines for people.")
@_DATA_DIR
def reconcile(anyway: bool, as_json: bool, data_dir: Path | None) -> None:
    """Read every ledger after a restore; when all agree with what was restored, let everything go on.

    Exit code 1 when one cannot be read or lacks something that is recorded as applied.
    """
    found = run(bootstrap.reconcile(_settings(data_dir), anyway=anyway))
    if as_json:
        shown = {"ok": found.ok, "lifted": found.lifted, "checks": [asdict(check) for check in found.checks]}
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        print_checks(found.checks)
        click.echo("Everything goes on." if found.lifted else "Nothing was lifted.")
    if not (found.ok or found.lifted):
        raise SystemExit(1)
