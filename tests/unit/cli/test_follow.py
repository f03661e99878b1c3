"""How progress is shown: a bar per stage on a terminal, a line per event elsewhere."""

from __future__ import annotations

import io
import re
from typing import Any

from rich.console import Console

from penstock.cli.remote.follow import Bars, Lines


def screen(*, terminal: bool) -> tuple[Console, io.StringIO]:
    """A console, and what stands on it."""
    shown = io.StringIO()
    return Console(file=shown, force_terminal=terminal, width=120, color_system=None), shown


def stage(name: str, status: str, ended: int, total: int, *blockers: dict[str, Any]) -> dict[str, Any]:
    counts = {"succeeded": ended, "failed": 0, "canceled": 0, "skipped": 0, "total": total}
    return {"name": name, "status": status, "counts": counts, "blockers": list(blockers)}


APPROVAL = {"gate": "approval", "message": "Waits for an approval by [Bo].", "waiting_for": ["role:project:owner"]}
ORDER = {"gate": "order", "message": "Waits for dev.", "waiting_for": ["stage:dev"]}
DEV = stage("dev", "running", 1, 3)
DEV_DONE = stage("dev", "succeeded", 3, 3)
PROD = stage("[prod]", "waiting", 0, 2, APPROVAL)  # names are words, no markup
PROD_LATER = stage("[prod]", "waiting", 0, 2, ORDER)


def test_a_terminal_shows_one_bar_per_stage_with_what_it_waits_for() -> None:
    console, shown = screen(terminal=True)
    with Bars(console) as bars:
        bars.state({"stages": [DEV, PROD_LATER]})
        bars.event({"type": "TASK_SUCCESS", "at": "2026-11-21T09:00:00Z"})
        bars.state({"stages": [DEV_DONE, PROD]})
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()).splitlines()[-2:]
    assert re.fullmatch(r"dev +━+ 3/3 succeeded +\d:\d\d:\d\d", last[0].strip())
    assert re.match(r"\[prod\] +0/2 waiting approval: Waits for an approval by \[Bo\]\.", last[1])
    assert "TASK_SUCCESS" not in shown.getvalue()


def test_a_log_has_a_line_per_event_and_every_reason_once() -> None:
    console, shown = screen(terminal=False)
    lines = Lines(console)
    lines.state({"result": "running", "stages": [DEV, PROD]})
    assert shown.getvalue() == ""
    for _ in range(2):
        lines.state({"result": "blocked", "stages": [DEV_DONE, PROD_LATER, PROD]})
    [reason] = shown.getvalue().splitlines()
    assert reason.startswith("● [prod] waits: approval: Waits for an approval by [Bo].")
    lines.event({"type": "TASK_SUCCESS", "at": "2026-11-21T09:00:00Z", "data": {"name": "[pg]/shop"}})
    assert shown.getvalue().splitlines()[1] == "2026-11-21T09:00:00Z [pg]/shop succeeded"
