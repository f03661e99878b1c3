"""Reads PostgreSQL statements that run outside of a transaction: what they are about, how to go on after a crash.

Only what the catalog can prove afterwards, or what may simply run again, can be gone on with; the rest is
*undecidable*.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from penstock.sql import kinds, parser
from penstock.sql.first_words import first_words
from penstock.sql.splitter.postgres_tokens import Kind, tokens

Action = Literal[
    "create_index",
    "drop_index",
    "detach_partition",
    "reindex",
    "create_database",
    "drop_database",
    "move_database",
    "create_tablespace",
    "drop_tablespace",
    "repeat",
    "undecidable",
]

_NAMES: Final = (Kind.WORD, Kind.QUOTED_NAME)
_BLANKS: Final = (Kind.BLANK, Kind.COMMENT)


class Outside(msgspec.Struct, frozen=True):
    """One statement that runs outside of a transaction.

    Args:
        action: what it does to the object that it names; ``repeat`` when it may run any number of times,
            ``undecidable`` when nobody can tell after a crash whether it took effect.
        name: of the object: an index, a partition, a database, a tablespace; as written for indexes that are created
            and for what is no relation, quoted and qualified for other relations. Empty for an index without a name.
        table: quoted and qualified: of the index that is created, the partition's parent.
        to: the tablespace that a database is moved to.
        gentle: it makes nobody wait while it waits for locks itself, so it may take its time.
    """

    action: Action
    name: str = ""
    table: str = ""
    to: str = ""
    gentle: bool = False

    @property
    def unnamed(self) -> bool:
        """An index that the server would name: nobody could find it again."""
        return self.action == "create_index" and not self.name

    @property
    def undecidable(self) -> bool:
        """Nobody can tell after a crash whether it took effect."""
        return self.action == "undecidable" or self.unnamed


def outside(text: str) -> Outside:
    """Read a statement that `penstock.sql.classify.classify` calls not transactional. Never raises."""
    try:
        nodes = parser.parse(text)
    except parser.ParseError:
        return _guess(text)
    if len(nodes) != 1:
        return Outside("undecidable")
    [(tag, node)] = nodes[0].items()
    return of_node(tag, node)


def of_node(tag: str, node: dict[str, Any]) -> Outside:
    """The same of a statement that is parsed already."""
    match tag:
        case "IndexStmt":
            return Outside("create_index", node.get("idxname", ""), _relation(node["relation"]), gentle=True)
        case "DropStmt":
            names = [_list(item) for item in node.get("objects", ())]
            return Outside("drop_index", names[0], gentle=True) if len(names) == 1 else Outside("undecidable")
        case "AlterTableStmt":
            commands = node.get("cmds", ())
            if len(commands) != 1:  # the server takes no more than one here
                return Outside("undecidable")
            partition = commands[0]["AlterTableCmd"]["def"]["PartitionCmd"]["name"]
            return Outside("detach_partition", _relation(partition), _relation(node["relation"]), gentle=True)
        case "ReindexStmt":
            name = _relation(node["relation"]) if "relation" in node else ""
            return Outside("reindex", name, gentle=kinds.has_option(node, "params", "concurrently"))
        case "VacuumStmt":
            return Outside("repeat", gentle=not kinds.has_option(node, "options", "full"))
        case "ClusterStmt" | "AlterSystemStmt":
            return Outside("repeat")
        case "CreatedbStmt":
            return Outside("create_database", node["dbname"])
        case "DropdbStmt":
            return Outside("drop_database", node["dbname"])
        case "AlterDatabaseStmt":
            options = [item["DefElem"] for item in node.get("options", ())]
            to = [o["arg"]["String"]["sval"] for o in options if o["defname"] == "tablespace"]
            return Outside("move_database", node["dbname"], to=to[0]) if len(to) == 1 else Outside("undecidable")
        case "CreateTableSpaceStmt":
            return Outside("create_tablespace", node["tablespacename"])
        case "DropTableSpaceStmt":
            return Outside("drop_tablespace", node["tablespacename"])
    return Outside("undecidable")


def on_table(text: str, table: str) -> str:
    """``CREATE INDEX CONCURRENTLY`` for another table, without CONCURRENTLY.

    Args:
        text: a statement that `outside` reads as ``create_index``.
        table: quoted and qualified.
    """
    data = text.encode()
    location = parser.parse(text)[0]["IndexStmt"]["relation"]["location"]
    found = [token for token in tokens(data) if token.kind not in _BLANKS]
    word = next(t for t in found if data[t.start : t.end].upper() == b"CONCURRENTLY")
    last = next(i for i, t in enumerate(found) if t.start == location)
    while data[found[last + 1].start : found[last + 1].end] == b"." and found[last + 2].kind in _NAMES:
        last += 2
    return (data[: word.start] + data[word.end : location] + table.encode() + data[found[last].end :]).decode()


def _guess(text: str) -> Outside:
    """What newer servers' syntax is at least known to begin with."""
    words = first_words(text)
    return Outside("repeat") if words[:1] in (("VACUUM",), ("REINDEX",)) else Outside("undecidable")


def _relation(node: dict[str, Any]) -> str:
    parts = (node.get("catalogname"), node.get("schemaname"), node["relname"])
    return ".".join(quoted(part) for part in parts if part)


def _list(item: dict[str, Any]) -> str:
    parts = item.get("List", {}).get("items", ())
    return ".".join(quoted(part["String"]["sval"]) for part in parts if "String" in part)


def quoted(name: str) -> str:
    """A name as PostgreSQL takes it whatever it holds."""
    return '"' + name.replace('"', '""') + '"'
