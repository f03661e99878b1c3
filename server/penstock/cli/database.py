"""``penstock db``: the schema of Penstock's own database."""

from __future__ import annotations

import rich_click as click

from penstock.cli.local import run
from penstock.settings import Settings, SettingsError
from penstock.store import migrate


def _url() -> str:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    if settings.database_url is None:
        raise click.UsageError(
            "Set PENSTOCK_DATABASE_URL. The embedded database is migrated by penstock serve at every start."
        )
    return settings.database_url


@click.group(name="db")
def database() -> None:
    """Look after Penstock's own database."""


@database.command()
def upgrade() -> None:
    """Bring the schema to this release's version."""
    url = _url()
    run(migrate.upgrade(url))
    click.echo(f"The metadata database is at {migrate.revisions()[-1]}.")


@database.command()
def check() -> None:
    """Say whether the schema is of this release's version; exit code 1 when it is not."""
    if pending := run(migrate.check(_url())):
        click.echo(f"Not up to date, lacks: {', '.join(pending)}. Run penstock db upgrade.")
        raise SystemExit(1)
    click.echo("The metadata database is up to date.")
