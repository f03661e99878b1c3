"""The ``penstock`` command as people and CI jobs call it, against an application that really listens."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from click.testing import CliRunner
from litestar import Litestar

from penstock.cli.main import main
from penstock.web.serving import listen, serve


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as the one document that it is."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Somebody's terminal, or a CI job: environment variables and a home of its own."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def as_(self, token: str, url: str) -> Shell:
        """The same with a token in the environment, as CI has it."""
        return Shell(self.home, {**self.environment, "PENSTOCK_SERVER": url, "PENSTOCK_TOKEN": token})

    async def run(self, *arguments: str | int | Path, given: str = "") -> Done:
        """Type a command and wait for its end; the loop that serves goes on."""
        kept = {"HOME": str(self.home), "NO_COLOR": "1", "COLUMNS": "200", "XDG_CONFIG_HOME": None}
        gone = dict.fromkeys(("PENSTOCK_SERVER", "PENSTOCK_TOKEN"))
        env = {**kept, **gone, **self.environment}
        result = await asyncio.to_thread(CliRunner().invoke, main, list(map(str, arguments)), input=given, env=env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    async def ok(self, *arguments: str | int | Path, given: str = "") -> Done:
        """The same, which must succeed."""
        done = await self.run(*arguments, given=given)
        assert done.code == 0, f"{arguments}: {done.code}\n{done.out}\n{done.err}"
        return done


@asynccontextmanager
async def listening(app: Litestar) -> AsyncIterator[str]:
    """The application on a free port of this machine; yields its URL."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))  # not to a command's output
    stopping = asyncio.Event()
    sock = listen("127.0.0.1", 0)
    serving = asyncio.create_task(serve(app, sock, stopping))
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        stopping.set()
        app.state.stopping.set()
        await serving
        structlog.reset_defaults()
