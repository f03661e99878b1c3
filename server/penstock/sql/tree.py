"""Reads what a review needs out of one statement's tree, in one walk over it: that walk is most of what classifying
costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from penstock.sql.kinds import RELATION_OBJECTS

Node = dict[str, Any]

# Where a statement names the relation that it changes; every other relation in it is read.
_WRITES: Final = {
    "InsertStmt": "relation",
    "UpdateStmt": "relation",
    "DeleteStmt": "relation",
    "MergeStmt": "relation",
    "AlterTableStmt": "relation",
    "RenameStmt": "relation",
    "TruncateStmt": "relations",
    "IndexStmt": "relation",
    "CreateTrigStmt": "relation",
    "RuleStmt": "relation",
    "CreatePolicyStmt": "table",
    "AlterPolicyStmt": "table",
    "AlterSeqStmt": "sequence",
    "AlterObjectSchemaStmt": "relation",
    "AlterOwnerStmt": "relation",
    "RefreshMatViewStmt": "relation",
    "ClusterStmt": "relation",
    "ReindexStmt": "relation",
    "GrantStmt": "objects",
}
_CREATES: Final = {
    "CreateStmt": "relation",
    "CreateForeignTableStmt": "base",
    "ViewStmt": "view",
    "CreateSeqStmt": "sequence",
    "CompositeTypeStmt": "typevar",
    "IntoClause": "rel",
}
# Where a statement names what it makes, when that is no relation.
_CREATED_NAMES: Final = {
    "IndexStmt": "idxname",
    "CreateTrigStmt": "trigname",
    "CreateEventTrigStmt": "trigname",
    "CreatePolicyStmt": "policy_name",
    "RuleStmt": "rulename",
    "CreateSchemaStmt": "schemaname",
    "CreateExtensionStmt": "extname",
    "CreateFunctionStmt": "funcname",
    "CreateEnumStmt": "typeName",
    "CreateRangeStmt": "typeName",
    "CreateDomainStmt": "domainname",
    "DefineStmt": "defnames",
    "CreateStatsStmt": "defnames",
    "CreatedbStmt": "dbname",
    "CreateTableSpaceStmt": "tablespacename",
    "CreateRoleStmt": "role",
    "CreatePublicationStmt": "pubname",
    "CreateSubscriptionStmt": "subname",
    "CreateForeignServerStmt": "servername",
}
_DROPPED_NAMES: Final = {
    "DropdbStmt": "dbname",
    "DropTableSpaceStmt": "tablespacename",
    "DropSubscriptionStmt": "subname",
}
_TARGETS: Final = frozenset(_WRITES | _CREATES)


class Tree(NamedTuple):
    """What is in a statement.

    Args:
        objects: relations in the order of the text, without those that the statement only makes up for itself (WITH).
        reads, writes: the relations whose rows or definition it reads or changes.
        creates, drops: everything that it makes or drops, relation or not.
        calls: function calls.
        drops_column: ALTER TABLE … DROP COLUMN is part of it.
    """

    objects: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    creates: tuple[str, ...]
    drops: tuple[str, ...]
    calls: list[Node]
    drops_column: bool


def read(tag: str, node: Node) -> Tree:
    """Read the statement ``{tag: node}``."""
    roles: dict[int, str] = {}
    relations: list[Node] = []
    calls: list[Node] = []
    queries: set[str] = set()
    drops_column = False
    todo: list[Any] = [{tag: node}]
    while todo:
        value = todo.pop()
        if type(value) is list:
            todo.extend(value)
            continue
        if "relname" in value:
            relations.append(value)
        for key, child in value.items():
            if type(child) is not dict:
                if type(child) is list:
                    todo.append(child)
                continue
            todo.append(child)
            if key in _TARGETS:
                _mark(key, child, roles)
            elif key == "into" or key == "intoClause":
                _mark("IntoClause", child, roles)
            elif key == "FuncCall":
                calls.append(child)
            elif key == "CommonTableExpr":
                queries.add(child.get("ctename", ""))
            elif key == "AlterTableCmd" and child.get("subtype") == "AT_DropColumn":
                drops_column = True
            elif key == "CopyStmt":
                _mark("InsertStmt" if child.get("is_from") else "", child, roles)
    return _told_apart(tag, node, relations, roles, queries, calls, drops_column)


def _told_apart(
    tag: str,
    node: Node,
    relations: list[Node],
    roles: dict[int, str],
    queries: set[str],
    calls: list[Node],
    drops_column: bool,
) -> Tree:
    found: dict[str, list[str]] = {"reads": [], "writes": [], "creates": [], "drops": []}
    names = []
    if len(relations) > 1:
        relations.sort(key=_place)
    for relation in relations:
        schema, name = relation.get("schemaname"), relation["relname"]
        role = roles.get(id(relation), "reads")
        if role == "reads" and not schema and name in queries:
            continue
        name = f"{schema}.{name}" if schema else name
        names.append(name)
        found[role].append(name)
    if tag in _CREATED_NAMES and (made := _name(node.get(_CREATED_NAMES[tag]))):
        found["creates"].append(made)
    if tag == "DropStmt":
        found["drops"] = [_name(item) for item in node.get("objects", ())]
        if node.get("removeType") in RELATION_OBJECTS:
            names += found["drops"]
    elif tag == "DropRoleStmt":
        found["drops"] = [item.get("RoleSpec", {}).get("rolename", "") for item in node.get("roles", ())]
    elif tag in _DROPPED_NAMES:
        found["drops"] = [_name(node.get(_DROPPED_NAMES[tag]))]
    each = {role: tuple(dict.fromkeys(values)) for role, values in found.items()}
    return Tree(tuple(dict.fromkeys(names)), **each, calls=calls, drops_column=drops_column)


def _place(relation: Node) -> int:
    return int(relation.get("location", 0))


def _mark(tag: str, node: Node, roles: dict[int, str]) -> None:
    """Note what becomes of the relations that the node names as its targets."""
    for table, role in ((_WRITES, "writes"), (_CREATES, "creates")):
        target = node.get(table.get(tag, ""))
        if isinstance(target, dict):
            # A relation may stand in a node of its own, or of a statement that is part of another.
            roles[id(target.get("RangeVar") or target.get("relation") or target)] = role
        elif isinstance(target, list):
            roles.update((id(item["RangeVar"]), role) for item in target if "RangeVar" in item)


def _name(value: Any) -> str:
    """The name of something, of one part or several; of a function without its arguments."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ".".join(filter(None, map(_name, value)))
    if not isinstance(value, dict):
        return ""
    if "sval" in value:
        return str(value["sval"])
    inner: Iterable[Any] = (value.get(key) for key in ("String", "List", "TypeName", "ObjectWithArgs"))
    whole = next(filter(None, inner), None)
    if whole is not None:
        return _name(whole)
    parts = next((value[key] for key in ("items", "names", "objname") if key in value), None)
    return _name(parts) if parts else ""
