"""What somebody should know before a change is made: a table of rules per kind of object, by the documentation of the
servers. Rules speak of what may happen; whether a table has rows is not known here."""

from __future__ import annotations

import re
from typing import Any, Final

from penstock.schema.changes import ChangeKind, Hazard, ObjectType
from penstock.schema.model import ONE_NAMESPACE

_TYPE: Final = re.compile(r"(?P<base>[^()]+?)(?:\((?P<sizes>[\d, ]+)\)(?P<after>.*))?", re.DOTALL)
_GROWING: Final = ("smallint", "integer", "bigint")
_Facts = dict[str, Any]


def hazards(engine: str, kind: ChangeKind, type_: ObjectType, before: _Facts, after: _Facts) -> tuple[Hazard, ...]:
    """The hazards of a change, each once, in alphabetical order."""
    found: set[Hazard] = set()
    if type_ == "table":
        found = _of_table(kind, before, after)
    elif type_ == "column":
        found = _of_column(engine, kind, before, after)
    elif type_ in ("index", "constraint") and kind != "removed":
        found = _of_key(type_, before, after)
    elif type_ in ("view", "materialized_view") and _differ(before, after, "definition", "columns"):
        found = {"loses_grants"} if kind == "changed" else set()
    elif type_ == "enum" and kind == "changed" and _differ(before, after, "values"):
        found = {"needs_commit"}
    return tuple(sorted(found))


def widens(before: str, after: str) -> bool:
    """Whether every value of a type of PostgreSQL fits into another as it is stored."""
    one, other = _TYPE.fullmatch(before), _TYPE.fullmatch(after)
    if one is None or other is None or (one["after"] or "") != (other["after"] or ""):
        return False
    if one["base"] == "character varying" and other["base"] == "text":
        return True
    if one["base"] != other["base"] or one["base"] not in ("character varying", "numeric"):
        return False
    if other["sizes"] is None:
        return True
    if one["sizes"] is None:
        return False
    (had, *scale), (has, *new_scale) = (part["sizes"].split(",") for part in (one, other))
    return int(had) <= int(has) and scale == new_scale


def _of_table(kind: ChangeKind, before: _Facts, after: _Facts) -> set[Hazard]:
    if kind == "removed":
        return {"drops_data"}
    if kind == "added":
        return set()
    found: set[Hazard] = set()
    if _differ(before, after, "storage_engine"):
        found |= {"rewrites_table", "blocks_writes"}
    if after.get("parent") is not None and _differ(before, after, "bound", "parent"):
        found |= {"may_fail_on_rows", "blocks_writes"}
    return found


def _of_column(engine: str, kind: ChangeKind, before: _Facts, after: _Facts) -> set[Hazard]:
    if kind == "removed":
        return {"drops_data"} if not before.get("generated") else set()
    found: set[Hazard] = set()
    if kind == "added":
        virtual = after.get("virtual") or str(after.get("generated")).endswith(" virtual")
        stored = after.get("generated") and not virtual
        counted = after.get("identity") is not None or str(after.get("default")).startswith("nextval(")
        if stored or counted:
            found |= {"rewrites_table", "blocks_writes"}
        elif not (after["nullable"] or after.get("default") or after.get("generated")) and engine not in ONE_NAMESPACE:
            found.add("may_fail_on_rows")
        return found
    if _differ(before, after, "generated", "virtual"):
        found |= {"rewrites_table", "blocks_writes"}
        if not before.get("generated"):
            found.add("drops_data")
    if _differ(before, after, "type"):
        harmless = engine not in ONE_NAMESPACE and widens(before["type"], after["type"])
        if not harmless:
            found |= {"rewrites_table", "blocks_writes"}
            if not _grows(before["type"], after["type"]):
                found |= {"may_fail_on_rows", "may_change_values"}
    if _differ(before, after, "collation"):
        found |= {"rewrites_table", "blocks_writes"}
        if engine in ONE_NAMESPACE:
            found |= {"may_fail_on_rows", "may_change_values"}
    if before["nullable"] and not after["nullable"]:
        found |= {"may_fail_on_rows", "blocks_writes"}
    return found


def _of_key(type_: ObjectType, before: _Facts, after: _Facts) -> set[Hazard]:
    if type_ == "index":
        return {"blocks_writes", "may_fail_on_rows"} if after.get("unique") else {"blocks_writes"}
    if after.get("validated", True) is False:
        return set()
    if before and not before.get("validated", True) and before["definition"] == f"{after['definition']} NOT VALID":
        return {"may_fail_on_rows"}  # only reads while others write
    return {"blocks_writes", "may_fail_on_rows"}


def _grows(before: str, after: str) -> bool:
    return before in _GROWING and after in _GROWING and _GROWING.index(before) < _GROWING.index(after)


def _differ(before: _Facts, after: _Facts, *names: str) -> bool:
    return any(before.get(name) != after.get(name) for name in names)
