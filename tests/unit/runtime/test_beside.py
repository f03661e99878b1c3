"""A coroutine in a thread of its own, as the heartbeat is: it is told to stop, and waited for."""

from __future__ import annotations

import asyncio
import threading

from penstock.runtime.beside import Thread


def test_it_runs_on_a_loop_of_its_own_until_it_is_told_to_stop() -> None:
    seen: list[str] = []
    begun = threading.Event()

    async def work(stopped: asyncio.Event) -> None:
        seen.append(threading.current_thread().name)
        begun.set()
        await stopped.wait()
        seen.append("stopped")

    thread = Thread("heart")
    thread.start(work)
    assert begun.wait(10)
    thread.stop(10)
    assert seen == ["heart", "stopped"]


def test_it_may_be_told_at_once_or_after_it_has_ended_or_without_having_begun() -> None:
    ended = threading.Event()

    async def short(_: asyncio.Event) -> None:
        ended.set()

    async def patient(stopped: asyncio.Event) -> None:
        await stopped.wait()

    at_once, late = Thread("one"), Thread("two")
    at_once.start(patient)
    at_once.stop(10)
    late.start(short)
    assert ended.wait(10)
    late.stop(10)
    Thread("never").stop(10)
    assert not {"one", "two"} & {thread.name for thread in threading.enumerate()}
