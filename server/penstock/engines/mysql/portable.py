"""Which statements may be rehearsed in a scratch database, and their text with the names that belong there. Pure.

A rehearsal must touch nothing but the scratch database, whatever a statement's text says: what may be a name of another
database, a file, a library or another server is not rehearsed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

from penstock.engines.mysql.plan import Part
from penstock.sql.mysql.ddl import Object
from penstock.sql.mysql.words import Word, read
from penstock.sql.splitter.mysql_tokens import Dialect, Kind, Lexer

# ``run`` it there; ``skip`` it, since no definition changes; or ``lose`` sight: what it does is known once it is done.
Role = Literal["run", "skip", "lose"]

_TABLES: Final = frozenset({"table", "index", "sequence"})
_OTHERS: Final = frozenset({"view", "trigger", "procedure", "function"})
_KEEPS_DEFINITIONS: Final = frozenset(
    {
        "truncate", "analyze", "optimize", "check", "repair", "flush", "load_index", "grant", "revoke",
        "set_password", "set_global", "create_event", "alter_event", "drop_event", "create_user", "alter_user",
        "drop_user", "create_role", "drop_role",
    }
)  # fmt: skip
# Files, libraries, other servers, and tables that change places: a word, and what stands before or after it then.
_BEFORE: Final = {"DIRECTORY": {"DATA", "INDEX"}}
_AFTER: Final = {
    "CONNECTION": {"="},
    "EXCHANGE": {"PARTITION"},
    "IMPORT": {"TABLESPACE", "PARTITION"},
    "DISCARD": {"TABLESPACE", "PARTITION"},
}
_ENGINES: Final = frozenset({"INNODB", "MYISAM", "ARIA", "MEMORY", "HEAP"})
_OTHER_ENGINES: Final = frozenset(
    {
        "ARCHIVE", "BLACKHOLE", "COLUMNSTORE", "CONNECT", "CSV", "FEDERATED", "MERGE", "MROONGA", "MRG_MYISAM",
        "OQGRAPH", "ROCKSDB", "S3", "SPHINX", "SPIDER",
    }
)  # fmt: skip


def role(part: Part, database: str, dialect: Dialect) -> Role:
    """What a rehearsal does with a statement that is not part of a transaction."""
    found = part.found
    if found.kind in _KEEPS_DEFINITIONS:
        return "skip"
    verb, _, type_ = found.kind.partition("_")
    if found.opaque or verb not in ("create", "alter", "drop", "rename") or type_ not in _TABLES | _OTHERS:
        return "lose"
    if not found.defines or any(not is_ours(o, database) for o in found.defines):
        return "lose"
    words = read(part.statement.text, dialect)
    if _reaches_out(words) or (type_ in _TABLES and _leaves(words, database)):
        return "lose"
    return "run"


def is_ours(found: Object, database: str) -> bool:
    """Whether an object is in the database that the change is for."""
    return not found.schema or found.schema == database


def relations(part: Part, dialect: Dialect) -> frozenset[str]:
    """Names that may be those of tables and views that have to be there for a statement to work."""
    found = part.found
    words = read(part.statement.text, dialect)
    names = {o.name for o in found.defines if o.type in ("table", "view", "sequence")}
    if found.kind.endswith(("_view", "_trigger")):
        names |= {word.name for word in words if word.is_name}
    elif found.kind == "create_table":
        names |= {b.name for a, b in pairwise(words) if a.text == "LIKE" and b.is_name}
        names |= {c.name for _, b, c in _dotted(words) if b.text == "LIKE"}
    if any(word.text in ("NEXTVAL", "NEXT", "LASTVAL", "PREVIOUS") for word in words):
        names |= {word.name for word in words if word.is_name}
    return frozenset(names)


def moved(text: str, database: str, place: str, dialect: Dialect) -> str:
    """The text with ``place`` instead of ``database`` wherever that qualifies a name; not one byte else differs."""
    data = text.encode()
    if database.lower().encode() not in data.lower():
        return text
    lexer = Lexer(data, dialect=dialect)
    lexer.delimiter = None
    blanks = (Kind.BLANK, Kind.COMMENT, Kind.VERSIONED_OPEN, Kind.VERSIONED_CLOSE)
    tokens = [t for t in lexer.tokens() if t.kind not in blanks]
    result, at = bytearray(), 0
    for before, token, after in zip([None, *tokens], tokens, tokens[1:], strict=False):
        raw = data[token.start : token.end].decode()
        named = raw[1:-1].replace("``", "`") if token.kind is Kind.QUOTED_NAME else raw
        dotted = data[after.start : after.end] == b"." and (before is None or data[before.start : before.end] != b".")
        if token.kind in (Kind.WORD, Kind.QUOTED_NAME) and named == database and dotted:
            result += data[at : token.start] + f"`{place}`".encode()
            at = token.end
    return (result + data[at:]).decode()


def _dotted(words: list[Word]) -> Iterator[tuple[Word, Word, Word]]:
    """Qualifier, the word before it, and the name of every qualified name."""
    start = Word("", "sign", "")
    for before, qualifier, dot, name in zip([start, *words], words, words[1:], words[2:], strict=False):
        if dot.text == "." and qualifier.is_name and name.is_name and before.text != ".":
            yield qualifier, before, name


def _leaves(words: list[Word], database: str) -> bool:
    """Whether a name may be that of another database, or rows may be read."""
    selects = any(word.kind == "word" and word.text == "SELECT" for word in words)
    return selects or any(qualifier.name != database for qualifier, _, _ in _dotted(words))


def _reaches_out(words: list[Word]) -> bool:
    """Whether it concerns a file, a library, another server, or an engine that does."""
    texts = [word.text if word.kind in ("word", "sign") else "" for word in words]
    for before, text, after, then in zip(["", *texts], texts, [*texts[1:], ""], [*texts[2:], "", ""], strict=False):
        if before in _BEFORE.get(text, ()) or after in _AFTER.get(text, ()) or text == "SONAME":
            return True
        if text == "ENGINE" and (then not in _ENGINES if after == "=" else after in _OTHER_ENGINES):
            return True
    return False
