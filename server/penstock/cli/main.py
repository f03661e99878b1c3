"""The ``penstock`` command: operators' commands live in modules of their own, one per noun."""

from __future__ import annotations

import rich_click as click

from penstock import __version__
from penstock.cli.database import database
from penstock.cli.instance import instance
from penstock.cli.openapi import openapi
from penstock.cli.review import review
from penstock.cli.serve import runner, serve


@click.group()
@click.version_option(__version__, prog_name="penstock")
def main() -> None:
    """Take a database change from written SQL to applied exactly once, with proof of who allowed it."""


main.add_command(serve)
main.add_command(runner)
main.add_command(database)
main.add_command(instance)
main.add_command(openapi)
main.add_command(review)
