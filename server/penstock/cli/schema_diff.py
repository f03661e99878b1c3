"""What differs between two schemas, as a tree for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.markup import escape

from penstock.cli.promote import reference
from penstock.cli.remote.client import Json

_SIGNS: Final = {"added": "[green]+[/green]", "removed": "[red]-[/red]", "changed": "[yellow]~[/yellow]"}
_LONGEST: Final = 100  # characters of a value
_PARTS: Final = frozenset({"column", "index", "constraint"})


def side(named: str) -> Json:
    """A side as the API takes it: a snapshot by its fingerprint, else a database."""
    return {"snapshot": named} if named.startswith("sha256:") else {"database": reference(named)}


def lines(found: Json) -> Iterator[str]:
    """The differences, what belongs to a table below it."""
    left, right = (_shown(found[name]["database"] or found[name]["snapshot"]) for name in ("left", "right"))
    if found["equal"]:
        yield f"[green]✓[/green] {left} and {right} are equal."
        return
    yield f"[bold]{left} → {right}[/bold]"
    above: list[str] = []
    for change in found["changes"]:
        is_part = change["type"] in _PARTS or change["type"] == "column_order"
        place = change["path"][:-1] if change["type"] in _PARTS else change["path"]
        if is_part and place != above:
            yield f"  {_name(place)}"
        if is_part or change["type"] == "table":
            above = place
        yield from _change(change, "    " if is_part else "  ")
    if found["left_out"]:
        yield f"  … and {found['left_out']} more"
    if found["unrendered"]:
        yield f"[yellow]![/yellow] {found['unrendered']} of them cannot be written as DDL."


def _change(change: Json, indent: str) -> Iterator[str]:
    kind, type_ = change["kind"], change["type"].replace("_", " ")
    name = "" if change["type"] in ("database", "column_order") else f" [bold]{_of(change)}[/bold]"
    line = f"{indent}{_SIGNS[kind]} {type_}{name}"
    before, after = change["before"] or {}, change["after"] or {}
    if kind == "changed":
        facts = [f"{_word(key)}: {_value(before.get(key))} → {_value(after.get(key))}" for key in {**before, **after}]
        line += "  " + "; ".join(facts)
    elif what := (after or before).get("definition" if change["type"] != "column" else "type"):
        line += f"  {_value(what)}"
    yield line
    if change["maybe_renamed_from"] is not None:
        yield f"{indent}    [cyan]?[/cyan] perhaps renamed from {_shown(change['maybe_renamed_from'])}"
    if change["hazards"]:
        yield f"{indent}    [red]![/red] {', '.join(change['hazards'])}"
    if change["unrendered"] is not None:
        yield f"{indent}    [yellow]∅[/yellow] no DDL: {change['unrendered']}"


def _of(change: Json) -> str:
    return _shown(change["path"][-1]) if change["type"] in _PARTS else _name(change["path"])


def _name(path: list[str]) -> str:
    return ".".join(map(_shown, path))


def _word(key: str) -> str:
    return key.replace("_", " ")


def _value(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return _shown(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def _shown(text: str) -> str:
    """A text of somebody else's without what would move the cursor or change colours."""
    return escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))
