"""A process that applies one change and ends itself at a failpoint, or is killed: ``python -m … '<json>'``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from enum import StrEnum

import msgspec

from penstock.domain import failpoints
from penstock.engines.base import Target
from penstock.engines.registry import engine_for
from tests.engines.conftest import change
from tests.engines.recorder import Recorder


class Death(msgspec.Struct):
    """Where to die.

    Args:
        point: a failpoint's name; empty for somebody else to do it, who is told when the work begins.
        nth: at which of the times that it is reached, counted from 1.
    """

    target: dict[str, str | int | None]
    text: str
    point: str
    nth: int = 1
    attempt: int = 1
    version: str = "1"


async def main(death: Death) -> None:
    """Apply the change, and be killed without a chance to clean up."""
    left = death.nth

    def hook(point: StrEnum) -> None:
        nonlocal left
        left -= point == death.point
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    target = Target(**death.target)  # type: ignore[arg-type]  # it comes as JSON from the test
    request = change(death.text, death.version, attempt=death.attempt, task_id=int(death.version))
    print("started", flush=True)
    with failpoints.armed(hook):
        await engine_for("postgres").apply(target, request, Recorder())


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Death)))
