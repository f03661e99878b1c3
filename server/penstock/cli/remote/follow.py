"""Watches a pipeline until it has ended: bars on a terminal, one line per event without one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from penstock.cli.remote.client import BLOCKED, DONE, FAILED, Json, Remote, RemoteError
from penstock.cli.remote.command import blocked
from penstock.domain.announcement import line

_ENDED: Final = ("succeeded", "failed", "canceled", "skipped")
_OVER: Final = {"succeeded": DONE, "failed": FAILED, "error": FAILED, "canceled": FAILED}
_HELLO: Final = "message"  # what the stream sends when it begins has no name
_QUIET_SECONDS: Final = 45.0  # the server is silent for a third of this at most
_PAUSE_SECONDS: Final = 2.0
_REFRESH_SECONDS: Final = 0.25  # between two looks at a pipeline
COLOURS: Final = {
    "succeeded": "green",
    "done": "green",
    "running": "blue",
    "ready": "blue",
    "blocked": "yellow",
    "canceling": "yellow",
    "failed": "red",
    "error": "red",
}


class Screen(Protocol):
    """Where progress is shown."""

    def event(self, record: Json) -> None:
        """Something happened in the pipeline."""

    def state(self, pipeline: Json) -> None:
        """The pipeline as it is now."""


@dataclass(frozen=True)
class Outcome:
    """How watching ended.

    Args:
        pipeline: as it was then.
        exit_code: 0 everything is applied; 1 it did not pass; 3 it waits, and we do not any longer.
    """

    pipeline: Json
    exit_code: int


def follow(
    remote: Remote,
    pipeline_id: int,
    screen: Screen,
    *,
    seconds: float | None = None,
    stop_when_blocked: bool = False,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Watch until nothing moves any more without a person.

    Args:
        seconds: give up after this long; None waits for ever.
        stop_when_blocked: do not wait for people, either.

    Raises:
        RemoteError: the server refused; one that cannot be reached for a while is asked again.
    """
    watch = _Watch(remote, pipeline_id, screen, clock, pause)
    end = None if seconds is None else clock() + seconds
    for now in _moments(watch, end):
        result = now["result"]
        if watch.told < now["version"]:
            continue  # more has happened than was shown, and will be
        if result in _OVER:
            return Outcome(now, _OVER[result])
        if result == "blocked" and stop_when_blocked:
            return Outcome(now, BLOCKED)
    return Outcome(watch.look(), BLOCKED)


@dataclass
class _Watch:
    """A pipeline's version counts its events: so it is known which of them a look at it has in it, and whether all have
    been shown.

    Args:
        after: the last position of the stream that was read.
        told: the last version that was shown, or that was there when watching began.
        seen: the pipeline as it was looked at last.
    """

    remote: Remote
    pipeline_id: int
    screen: Screen
    clock: Callable[[], float]
    pause: Callable[[float], None]
    after: int | None = None
    told: int = 0
    seen: Json = field(default_factory=lambda: {"version": -1})
    looked: float = float("-inf")

    def look(self) -> Json:
        self.seen = self.remote.get(f"/pipelines/{self.pipeline_id}")
        self.looked = self.clock()
        self.screen.state(self.seen)
        return self.seen

    def tell(self, record: Json) -> Json:
        """Show an event; returns a pipeline that has it in it, without looking more often than is worth it."""
        self.screen.event(record)
        self.told = max(self.told, record["version"])
        if self.told <= self.seen["version"]:
            return self.seen
        self.pause(max(0.0, self.looked + _REFRESH_SECONDS - self.clock()))
        return self.look()


def _moments(watch: _Watch, end: float | None) -> Iterator[Json]:
    """The pipeline as it is, whenever something may have moved, until ``end``."""
    clock = watch.clock
    while end is None or clock() < end:
        silence = _QUIET_SECONDS if end is None else max(0.1, min(_QUIET_SECONDS, end - clock()))
        try:
            for position, name, record in watch.remote.stream("/events/stream", after=watch.after, silence=silence):
                if name == _HELLO and not record:
                    now = watch.look()  # the stream has begun: nothing that comes after this is missed
                    if watch.after is None:
                        watch.told = now["version"]
                    yield now
                    continue
                watch.after = int(position) if position else watch.after
                if end is not None and clock() >= end:
                    return
                if record.get("pipeline") == watch.pipeline_id and record.get("version"):
                    yield watch.tell(record)
        except RemoteError as error:
            if not error.passing:
                raise
        watch.pause(_PAUSE_SECONDS if end is None else max(0.0, min(_PAUSE_SECONDS, end - clock())))


class Lines:
    """One line per event, and per reason for which the pipeline waits: for logs of CI jobs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: frozenset[str] = frozenset()

    def event(self, record: Json) -> None:
        """Say it."""
        self._console.print(f"{record.get('at', '')} {escape(line(record))}")

    def state(self, pipeline: Json) -> None:
        """Say what is new about why it waits."""
        if pipeline["result"] != "blocked":
            return
        reasons = frozenset(_reasons(pipeline))
        for reason in sorted(reasons - self._said):
            self._console.print(f"[yellow]●[/yellow] {escape(reason)}")
        self._said = reasons


class Bars:
    """One bar per stage, with what it waits for."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[stage]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def event(self, record: Json) -> None:
        """Bars show states only."""

    def state(self, pipeline: Json) -> None:
        """Draw it."""
        for stage in pipeline["stages"]:
            counts = stage["counts"]
            shown: dict[str, Any] = {
                "completed": sum(counts[word] for word in _ENDED),
                "total": counts["total"],
                "stage": escape(stage["name"]),
                "status": _status(stage),
            }
            if stage["name"] in self._bars:
                self._progress.update(self._bars[stage["name"]], **shown)
            else:
                self._bars[stage["name"]] = self._progress.add_task("", **shown)


def coloured(status: str) -> str:
    """A status in its colour, as markup."""
    colour = COLOURS.get(status)
    return f"[{colour}]{status}[/{colour}]" if colour else status


def _status(stage: Json) -> str:
    first = next(iter(stage["blockers"]), None)
    waits = f" [dim]{escape(blocked(first))}[/dim]" if first and stage["status"] == "waiting" else ""
    return coloured(stage["status"]) + waits


def _reasons(pipeline: Json) -> Iterator[str]:
    for stage in pipeline["stages"]:
        for blocker in stage["blockers"]:
            if blocker["gate"] != "order":
                yield f"{stage['name']} waits: {blocked(blocker)}"
