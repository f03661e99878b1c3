"""Tables that turn libpg_query's node names into our words, and the few with rules of their own."""

from __future__ import annotations

import re
from typing import Any, Final

Node = dict[str, Any]

RELATION_OBJECTS: Final = frozenset(
    {
        "OBJECT_TABLE",
        "OBJECT_VIEW",
        "OBJECT_MATVIEW",
        "OBJECT_FOREIGN_TABLE",
        "OBJECT_INDEX",
        "OBJECT_SEQUENCE",
    }
)

_KINDS: Final = {
    "CreateStmt": "create_table",
    "CreateTableAsStmt": "create_table_as",
    "CreateForeignTableStmt": "create_foreign_table",
    "IndexStmt": "create_index",
    "ViewStmt": "create_view",
    "CreateSeqStmt": "create_sequence",
    "AlterSeqStmt": "alter_sequence",
    "CreateEnumStmt": "create_type",
    "CompositeTypeStmt": "create_type",
    "CreateRangeStmt": "create_type",
    "AlterEnumStmt": "alter_type",
    "CreateDomainStmt": "create_domain",
    "AlterDomainStmt": "alter_domain",
    "CreateTrigStmt": "create_trigger",
    "CreateEventTrigStmt": "create_event_trigger",
    "CreateSchemaStmt": "create_schema",
    "CreateExtensionStmt": "create_extension",
    "AlterExtensionStmt": "alter_extension",
    "CreatePolicyStmt": "create_policy",
    "AlterPolicyStmt": "alter_policy",
    "CreateStatsStmt": "create_statistics",
    "CreateRoleStmt": "create_role",
    "AlterRoleStmt": "alter_role",
    "AlterRoleSetStmt": "alter_role",
    "DropRoleStmt": "drop_role",
    "CreatedbStmt": "create_database",
    "DropdbStmt": "drop_database",
    "AlterDatabaseStmt": "alter_database",
    "AlterDatabaseSetStmt": "alter_database",
    "CreateTableSpaceStmt": "create_tablespace",
    "DropTableSpaceStmt": "drop_tablespace",
    "AlterFunctionStmt": "alter_function",
    "RefreshMatViewStmt": "refresh_materialized_view",
    "RuleStmt": "create_rule",
    "InsertStmt": "insert",
    "UpdateStmt": "update",
    "DeleteStmt": "delete",
    "MergeStmt": "merge",
    "SelectStmt": "select",
    "CopyStmt": "copy",
    "TransactionStmt": "transaction",
    "VariableSetStmt": "set",
    "VariableShowStmt": "show",
    "GrantRoleStmt": "grant_role",
    "AlterDefaultPrivilegesStmt": "alter_default_privileges",
    "AlterOwnerStmt": "alter_owner",
    "AlterObjectSchemaStmt": "alter_schema_of",
    "RenameStmt": "rename",
    "CommentStmt": "comment",
    "DefineStmt": "define",
}
_OBJECTS: Final = {"OBJECT_MATVIEW": "materialized_view", "OBJECT_TABCONSTRAINT": "constraint"}
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WHOLE: Final = frozenset({"REINDEX_OBJECT_DATABASE", "REINDEX_OBJECT_SYSTEM", "REINDEX_OBJECT_SCHEMA"})
_REFRESHING: Final = frozenset(
    {
        "ALTER_SUBSCRIPTION_REFRESH",
        "ALTER_SUBSCRIPTION_REFRESH_PUBLICATION",
        "ALTER_SUBSCRIPTION_SET_PUBLICATION",
        "ALTER_SUBSCRIPTION_ADD_PUBLICATION",
        "ALTER_SUBSCRIPTION_DROP_PUBLICATION",
    }
)
_NEVER_TRANSACTIONAL: Final = frozenset(
    {"CreatedbStmt", "DropdbStmt", "AlterSystemStmt", "CreateTableSpaceStmt", "DropTableSpaceStmt"}
)


def kind_of(tag: str, node: Node) -> str:
    """Our word for a node: a stable snake_case verb with its object."""
    if tag == "DropStmt":
        return "drop_" + _object(node.get("removeType", "OBJECT_OBJECT"))
    if tag == "AlterTableStmt":
        return "alter_" + _object(node.get("objtype", "OBJECT_TABLE"))
    if tag == "CreateFunctionStmt":
        return "create_procedure" if node.get("is_procedure") else "create_function"
    if tag == "CreateTableAsStmt" and node.get("objtype") == "OBJECT_MATVIEW":
        return "create_materialized_view"
    if tag == "GrantStmt":
        return "grant" if node.get("is_grant") else "revoke"
    if tag == "VacuumStmt":
        return "vacuum" if node.get("is_vacuumcmd") else "analyze"
    return _KINDS.get(tag) or _CAMEL.sub("_", tag.removesuffix("Stmt")).lower()


def _object(name: str) -> str:
    return _OBJECTS.get(name) or name.removeprefix("OBJECT_").lower()


def is_transaction_control(tag: str, node: Node) -> bool:
    """Whether it begins, ends, prepares or changes a transaction; savepoints count, since they can undo our
    ledger row."""
    if tag == "TransactionStmt":
        return True
    name = str(node.get("name", "")).upper()
    return tag == "VariableSetStmt" and (name.startswith("TRANSACTION") or name == "SESSION CHARACTERISTICS")


def is_transactional(tag: str, node: Node) -> bool:
    """Whether PostgreSQL runs it inside a transaction block (source: the callers of
    PreventInTransactionBlock)."""
    if tag in _NEVER_TRANSACTIONAL:
        return False
    if tag in ("IndexStmt", "DropStmt"):
        return not node.get("concurrent")
    if tag == "ReindexStmt":
        return node.get("kind") not in _WHOLE and not _option(node, "params", "concurrently")
    if tag == "VacuumStmt":
        return not node.get("is_vacuumcmd")
    if tag == "ClusterStmt":
        return "relation" in node
    if tag == "AlterDatabaseStmt":
        return _option(node, "options", "tablespace") is None
    if tag == "AlterTableStmt":
        return not any(_detaches_concurrently(command) for command in node.get("cmds", ()))
    if tag == "CreateSubscriptionStmt":
        connects = _option(node, "options", "connect") != "false"
        return not connects or _option(node, "options", "create_slot") == "false"
    if tag == "AlterSubscriptionStmt":
        return node.get("kind") not in _REFRESHING or _option(node, "options", "refresh") == "false"
    return tag != "DropSubscriptionStmt"


def has_option(node: Node, field: str, name: str) -> bool:
    """Whether an option of that name is given and not switched off."""
    return (_option(node, field, name) or "false") != "false"


def _option(node: Node, field: str, name: str) -> str | None:
    """The value of an option of that name, ``true`` for a bare one, None when it is not given or switched
    off."""
    for item in node.get(field, ()):
        option = item.get("DefElem", {})
        if option.get("defname") == name:
            value = option.get("arg", {})
            text = value.get("String", {}).get("sval") or str(value.get("Integer", {}).get("ival", "")) or "true"
            off = text.lower() in ("false", "off", "0", "no")
            return ("false" if field == "options" else None) if off else text
    return None


def _detaches_concurrently(command: Node) -> bool:
    definition = command.get("AlterTableCmd", {}).get("def", {})
    return bool(definition.get("PartitionCmd", {}).get("concurrent"))
