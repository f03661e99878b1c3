"""Says what a PostgreSQL statement is and what that means for running it; judging it is the review's
business.

What the grammar does not know is *unknown* and opaque, never safe; even then its first words tell whether it
would end the transaction that it shares with its ledger row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from penstock.sql import kinds, parser
from penstock.sql.first_words import first_words, guess
from penstock.sql.statement import Statement

Refusal = Literal["transaction_control", "session_tampering", "ambiguous_statement"]

_OPAQUE: Final = frozenset({"DoStmt", "CallStmt", "ExecuteStmt"})
_LOSES_DATA: Final = frozenset({"drop_table", "drop_schema", "drop_database", "drop_sequence", "drop_foreign_table"})
_IDENTITY_SETTINGS: Final = frozenset({"role", "session_authorization"})


class Classification(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one statement is.

    Args:
        kind: verb and object, for example ``create_table``, ``alter_table``, ``insert``; ``unknown`` when not
            parsed.
        transactional: it may share a transaction with other statements.
        transaction_control: it would begin, end or change the transaction.
        session_tampering: it would change whose session this is, or how the rest of the text is read.
        opaque: what it does cannot be read from its text.
        destructive: it drops or removes data.
        parsed: the grammar knows it.
        objects: names of relations in the text, qualified as written, each once, in order.
        refusal: why it can never run as part of a change; None when it can.
        note: what the grammar said about a statement that it does not know.
    """

    kind: str
    transactional: bool = True
    transaction_control: bool = False
    session_tampering: bool = False
    opaque: bool = False
    destructive: bool = False
    parsed: bool = True
    objects: tuple[str, ...] = ()
    refusal: Refusal | None = None
    note: str | None = None


def classify(statement: Statement) -> Classification:
    """Classify one statement as `penstock.sql.splitter.split` returned it. Never raises."""
    try:
        nodes = parser.parse(statement.text)
    except parser.ParseError as error:
        return _unknown(statement.text, error.message)
    if len(nodes) != 1:
        note = f"The server would read {len(nodes)} statements here."
        return Classification("unknown", opaque=True, parsed=False, refusal="ambiguous_statement", note=note)
    [(tag, node)] = nodes[0].items()
    kind = kinds.kind_of(tag, node)
    control = kinds.is_transaction_control(tag, node)
    tampering = _tampers(tag, node)
    return Classification(
        kind=kind,
        transactional=kinds.is_transactional(tag, node),
        transaction_control=control,
        session_tampering=tampering,
        opaque=tag in _OPAQUE,
        destructive=_destroys(kind, node),
        objects=tuple(dict.fromkeys(_relations(nodes[0]))),
        refusal=_refusal(control, tampering),
    )


def _refusal(control: bool, tampering: bool) -> Refusal | None:
    if control:
        return "transaction_control"
    return "session_tampering" if tampering else None


def _unknown(text: str, note: str) -> Classification:
    guessed = guess(first_words(text))
    return Classification(
        kind="unknown",
        transactional=guessed != "non_transactional",
        transaction_control=guessed == "transaction_control",
        session_tampering=guessed == "session_tampering",
        opaque=True,
        parsed=False,
        refusal=_refusal(guessed == "transaction_control", guessed == "session_tampering"),
        note=note,
    )


def _tampers(tag: str, node: dict[str, Any]) -> bool:
    if tag == "DiscardStmt":
        return True
    if tag == "VariableSetStmt":
        name = str(node.get("name", "")).lower()
        # With backslash escapes on, the server would see other statements than we did.
        return name in _IDENTITY_SETTINGS or (name == "standard_conforming_strings" and not _turns_on(node))
    return any(_sets_identity(call) for call in _find(node, "FuncCall"))


def _turns_on(setting: dict[str, Any]) -> bool:
    value = msgspec.json.encode(setting.get("args", [])).lower()
    return setting.get("kind") == "VAR_SET_VALUE" and any(f'"{on}"'.encode() in value for on in ("on", "true", "yes"))


def _sets_identity(call: dict[str, Any]) -> bool:
    name = [part["String"].get("sval") for part in call.get("funcname", ()) if "String" in part]
    if not name or name[-1] != "set_config":
        return False
    first: dict[str, Any] = next(iter(call.get("args", ())), {})
    setting = first.get("A_Const", {}).get("sval", {}).get("sval", "")
    return setting.lower() in _IDENTITY_SETTINGS | {"standard_conforming_strings"}


def _destroys(kind: str, node: dict[str, Any]) -> bool:
    if kind in _LOSES_DATA or kind in ("truncate", "delete"):
        return True
    return kind == "alter_table" and any(
        command.get("subtype") == "AT_DropColumn" for command in _find(node, "AlterTableCmd")
    )


def _walk(tree: Any) -> Iterator[dict[str, Any]]:
    todo = [tree]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            yield value
            todo.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            todo.extend(reversed(value))


def _find(tree: Any, tag: str) -> Iterator[dict[str, Any]]:
    return (value[tag] for value in _walk(tree) if isinstance(value.get(tag), dict))


def _relations(tree: dict[str, Any]) -> Iterator[str]:
    names_of_queries = {query.get("ctename") for query in _find(tree, "CommonTableExpr")}
    for value in _walk(tree):
        name, schema = value.get("relname"), value.get("schemaname")
        if isinstance(name, str) and (schema or name not in names_of_queries):
            yield f"{schema}.{name}" if schema else name
        if "removeType" in value and value["removeType"] in kinds.RELATION_OBJECTS:
            for item in value.get("objects", ()):
                parts = item.get("List", {}).get("items", ())
                yield ".".join(part["String"]["sval"] for part in parts if "String" in part)
