"""Sqitch: a plan says the order; ``deploy``, ``revert`` and ``verify`` hold the scripts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from penstock.domain.layouts.source import Mistakes, SourceChange, SourceFile, without_transaction, words

PLAN: Final = "sqitch.plan"
_LINE: Final = re.compile(r"(?P<name>[^\s@%#\[\]:][^\s\[\]]*)(?:\s+\[(?P<needs>[^\]]*)\])?\s+\S+Z\s+.*")


def sqitch(files: Sequence[SourceFile]) -> list[SourceChange]:
    """Changes in the order of the plan; verify scripts are left, since ours answer true instead of raising an error.

    A name that stands in the plan again (a rework) is ``name.2`` then; the script of the earlier one is
    ``name@tag.sql``. Source: the "sqitch-plan" and "sqitch-rework" manuals. Raises `LayoutError`.
    """
    mistakes = Mistakes()
    by_path = {file.path: file for file in files}
    plan = by_path[PLAN]
    lines = [line.strip() for line in mistakes.text(plan).splitlines()]
    planned, tags = _planned(lines, plan, mistakes)
    last = Counter(name for name, _ in planned)
    seen: Counter[str] = Counter()
    made = []
    for name, tag in planned:
        seen[name] += 1
        script = f"{name}@{tags[tag]}" if seen[name] < last[name] and tag < len(tags) else name
        version = (name if seen[name] == 1 else f"{name}.{seen[name]}").replace("/", ".")
        deploy, revert = by_path.get(f"deploy/{script}.sql"), by_path.get(f"revert/{script}.sql")
        if deploy is None:
            mistakes.add(f"deploy/{script}.sql", "missing_version", f"is not here, but {PLAN} names {name}")
        elif mistakes.version(deploy, version):
            back = without_transaction(mistakes.text(revert)) if revert else None
            made.append(
                SourceChange(version, words(name), without_transaction(mistakes.text(deploy)), deploy.path, back)
            )
    used = {change.path for change in made}
    for path in sorted(by_path):
        if path.startswith("deploy/") and path not in used:
            mistakes.add(path, "not_planned", f"is not in {PLAN}")
    mistakes.end()
    return made


def _planned(lines: Sequence[str], plan: SourceFile, mistakes: Mistakes) -> tuple[list[tuple[str, int]], list[str]]:
    """(name, index of the next tag) of every change, and the tags."""
    planned: list[tuple[str, int]] = []
    tags: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith(("#", "%")):
            continue
        if line.startswith("@"):
            tags.append(line[1:].split()[0])
        elif found := _LINE.fullmatch(line):
            planned.append((found["name"], len(tags)))
        else:
            mistakes.add(plan.path, "bad_plan", f"line {number} is not a line of a plan: {line[:80]}")
    return planned, tags
