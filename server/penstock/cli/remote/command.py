"""Makes a function a command that speaks to a server: ``--server``, ``--json``, and errors as exit codes."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from typing import Any

import rich_click as click
from rich.console import Console
from rich.markup import escape

from penstock.cli.remote.client import Remote, RemoteError
from penstock.cli.remote.profile import ProfileError, find


class Session:
    """What a command gets: the server, and how its caller wants to be answered."""

    def __init__(self, remote: Remote, *, as_json: bool) -> None:
        self.remote = remote
        self.as_json = as_json
        self.console = Console(highlight=False, soft_wrap=True)

    def show(self, document: Any, lines: Callable[[Console], None]) -> None:
        """Print the document for machines, or lines for people."""
        if self.as_json:
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            lines(self.console)

    def say(self, document: Any, line: str) -> None:
        """Print the document for machines, or one line (with markup) for people."""
        self.show(document, lambda console: console.print(line))


def asks_server(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its `Session` as first argument."""

    @click.option("--server", help="URL of the server; else $PENSTOCK_SERVER, else where you logged in last.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines for people.")
    @functools.wraps(function)
    def command(*args: Any, server: str | None, as_json: bool, **kwargs: Any) -> None:
        try:
            profile = find(server, os.environ)
        except ProfileError as error:
            raise click.UsageError(str(error)) from error
        if profile.exposed and profile.token:
            warn(f"{profile.url} is not encrypted: the token can be read on the way.")
        with reported(as_json=as_json), Remote(profile) as remote:
            function(Session(remote, as_json=as_json), *args, **kwargs)

    return command


class reported:  # reads like a statement
    """Ends the process with an exit code and a message when the server says no."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RemoteError):
            report(error, as_json=self._as_json)
            raise SystemExit(error.exit_code) from error


def report(error: RemoteError, *, as_json: bool) -> None:
    """Say on the standard error what the server said, every field and blocker of it."""
    if as_json:
        click.echo(json.dumps(error.problem, indent=2, ensure_ascii=False), err=True)
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[red]✗[/red] {escape(str(error))}")
    for field in error.problem.get("errors") or ():
        console.print(f"  [bold]{escape(str(field.get('field')))}[/bold]: {escape(str(field.get('message')))}")
    for blocker in error.problem.get("blockers") or ():
        console.print(f"  [yellow]●[/yellow] {escape(blocked(blocker))}")
    if error.problem.get("code") == "unauthenticated":
        console.print("  → Run `penstock login`, or set PENSTOCK_TOKEN.")
    if request := error.problem.get("request_id"):
        console.print(f"  [dim]request {escape(str(request))}[/dim]")


def blocked(blocker: dict[str, Any]) -> str:
    """A blocker on one line."""
    waiting = ", ".join(blocker.get("waiting_for") or ())
    clears = blocker.get("clears_at")
    return (
        f"{blocker.get('gate')}: {blocker.get('message')}"
        + (f" Waiting for {waiting}." if waiting else "")
        + (f" Clears at {clears}." if clears else "")
    )


def warn(message: str) -> None:
    """Say something on the standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[yellow]![/yellow] {escape(message)}")


def usage(message: str) -> click.UsageError:
    """What was typed cannot be done: exit code 2."""
    return click.UsageError(message)
