"""Says what a PostgreSQL statement leaves behind in its session, which ends when an attempt does.

A change in several steps may be gone on with in another session: settings are then made again; tables that were
temporary are lost, so such a change is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from penstock.sql import parser
from penstock.sql.classify import Classification
from penstock.sql.statement import Statement
from penstock.sql.steps import Step

Trace = Literal["none", "setting", "data"]

_MAY_SET: Final = frozenset({"set", "select", "prepare", "deallocate", "load"})
_MAY_KEEP: Final = frozenset(
    {"create_table", "create_table_as", "create_view", "create_sequence", "select", "declare_cursor"}
)
_HOLD: Final = 0x0020  # CURSOR_OPT_HOLD


def trace(statement: Statement, found: Classification) -> Trace:
    """What outlives the statement's transaction in the session: settings to make again, or data that would be lost."""
    if found.kind not in _MAY_SET | _MAY_KEEP or not found.parsed:
        return "none"
    [(tag, node)] = parser.parse(statement.text)[0].items()
    if tag == "VariableSetStmt":
        return "none" if node.get("is_local") else "setting"
    if tag in ("PrepareStmt", "DeallocateStmt", "LoadStmt"):
        return "setting"
    if tag == "SelectStmt" and _only_sets(node):
        return "setting"
    if tag == "DeclareCursorStmt":
        return "data" if node.get("options", 0) & _HOLD else "none"
    return "data" if _is_temporary(tag, node) else "none"


def lost_between(
    statements: Sequence[Statement], classifications: Sequence[Classification], steps: Sequence[Step]
) -> Statement | None:
    """The first statement that leaves data in its session although steps follow that may run in another one."""
    if len(steps) < 2:
        return None
    before_last = zip(statements[: steps[-1].statements[0]], classifications, strict=False)
    return next((s for s, found in before_last if trace(s, found) == "data"), None)


def _only_sets(node: dict[str, Any]) -> bool:
    """``SELECT set_config('search_path', '', false)``, as dumps begin."""
    targets = node.get("targetList", ())
    return bool(targets) and "fromClause" not in node and all(_sets(item) for item in targets)


def _sets(target: dict[str, Any]) -> bool:
    call = target.get("ResTarget", {}).get("val", {}).get("FuncCall", {})
    name = [part.get("String", {}).get("sval") for part in call.get("funcname", ())]
    args = [arg.get("A_Const") for arg in call.get("args", ())]
    if name[-1:] != ["set_config"] or len(args) != 3 or any(arg is None for arg in args):
        return False
    return not args[2].get("boolval", {}).get("boolval", False)


def _is_temporary(tag: str, node: dict[str, Any]) -> bool:
    into = node.get("into") or node.get("intoClause") or {}
    relation = node.get("relation") or node.get("view") or node.get("sequence") or into.get("rel") or {}
    if "ONCOMMIT_DROP" in (node.get("oncommit"), into.get("onCommit")):
        return False
    return relation.get("relpersistence") == "t" or relation.get("schemaname") == "pg_temp"
