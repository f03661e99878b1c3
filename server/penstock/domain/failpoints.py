"""Names the moments between two durable writes, so that a test can end the process at each; otherwise they do nothing.

Nothing outside of the process can arm them: no setting, no environment variable, no request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

Hook = Callable[[StrEnum], None]

_hook: Hook | None = None


def reach(point: StrEnum) -> None:
    """Say that the work has come to this point: the write before it is durable, the one after it has not begun."""
    if _hook is not None:
        _hook(point)


@contextmanager
def armed(hook: Hook) -> Iterator[None]:
    """While it is entered, ``hook`` is called at every point of this process; it may end the process or raise."""
    global _hook
    before, _hook = _hook, hook
    try:
        yield
    finally:
        _hook = before
