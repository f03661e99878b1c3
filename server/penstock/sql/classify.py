"""Says what a PostgreSQL statement is and what that means for running it; judging it is the review's
business.

What the grammar does not know is *unknown* and opaque, never safe; even then its first words tell whether it
would end the transaction that it shares with its ledger row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from penstock.sql import kinds, outside, parser, tree
from penstock.sql.first_words import first_words, guess
from penstock.sql.statement import Statement

Refusal = Literal["transaction_control", "session_tampering", "ambiguous_statement", "ledger_tampering"]
# How a statement that was running when we lost sight of it may be gone on with.
Resume = Literal["repeat", "compare", "never"]

_OPAQUE: Final = frozenset({"DoStmt", "CallStmt", "ExecuteStmt"})
_LOSES_DATA: Final = frozenset(
    {"drop_table", "drop_schema", "drop_database", "drop_sequence", "drop_foreign_table", "truncate", "delete"}
)
OUR_SCHEMA: Final = "penstock"
_WRITES: Final = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
_QUERIES: Final = frozenset({"SelectStmt", "ExplainStmt", "CreateTableAsStmt", *_WRITES})
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
        reads, writes: those of them whose rows or definition it reads or changes.
        creates, drops: what it makes and what it drops, relations or not.
        refusal: why it can never run as part of a change; None when it can.
        note: what the grammar said about a statement that it does not know.
        session: all that it does is to its session (MySQL and MariaDB only).
        resume: how to go on when it ran outside of a transaction and nobody knows how it ended.
    """

    kind: str
    transactional: bool = True
    transaction_control: bool = False
    session_tampering: bool = False
    opaque: bool = False
    destructive: bool = False
    parsed: bool = True
    objects: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    refusal: Refusal | None = None
    note: str | None = None
    session: bool = False
    resume: Resume = "never"

    @property
    def undecidable(self) -> bool:
        """If a crash interrupts it, nobody can tell whether it took effect."""
        return not (self.transactional or self.session) and self.resume == "never"


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
    found = tree.read(tag, node)
    kind = kinds.kind_of(tag, node)
    control = kinds.is_transaction_control(tag, node)
    tampering = _tampers(tag, node, found.calls)
    # Most statements do not so much as mention it; U&"" may spell it in other letters.
    ours = _mentions_us(statement.text) and _writes_ledger(tag, node)
    transactional = kinds.is_transactional(tag, node)
    return Classification(
        kind=kind,
        transactional=transactional,
        transaction_control=control,
        session_tampering=tampering,
        opaque=tag in _OPAQUE,
        destructive=kind in _LOSES_DATA or (kind == "alter_table" and found.drops_column),
        objects=found.objects,
        reads=found.reads,
        writes=found.writes,
        creates=found.creates,
        drops=found.drops,
        refusal=_refusal(control, tampering, ours),
        resume="never" if transactional else _resume(outside.of_node(tag, node)),
    )


def _refusal(control: bool, tampering: bool, ledger: bool = False) -> Refusal | None:
    if control:
        return "transaction_control"
    if tampering:
        return "session_tampering"
    return "ledger_tampering" if ledger else None


def _resume(found: outside.Outside) -> Resume:
    if found.undecidable:
        return "never"
    return "repeat" if found.action in ("repeat", "reindex") else "compare"


def _mentions_us(text: str) -> bool:
    """Whether a statement may name our schema."""
    small = text.lower()
    return OUR_SCHEMA in small or 'u&"' in small


def _writes_ledger(tag: str, node: dict[str, Any]) -> bool:
    """Whether it writes or redefines what is in the schema that is ours; reading it is harmless."""
    if tag in _QUERIES:
        targets = [node.get("relation", {}) if tag != "SelectStmt" else {}]
        targets += [inner.get("relation", {}) for kind in _WRITES for inner in find(node, kind)]
        return any(target.get("schemaname") == OUR_SCHEMA for target in targets)
    if "OBJECT_SCHEMA" in (node.get(field) for field in ("removeType", "renameType", "objectType", "objtype")):
        named = [node.get(field) for field in ("objects", "object", "subname", "newname")]
        return f'"{OUR_SCHEMA}"'.encode() in msgspec.json.encode(named)
    if node.get("newschema") == OUR_SCHEMA:
        return True
    return any(value.get("schemaname") == OUR_SCHEMA or _qualified_by_us(value) for value in _walk(node))


def _qualified_by_us(value: dict[str, Any]) -> bool:
    """A name of several parts, as DROP and COMMENT have them."""
    items: list[dict[str, Any]] = value["List"].get("items", []) if isinstance(value.get("List"), dict) else []
    return len(items) > 1 and items[0].get("String", {}).get("sval") == OUR_SCHEMA


def _unknown(text: str, note: str) -> Classification:
    guessed = guess(first_words(text))
    resume = _resume(outside.outside(text)) if guessed == "non_transactional" else "never"
    return Classification(
        kind="unknown",
        transactional=guessed != "non_transactional",
        transaction_control=guessed == "transaction_control",
        session_tampering=guessed == "session_tampering",
        opaque=True,
        parsed=False,
        refusal=_refusal(guessed == "transaction_control", guessed == "session_tampering"),
        note=note,
        resume=resume,
    )


def _tampers(tag: str, node: dict[str, Any], calls: Iterable[dict[str, Any]]) -> bool:
    if tag == "DiscardStmt":
        return True
    if tag == "VariableSetStmt":
        name = str(node.get("name", "")).lower()
        # With backslash escapes on, the server would see other statements than we did.
        return name in _IDENTITY_SETTINGS or (name == "standard_conforming_strings" and not _turns_on(node))
    return any(_sets_identity(call) for call in calls)


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


def _walk(tree: Any) -> Iterator[dict[str, Any]]:
    todo = [tree]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            yield value
            todo.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            todo.extend(reversed(value))


def find(tree: Any, tag: str) -> Iterator[dict[str, Any]]:
    """Every node of that name, wherever in a tree of the grammar."""
    return (value[tag] for value in _walk(tree) if isinstance(value.get(tag), dict))
