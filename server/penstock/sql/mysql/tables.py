"""Finds the tables that a MySQL or MariaDB statement names, and whether it reads or writes them, in one pass over its
words.

It needs no grammar: a table stands after certain words and after the commas between tables. A parser that knows the
rest (sqlglot) takes several times as long, and does not know all of what servers do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from penstock.sql.mysql.words import Word

_VERBS: Final = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "LOAD"})
_JOINS: Final = frozenset({"JOIN", "STRAIGHT_JOIN"})
_MODIFIERS: Final = frozenset(
    {"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "INTO", "TABLE", "FROM", "ONLY", "LATERAL"}
)
_END_OF_TABLES: Final = frozenset(
    {
        "WHERE", "SET", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "VALUES", "VALUE",
        "SELECT", "WINDOW", "FOR", "INTO", "LOCK", "RETURNING", "PROCEDURE", "DUPLICATE",
    }
)  # fmt: skip
_NO_TABLE: Final = frozenset({"DUAL", "OUTFILE", "DUMPFILE", "SELECT", "SET", "VALUES"})

# What has a name of its own that `ddl.define` does not tell.
_NAMED: Final = frozenset({"INDEX", "DATABASE", "SCHEMA", "USER", "ROLE", "SERVER", "TABLESPACE", "PACKAGE"})


class Tables(NamedTuple):
    """Tables by what is done to them, each as written, once, in the order of the text."""

    objects: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]


class _Level:
    """What is between two parentheses, or outside of all.

    Args:
        query: FROM names tables here; in ``EXTRACT(DAY FROM a)`` it does not.
        expects: a table comes next.
        lists: a comma here stands between tables.
    """

    def __init__(self, query: bool = False, expects: bool = False) -> None:
        self.query = query
        self.expects = expects
        self.lists = expects


def tables(words: Sequence[Word], verb: str) -> Tables:
    """The tables of a statement.

    Args:
        verb: what its main part does: ``SELECT``, ``INSERT``, ``REPLACE``, ``UPDATE``, ``DELETE`` or ``LOAD_DATA``.
    """
    made_up = _made_up(words) if any(word.text == "WITH" for word in words) else frozenset()
    found: dict[str, bool] = {}  # whether it is written
    levels = [_Level(query=True)]
    targets = verb != "SELECT"  # the tables that come next outside of parentheses are those that are written
    for at, word in enumerate(words):
        level = levels[-1]
        if word.kind == "sign":
            _sign(word.text, level, levels)
        elif word.kind == "string":
            level.expects = False
        elif word.kind == "word" and _keyword(words, at, level, len(levels) == 1):
            # UPDATE a, b SET …, INSERT INTO a SELECT …: what follows is read.
            targets = targets and not (len(levels) == 1 and word.text in ("SET", "WHERE", "SELECT", "VALUES"))
        elif level.expects:
            level.expects = False
            name, after = _qualified(words, at)
            if after != "(" or (targets and verb in ("INSERT", "REPLACE", "LOAD_DATA")):
                own = targets and len(levels) == 1
                if own or name not in made_up:
                    found[name] = found.get(name, False) or own
    reads = tuple(name for name, written in found.items() if not written)
    return Tables(tuple(found), reads, tuple(name for name, written in found.items() if written))


def _sign(sign: str, level: _Level, levels: list[_Level]) -> None:
    if sign == "(":
        levels.append(_Level(expects=level.expects))
        level.expects = False
    elif sign == ")":
        if len(levels) > 1:
            levels.pop()
    elif sign == ",":
        level.expects = level.lists
    elif sign != ".":
        level.expects = False


def _keyword(words: Sequence[Word], at: int, level: _Level, outermost: bool) -> bool:
    """Whether a word is one that says where tables stand, which is then noted; else it may be a table's name."""
    text = words[at].text
    before = words[at - 1].text if at else ""
    if before == ".":
        return False
    if outermost and text in _VERBS and (at == 0 or before in (")", "EXPLAIN", "FOR", "IGNORE", "AS", "EXTENDED")):
        level.query = True
        level.expects = level.lists = text in ("INSERT", "REPLACE", "UPDATE") and before != "FOR"
        return True
    if text in _JOINS or (text == "FROM" and level.query) or (text == "INTO" and outermost):
        level.expects = level.lists = True
        return True
    if text == "TABLE" and (at == 0 or before == "INTO"):
        level.expects = level.lists = True
        return True
    if text == "USING" and level.lists and outermost:  # DELETE FROM a USING a, b; or JOIN b USING (c)
        level.expects = words[at + 1].text != "(" if at + 1 < len(words) else False
        return True
    if text in _END_OF_TABLES or text in _NO_TABLE:
        level.query = level.query or text == "SELECT"
        level.expects = level.lists = False
        return True
    return level.expects and text in _MODIFIERS


