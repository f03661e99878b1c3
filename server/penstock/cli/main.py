"""The ``penstock`` command: operators' commands live in modules of their own, one per noun."""

from __future__ import annotations

import rich_click as click

from penstock import __version__
from penstock.cli.backup import backup, reconcile, restore
from penstock.cli.checks import checks
from penstock.cli.completion import completion
from penstock.cli.database import database
from penstock.cli.doctor import doctor
from penstock.cli.drift import drift
from penstock.cli.instance import instance
from penstock.cli.issue import issue
from penstock.cli.login import login, logout
from penstock.cli.openapi import openapi
from penstock.cli.promote import board, promote
from penstock.cli.release import release
from penstock.cli.review import review
from penstock.cli.schema import schema
from penstock.cli.serve import runner, serve
from penstock.cli.task import task
from penstock.cli.token import token


@click.group()
@click.version_option(__version__, prog_name="penstock")
def main() -> None:
    """Take a database change from written SQL to applied exactly once, with proof of who allowed it."""


main.add_command(serve)
main.add_command(runner)
main.add_command(database)
main.add_command(doctor)
main.add_command(backup)
main.add_command(restore)
main.add_command(reconcile)
main.add_command(instance)
main.add_command(openapi)
main.add_command(review)
main.add_command(login)
main.add_command(logout)
main.add_command(issue)
main.add_command(release)
main.add_command(promote)
main.add_command(board)
main.add_command(checks)
main.add_command(task)
main.add_command(schema)
main.add_command(drift)
main.add_command(token)
main.add_command(completion)


if __name__ == "__main__":
    main()
