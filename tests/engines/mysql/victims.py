"""Processes that end themselves at a failpoint: one that has everything loaded forks a child for each.

Reads one JSON object per line: ``target`` and ``change`` as keyword arguments, ``point`` and ``occurrence`` (from 0).
Answers the names of the points that the child came to, the last one being where it was killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from enum import StrEnum
from typing import Any

from penstock.domain import failpoints
from penstock.engines.base import Target
from penstock.engines.registry import engine_for
from tests.engines.conftest import change
from tests.engines.recorder import Recorder


def die(order: dict[str, Any], answer: int) -> None:
    """Apply the change and be killed on the way."""
    seen: list[str] = []

    def hook(point: StrEnum) -> None:
        os.write(answer, f"{point}\n".encode())
        seen.append(point)
        if seen.count(order["point"]) > order["occurrence"]:
            os.kill(os.getpid(), signal.SIGKILL)

    target = Target(**order["target"])
    with failpoints.armed(hook):
        asyncio.run(engine_for(target.engine).apply(target, change(**order["change"]), Recorder()))


def main() -> None:
    """Fork for each order, wait for the end, answer."""
    print("ready", flush=True)
    for line in sys.stdin:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            try:
                die(json.loads(line), write)
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as points:
            reached = points.read().split()
        os.waitpid(pid, 0)
        print(json.dumps(reached), flush=True)


if __name__ == "__main__":
    main()