def _qualified(words: Sequence[Word], at: int) -> tuple[str, str]:
    """A name that may have a database before it, and the sign that follows."""
    name = words[at].name
    if at + 2 < len(words) and words[at + 1].text == "." and words[at + 2].is_name:
        name, at = f"{name}.{words[at + 2].name}", at + 2
    return name, words[at + 1].text if at + 1 < len(words) else ""


def _made_up(words: Sequence[Word]) -> frozenset[str]:
    """The names that WITH gives to queries: ``a AS (…)`` and ``a (b, c) AS (…)``."""
    found = set()
    for at, word in enumerate(words[:-1]):
        if not word.is_name or at == 0 or words[at - 1].text not in ("WITH", "RECURSIVE", ","):
            continue
        end = at + 1
        if words[end].text == "(":
            end += 1
            while end < len(words) and (words[end].is_name or words[end].text == ","):
                end += 1
            end += 1
        if [w.text for w in words[end : end + 2]] == ["AS", "("]:
            found.add(word.name)
    return frozenset(found)


class Roles(NamedTuple):
    """What a definition does to what it names."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()


def roles(words: Sequence[Word], kind: str, objects: tuple[str, ...]) -> Roles:
    """What a data definition statement reads, changes, makes and drops.

    Args:
        kind: verb and object, as in ``create_table``.
        objects: what `penstock.sql.mysql.ddl.define` found it to be about; for an index that is its table.
    """
    verb, _, type_ = kind.partition("_")
    if verb == "truncate":
        return Roles(writes=objects)
    if verb == "rename":
        return Roles(writes=objects[::2], creates=objects[1::2])
    own = _named(words) if type_ == "index" or not objects else objects
    changed = objects if type_ == "index" else ()
    if verb == "drop":
        return Roles(writes=changed, drops=own)
    mentioned = _mentioned(words, type_, set(objects))
    if verb == "alter":
        return Roles(reads=mentioned, writes=own)
    if type_ == "trigger":
        return Roles(writes=_after(words, "ON")[:1], creates=own)
    return Roles(reads=mentioned, writes=changed, creates=own)


def _named(words: Sequence[Word]) -> tuple[str, ...]:
    """The name behind ``CREATE INDEX``, ``DROP DATABASE IF EXISTS`` and the like; of an account as it is written."""
    at = next((i for i, word in enumerate(words) if word.kind == "word" and word.text in _NAMED), len(words)) + 1
    while at < len(words) and words[at].kind == "word" and words[at].text in ("IF", "NOT", "EXISTS"):
        at += 1
    return (words[at].text if words[at].kind == "string" else words[at].name,) if at < len(words) else ()


def _mentioned(words: Sequence[Word], type_: str, own: set[str]) -> tuple[str, ...]:
    """Other tables: of a query, of foreign keys, of LIKE."""
    if type_ not in ("table", "table_as", "view"):
        return ()
    query = next((i for i, word in enumerate(words) if word.kind == "word" and word.text in ("SELECT", "WITH")), None)
    found = list(_after(words, "REFERENCES"))
    if type_ == "table" and query is None:
        found += _after(words[:8], "LIKE")
    if query is not None:
        found += tables(words[query:], "SELECT").objects
    return tuple(dict.fromkeys(name for name in found if name not in own))


def _after(words: Sequence[Word], keyword: str) -> tuple[str, ...]:
    """The names that stand right behind a keyword."""
    return tuple(
        _qualified(words, at + 1)[0]
        for at, word in enumerate(words[:-1])
        if word.kind == "word" and word.text == keyword and words[at + 1].is_name
    )
