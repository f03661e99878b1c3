"""How a parallel stage hands its tasks out: how many at once, in which batches, and after how many failures no more.

Pure decisions over a stage's counters, so finishing a task costs the same whatever the size of its stage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from penstock.domain.gates.gate import Blocker
from penstock.domain.pipeline.status import Counts, total

Size: TypeAlias = int | str  # of a batch: tasks, or "10%" of the stage's

MOST_SIZES: Final = 100
_PERCENT: Final = re.compile(r"(100|[1-9]?[0-9])%")
_RELEASER: Final = ("role:project:releaser",)


@dataclass(frozen=True, slots=True)
class FanOut:
    """The limits of a stage; None means none.

    Args:
        batch: sizes in order; the last one is used again until every task is handed out.
        max_parallel: tasks that are ready or active at once.
        max_failures: after that many failed tasks nothing further starts.
    """

    batch: tuple[Size, ...] | None = None
    max_parallel: int | None = None
    max_failures: int | None = None

    @property
    def limits(self) -> bool:
        """Tasks are not handed out all at once."""
        return self.batch is not None or self.max_parallel is not None


NONE: Final = FanOut()


def is_size(size: object) -> bool:
    """Whether something is the size of a batch: at least one task, or 1 to 100 per cent."""
    if isinstance(size, str):
        return _PERCENT.fullmatch(size) is not None and size != "0%"
    return isinstance(size, int) and not isinstance(size, bool) and size >= 1


def _sizes(batch: Sequence[Size], tasks: int) -> list[int]:
    """Sizes in tasks; percentages are rounded down, to one task at least."""
    return [max(1, tasks * int(size[:-1]) // 100) if isinstance(size, str) else size for size in batch]


def reach(fan_out: FanOut, tasks: int, current: int) -> int:
    """How many of a stage's tasks, in order, belong to the batches up to the current one."""
    if fan_out.batch is None:
        return tasks
    sizes = _sizes(fan_out.batch, tasks)
    again = max(0, current - len(sizes)) * sizes[-1]
    return min(tasks, sum(sizes[:current]) + again)


def batches(fan_out: FanOut, tasks: int) -> int:
    """How many batches a stage has."""
    if fan_out.batch is None:
        return 1
    sizes = _sizes(fan_out.batch, tasks)
    for n, handed_out in enumerate(accumulate(sizes), 1):
        if handed_out >= tasks:
            return n
    return len(sizes) + -(-(tasks - sum(sizes)) // sizes[-1])


def in_play(counts: Counts) -> int:
    """Tasks that are handed out and have not ended."""
    return counts["ready"] + counts["scheduled"] + counts["running"] + counts["canceling"]


def room(fan_out: FanOut, counts: Counts) -> int:
    """How many more tasks may be handed out now."""
    waiting = counts["waiting"]
    if fan_out.max_parallel is None:
        return waiting
    return max(0, min(waiting, fan_out.max_parallel - in_play(counts)))


def may_begin_next(fan_out: FanOut, counts: Counts, current: int) -> bool:
    """Whether the current batch may be over: nothing of it is in play, and enough tasks pass for it to have passed.

    Necessary, not sufficient: tasks of later batches may have been skipped by hand.
    """
    if fan_out.batch is None or not counts["waiting"] or in_play(counts):
        return False
    tasks = total(counts)
    passed = counts["succeeded"] + counts["passed_over"] + counts["absorbed"]
    return current < batches(fan_out, tasks) and passed >= reach(fan_out, tasks, current)


def spent(fan_out: FanOut, counts: Counts) -> list[Blocker]:
    """The failure budget as a gate: closed once as many tasks have failed as may."""
    failures = counts["failed"] + counts["error"]
    if fan_out.max_failures is None or failures < fan_out.max_failures or not _unfinished(counts):
        return []
    tasks = "1 task has failed" if failures == 1 else f"{failures} tasks have failed"
    message = (
        f"{tasks}, and this stage stops after {fan_out.max_failures}."
        " Retry them, skip them with a reason, or raise max_failures."
    )
    return [Blocker("failure-budget", "spent", message, _RELEASER)]


def _unfinished(counts: Counts) -> bool:
    return bool(counts["waiting"] or counts["ready"] or counts["scheduled"])


def waits(fan_out: FanOut, counts: Counts, current: int, position: int | None = None) -> list[Blocker]:
    """Why tasks of an open stage are not handed out.

    Args:
        current: the batch that is under way, from 1.
        position: of the task in question; None asks for the stage as a whole.
    """
    if not counts["waiting"] or not fan_out.limits:
        return []
    tasks = total(counts)
    upto = reach(fan_out, tasks, current)
    if upto < tasks and (position is None or position >= upto):
        return [_batch(fan_out, counts, current, tasks)]
    if fan_out.max_parallel is not None and in_play(counts) >= fan_out.max_parallel:
        message = f"This stage works on as many tasks at once as it may: {fan_out.max_parallel}."
        return [Blocker("limit", "max_parallel", message)]
    return []


def _batch(fan_out: FanOut, counts: Counts, current: int, tasks: int) -> Blocker:
    message = f"Waits until every task of batch {current} of {batches(fan_out, tasks)} has ended and passes."
    stuck = not in_play(counts) and counts["failed"] + counts["error"] + counts["canceled"]
    if stuck:
        message += " Some did not: retry them, or skip them with a reason."
    return Blocker("limit", "batch", message, _RELEASER if stuck else ())
