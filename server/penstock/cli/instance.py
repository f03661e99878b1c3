"""``penstock instance``: what an operator needs at hand for target instances."""

from __future__ import annotations

import rich_click as click

from penstock.engines.base import EngineName
from penstock.engines.registry import ENGINES, engine_for


@click.group()
def instance() -> None:
    """Prepare target instances."""


@instance.command()
@click.argument("login")
@click.option("--engine", type=click.Choice(list(ENGINES)), default="postgres", show_default=True)
def grants(login: str, engine: EngineName) -> None:
    """Print SQL that lets LOGIN add to the ledger but not rewrite it.

    An owner runs it: in each target database of PostgreSQL, once for a whole server of MySQL or MariaDB.
    """
    click.echo(engine_for(engine).grants(login))
