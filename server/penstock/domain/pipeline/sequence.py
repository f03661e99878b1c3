"""Tasks that run one after the other: which one is next, which are passed over, and which come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Item(Protocol):
    """A task of a sequential stage."""

    @property
    def id(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def skip_reason(self) -> str | None: ...
    @property
    def when(self) -> str: ...
    @property
    def passes(self) -> bool: ...
    @property
    def met(self) -> bool: ...
    @property
    def in_doubt(self) -> bool: ...


@dataclass(slots=True)
class Moves:
    """What is to be moved.

    Args:
        ready: the task that is next.
        previous_task: skipped, because one before them failed.
        condition: skipped, because nothing before them failed.
        back: skipped ones whose cause is gone.
    """

    ready: int | None = None
    previous_task: list[int] = field(default_factory=list)
    condition: list[int] = field(default_factory=list)
    back: list[int] = field(default_factory=list)

    @property
    def skips(self) -> bool:
        """Something is skipped, or comes back."""
        return bool(self.previous_task or self.condition or self.back)


def decide(items: Sequence[Item], *, is_open: bool, busy: bool = False, before_passes: bool = True) -> Moves:
    """Walk along the tasks in their order.

    A failure skips what wants success; what runs on failure, or always, has its turn all the same.  A canceled task
    skips nothing: what follows waits until a person decides.  What hangs on outputs is asked when everything before it
    has ended.  What is in doubt is not skipped: it has its turn, and finds out whether it is applied.

    Args:
        is_open: the gates of the stage are open.
        busy: a task of the stage is in hand. It may stand behind one that is tried again, which then waits for it.
        before_passes: nothing that the stage follows has ended without passing.
    """
    moves = Moves()
    failed = False  # a task before in this stage
    free = not busy  # and everything before has ended
    for item in items:
        fits = {"on_success": not failed, "on_failure": failed or not before_passes, "always": True}[item.when]
        fits = (fits and item.met) or item.in_doubt
        if item.status == "skipped" and item.skip_reason in ("previous_task", "condition"):
            if fits and (free or item.skip_reason == "previous_task"):
                moves.back.append(item.id)
                free = False
        elif item.status == "failed" and not item.passes:
            failed = True
        elif item.status == "waiting":
            if item.when == "on_success" and failed and not item.in_doubt:
                moves.previous_task.append(item.id)
            elif not fits:
                if free and is_open:
                    moves.condition.append(item.id)
                else:
                    free = False
            else:
                if free and is_open:
                    moves.ready = item.id
                free = False
        elif not item.passes and item.status != "skipped":
            free = False
    return moves
