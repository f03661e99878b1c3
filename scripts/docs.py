"""Writes the tables of the documentation that follow from the code: .venv/bin/python scripts/docs.py [--check]

Each stands between `<!-- generated: name -->` and `<!-- end -->`. With --check nothing is written; the exit code
is 1 when a table is not current.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

import cli_reference
from prometheus_client import REGISTRY

from penstock import bootstrap, settings
from penstock.domain.access import permission
from penstock.domain.errors import PenstockError
from penstock.domain.pipeline.status import MOVES, TASK_STATUSES, TRANSITIONS
from penstock.web import problems

DOCS = Path(__file__).resolve().parents[1] / "docs"
_PLACE = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head, *lines = (f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in (heading, *rows))
    return head + "|---" * (head.count("|") - 1) + "|\n" + "".join(lines)


def settings_table() -> str:
    """Every setting with its default."""
    words = {"True": "true", "False": "false"}
    rows = (
        (f"`{variable}`", f"`{words.get(default, default)}`" if default else "", meaning)
        for variable, default, meaning in settings.describe()
    )
    return table(("variable", "default", "meaning"), rows)


def permissions_table() -> str:
    """Which role has which permission."""
    roles = [
        ("everybody", permission.SIGNED_IN),
        *((f"project {role}", permission.PROJECT_ROLES[role]) for role in ("viewer", "developer", "releaser", "owner")),
        *((f"workspace {role}", permission.WORKSPACE_ROLES[role]) for role in ("dba", "admin")),
    ]
    rows = [
        [
            f"`{verb}`",
            *("✓" if verb in held or verb in permission.SIGNED_IN else "" for _, held in roles),
            "✓" if verb in permission.PEOPLE_ONLY else "",
        ]
        for verb in sorted(permission.ALL)
    ]
    return table(["permission", *(name for name, _ in roles), "people only"], rows)


def errors_table() -> str:
    """The codes of whole answers: our own errors, and those of HTTP itself."""
    found: dict[str, tuple[int, str]] = {}
    for error in _subclasses(PenstockError):
        if error.code not in ("internal", "validation_failed") and not _is_for_operators(error):
            found.setdefault(error.code, (error.status, _said(error)))
    found["validation_failed"] = (422, "Not valid: `errors` says why. A single mistake may give its own code here.")
    found["internal"] = (500, "Something went wrong inside Penstock; it was logged under the answer's `request_id`.")
    for status, code in problems.CODES.items():
        found.setdefault(code, (status, f"HTTP's own {status}."))
    rows = sorted((status, code, text) for code, (status, text) in found.items())
    return table(("status", "code", "meaning"), ((str(s), f"`{c}`", t) for s, c, t in rows))


def field_errors_table() -> str:
    """The codes inside ``errors``, with the words that the code gives them."""
    found: dict[str, str] = {}
    for path in sorted({Path(inspect.getfile(module)) for module in _modules()}):
        for code, text in _field_errors(ast.parse(path.read_text())):
            if len(text) > len(found.get(code, "")):
                found[code] = text
    return table(("code", "for example"), ((f"`{code}`", found[code]) for code in sorted(found)))


def metrics_table() -> str:
    """Everything that /metrics has of our own."""
    rows = []
    for family in REGISTRY.collect():
        if family.name.startswith("penstock_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = ", ".join(f"`{label}`" for label in _labels(family.name))
            rows.append((f"`{name}`", family.type, labels, family.documentation))
    return table(("metric", "type", "labels", "meaning"), sorted(rows))


def task_states() -> str:
    """The state machine of a task, drawn; loops and ends as Mermaid has them."""
    moves = "".join(f"    {source} --> {target}: {on}\n" for (source, target), on in MOVES.items())
    ends = "".join(f"    {status} --> [*]\n" for status in TASK_STATUSES if not TRANSITIONS[status])
    return f"```mermaid\nstateDiagram-v2\n    [*] --> {TASK_STATUSES[0]}\n{moves}{ends}```\n"


def task_moves_table() -> str:
    """The same as a table, for whoever cannot see it."""
    return table(("from", "to", "on"), ((f"`{source}`", f"`{target}`", on) for (source, target), on in MOVES.items()))


TABLES: dict[str, Callable[[], str]] = {
    "task-states": task_states,
    "task-moves": task_moves_table,
    "settings": settings_table,
    "permissions": permissions_table,
    "errors": errors_table,
    "field-errors": field_errors_table,
    "metrics": metrics_table,
    "commands": cli_reference.markdown,
}


def current(text: str) -> str:
    """A page's text with its tables as they should be."""
    return _PLACE.sub(lambda place: f"{place[1]}{TABLES[place[2]]()}{place[3]}", text)


def main() -> int:
    """Write or check every page."""
    stale = [page for page in sorted(DOCS.rglob("*.md")) if page.read_text() != current(page.read_text())]
    for page in stale:
        print(page.relative_to(DOCS.parent))
        if "--check" not in sys.argv:
            page.write_text(current(page.read_text()))
    return 1 if stale and "--check" in sys.argv else 0


def _subclasses(kind: type[PenstockError]) -> Iterator[type[PenstockError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def _is_for_operators(error: type[PenstockError]) -> bool:
    """Raised where nobody asks over HTTP: at the start, in the runner, in the demo."""
    return error.__module__.startswith(("penstock.bootstrap", "penstock.runtime", "penstock.demo")) or error.code in (
        "lease_lost",
        "master_key_unusable",
        "split_error",
    )


def _said(error: type[PenstockError]) -> str:
    return " ".join((error.__doc__ or "").strip().split("\n\n")[0].split())


def _modules() -> list[ModuleType]:
    """What a running server has loaded: a module that nothing uses has nothing to say."""
    assert bootstrap.__name__ in sys.modules
    return [module for name, module in sys.modules.items() if name.startswith("penstock.")]


def _field_errors(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Code and message of every mistake that a module can name; a message may be in a variable made just before."""
    messages = [
        (node.lineno, _words(node.value))
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "message"
    ]
    places = {"FieldError": (1, 2), "SplitError": (0, 3)}
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and (name := getattr(call.func, "id", "")) in places:
            text, code = (call.args[n] if len(call.args) > n else None for n in places[name])
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                before = [message for line, message in sorted(messages) if line <= call.lineno]
                yield code.value, _words(text) or (before or [""])[-1]


def _words(text: ast.expr | None) -> str:
    if isinstance(text, ast.Constant):
        return str(text.value)
    if isinstance(text, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in text.values)
    return ""


def _labels(family: str) -> tuple[str, ...]:
    for collector, names in REGISTRY._collector_to_names.items():
        if family in names:
            return tuple(getattr(collector, "_labelnames", ()))
    return ()


if __name__ == "__main__":
    sys.exit(main())
