"""``penstock serve`` and ``penstock runner``: the long-running processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console

from penstock import bootstrap, demo, logging
from penstock.domain.errors import PenstockError
from penstock.embedded import EmbeddedPostgresError
from penstock.services.first_start import FirstAdmin
from penstock.settings import Settings, SettingsError
from penstock.signals import stop_on_signals


class Progress:
    """Tells a person what a start is doing and how long it has taken so far."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """One line per step."""
        self._console.print(f"[dim]\\[{time.monotonic() - self._began:5.1f}s][/dim] {text}")


def _settings(**given: Any) -> Settings:
    try:
        return Settings.from_environment(**given)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def _run(settings: Settings, work: Coroutine[Any, Any, None]) -> None:
    logging.configure(format=settings.log_format, level=settings.log_level)
    try:
        asyncio.run(work)
    except (EmbeddedPostgresError, PenstockError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(str(error)) from error


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any free one.  [default: 8080]")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Embedded database and keys.")
@click.option("--no-demo", is_flag=True, help="Start empty instead of with a demo project.")
@click.option("--no-runner", is_flag=True, help="Only serve; tasks are run by penstock runner elsewhere.")
def serve(host: str | None, port: int | None, data_dir: Path | None, no_demo: bool, no_runner: bool) -> None:
    """Serve the UI and the API, and run tasks."""
    settings = _settings(host=host, port=port, data_dir=data_dir)
    _run(settings, _serve(settings, with_demo=not no_demo, with_runner=not no_runner))


async def _serve(settings: Settings, *, with_demo: bool, with_runner: bool) -> None:
    stopping, progress = asyncio.Event(), Progress()

    @asynccontextmanager
    async def ready(started: bootstrap.Started) -> AsyncIterator[None]:
        _introduce(started.admin)
        async with demo.running(settings, started.services, stopping, wanted=with_demo, say=progress.say) as logins:
            _greet(started, logins)
            yield

    with stop_on_signals(stopping):
        await bootstrap.serve(settings, stopping, runner=with_runner, say=progress.say, ready=ready)


def _introduce(admin: FirstAdmin | None) -> None:
    """A password that was made up is shown once, so before anything else can go wrong."""
    if admin is not None and admin.generated:
        click.echo(f"Administrator  {admin.email}  {admin.password}")
        click.echo("               This password is not shown again.")


def _greet(started: bootstrap.Started, logins: list[demo.Login]) -> None:
    """The address alone on its line, so that a program can read it; then who can sign in."""
    click.echo(started.url)
    if started.admin is not None and not started.admin.generated:
        click.echo(f"Administrator  {started.admin.email}  as set in PENSTOCK_ADMIN_PASSWORD")
    for login in logins:
        click.echo(f"{login.role:13}  {login.email}  {login.password}")


@click.command()
def runner() -> None:
    """Run tasks in a process of its own; needs PENSTOCK_DATABASE_URL."""
    settings = _settings()
    _run(settings, _runner(settings))


async def _runner(settings: Settings) -> None:
    stopping = asyncio.Event()
    with stop_on_signals(stopping):
        await bootstrap.run_runner(settings, stopping, say=Progress().say)
