"""Tasks one after the other: each line is a stage, before and after one look at it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from penstock.domain.pipeline.sequence import decide

WORDS = {"w": "waiting", "r": "running", "s": "succeeded", "f": "failed", "c": "canceled"}
SKIPS = {"p": "previous_task", "o": "condition", "m": "manual"}
WHEN = {"": "on_success", "!": "on_failure", "*": "always"}


@dataclass(frozen=True)
class Task:
    id: int
    status: str
    skip_reason: str | None
    when: str
    passes: bool
    met: bool
    in_doubt: bool


def stage(text: str) -> list[Task]:
    """``s w! f+ w? w~``: succeeded; waiting, on failure; failed, which is allowed; waiting for what is not the case;
    waiting, and perhaps applied."""
    tasks = []
    for n, word in enumerate(text.split()):
        letter, mark = word[0], word[1:]
        reason = SKIPS.get(letter)
        passes = letter in "som" or mark == "+"
        status, when = "skipped" if reason else WORDS[letter], WHEN[mark.strip("+?~")]
        tasks.append(Task(n, status, reason, when, passes, met="?" not in mark, in_doubt="~" in mark))
    return tasks


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("w w w", "R w w"),
        ("s w w", "s R w"),
        ("s r w", "s r w"),
        ("s f w w", "s f P P"),
        ("f+ w", "f+ R"),
        ("s c w", "s c w"),
        ("m w", "m R"),
        # What was skipped because of a failure comes back when that is gone.
        ("s s p p", "s s W W"),
        ("s w p", "s R W"),
        # What is tried again waits for what has begun behind it.
        ("s w r*", "s w r*"),
        ("s f+ w r*", "s f+ w r*"),
        ("s o r*", "s o r*"),
        ("s w? r*", "s w r*"),
        # Conditions.
        ("s w! w", "s O R"),
        ("f w! w", "f R P"),
        ("f w w* w", "f P R P"),
        ("f r* w!", "f r* w"),
        ("r w!", "r w"),
        ("f o!", "f W"),
        ("s o! w", "s o R"),
        # Conditions on outputs.
        ("s w? w", "s O R"),
        ("r w? w", "r w w"),
        ("f w?", "f P"),
        ("s o?", "s o"),
        ("s o w", "s W w"),
        ("r o w", "r o w"),
        # What may be applied is not skipped, but has its turn and finds out.
        ("f w~ w", "f R P"),
        ("f r w~", "f r w~"),
        ("s w?~ w", "s R w"),
        ("s w!~ w", "s R w"),
    ],
)
def test_one_after_the_other(before: str, after: str) -> None:
    moves = decide(stage(before), is_open=True, busy="r" in before)
    told: dict[int | None, str] = {moves.ready: "R"}
    told.update(dict.fromkeys(moves.previous_task, "P"))
    told.update(dict.fromkeys(moves.condition, "O"))
    told.update(dict.fromkeys(moves.back, "W"))
    seen = [told.get(n, word.rstrip("!*?~")) for n, word in enumerate(before.split())]
    assert seen == [word.rstrip("!*?~") for word in after.split()]


def test_nothing_begins_behind_closed_gates_but_failures_are_dealt_with() -> None:
    assert decide(stage("w w"), is_open=False).ready is None
    closed = decide(stage("f w w*"), is_open=False)
    assert (closed.ready, closed.previous_task) == (None, [1])


def test_what_failed_before_the_stage_counts_too() -> None:
    assert decide(stage("w!"), is_open=True, before_passes=False).ready == 0
    assert decide(stage("w!"), is_open=True).condition == [0]
