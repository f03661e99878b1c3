"""Waiting for something to become true, instead of sleeping for as long as it might take."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]],
    timeout: float = ...,
    *,
    every: float = ...,
    message: str | None = ...,
) -> T: ...
@overload
async def eventually(
    condition: Callable[[], T], timeout: float = ..., *, every: float = ..., message: str | None = ...
) -> T: ...
async def eventually(
    condition: Callable[[], Any], timeout: float = 10.0, *, every: float = 0.02, message: str | None = None
) -> Any:
    """Call a condition until what it answers is true, and answer that.

    Args:
        condition: a function, or an async function, without arguments.
        timeout: seconds after which the test fails.
        every: seconds between two calls.
        message: what was waited for; the failure shows it.
    Raises:
        AssertionError: the condition did not become true in time; it shows the last answer.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        value = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() > deadline:
            what = message or inspect.getsource(condition).strip()
            raise AssertionError(f"Not within {timeout:g} s: {what} (last answer: {value!r})")
        await asyncio.sleep(every)
