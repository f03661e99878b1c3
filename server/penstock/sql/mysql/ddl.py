"""Recognises what MySQL and MariaDB data definition statements do to which objects, where that is simple."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from penstock.sql.mysql.alterations import alterations
from penstock.sql.mysql.words import Word

# How a statement that was running when we lost sight of it may be gone on with.
Resume = Literal["repeat", "compare", "never"]

_TYPES: Final = {
    "TABLE": "table",
    "TABLES": "table",
    "VIEW": "view",
    "INDEX": "index",
    "KEY": "index",
    "TRIGGER": "trigger",
    "PROCEDURE": "procedure",
    "FUNCTION": "function",
    "EVENT": "event",
    "SEQUENCE": "sequence",
    "DATABASE": "database",
    "SCHEMA": "database",
    "USER": "user",
    "ROLE": "role",
    "SERVER": "server",
    "TABLESPACE": "tablespace",
    "PACKAGE": "package",
}
_COMPARABLE: Final = frozenset({"table", "view", "index", "trigger", "procedure", "function", "event", "sequence"})
_REPLACEABLE: Final = frozenset({"view", "trigger", "procedure", "function", "event"})
_SHOWN_AS: Final = {"index": "table"}


class Object(NamedTuple):
    """Something that ``SHOW CREATE`` can show; ``schema`` is empty when the text names none."""

    type: str
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class Definition(NamedTuple):
    """What a data definition statement is.

    Args:
        kind: verb and object, as in ``create_table``.
        objects: whose definitions tell whether it ran.
        gone: it leaves none of them behind.
        resume: whether it may simply run again, must be compared with what was there before, or neither.
        temporary: it concerns temporary tables, which belong to the session.
        destructive: it drops or removes data.
        partly: a crash of the server may leave it done by half.
    """

    kind: str
    objects: tuple[Object, ...] = ()
    gone: bool = False
    resume: Resume = "never"
    temporary: bool = False
    destructive: bool = False
    partly: bool = False


def define(words: Sequence[Word]) -> Definition | None:
    """Read a statement that begins with CREATE, ALTER, DROP, RENAME or TRUNCATE; None when its object is not known."""
    verb = words[0].text
    if verb == "TRUNCATE":
        names = [n for _, n in _names(words, 2 if _text(words, 1) == "TABLE" else 1, "table")][:1]
        return Definition("truncate", tuple(names), destructive=True)
    place = next((i for i, w in enumerate(words[1:], 1) if w.kind == "word" and w.text in _TYPES), None)
    if place is None:
        return None
    type_ = _TYPES[words[place].text]
    before = {word.text for word in words[1:place]}
    if verb == "RENAME":
        return _rename(words, place, type_)
    at = place + 1
    conditional = _text(words, at) == "IF"
    if conditional:
        at += 2 if _text(words, at + 1) == "EXISTS" else 3
    if verb == "DROP":
        return _drop(words, at, type_, conditional, "TEMPORARY" in before)
    kind = f"{verb.lower()}_{type_}"
    if type_ == "index":  # CREATE INDEX i ON t
        at = next((i + 1 for i, w in enumerate(words[at:], at) if w.text == "ON" and w.kind == "word"), len(words))
    names = [name for _, name in _names(words, at, type_)][:1]
    objects = tuple(names) if type_ in _COMPARABLE else ()
    if verb == "ALTER":
        return _alter(words, kind, objects, at)
    if "TEMPORARY" in before:
        return Definition(kind, tuple(names), temporary=True)
    if type_ == "table" and any(w.text == "SELECT" and w.kind == "word" for w in words):
        return Definition("create_table_as", objects)
    bare = {w.text for w in words if w.kind == "word"}
    if (type_ == "event" and "EVERY" not in bare) or "SONAME" in bare:
        # A thing of the moment, which may be over and gone; a library's function, which the whole server has.
        return Definition(kind, objects)
    replace = "REPLACE" in before
    if replace:
        resume: Resume = "repeat" if type_ in _REPLACEABLE else "never"
        return Definition(kind, objects, resume=resume, destructive=type_ == "table")
    # An event cannot be rehearsed: it might happen.
    comparable = objects and type_ != "event"
    return Definition(kind, objects, resume="repeat" if conditional else "compare" if comparable else "never")


def _alter(words: Sequence[Word], kind: str, objects: tuple[Object, ...], at: int) -> Definition:
    if kind != "alter_table":
        bare = {w.text for w in words[at:] if w.kind == "word"}
        decidable = objects and kind != "alter_event" and "RESTART" not in bare
        return Definition(kind, objects, resume="compare" if decidable else "never")
    found = alterations(words, at)
    resume: Resume = "compare" if objects and found.leaves_a_trace else "never"
    renamed = (Object("table", found.renamed.schema, found.renamed.name),) if found.renamed else ()
    return Definition(kind, (*objects, *renamed), resume=resume, destructive=found.destructive)


def _drop(words: Sequence[Word], at: int, type_: str, conditional: bool, temporary: bool) -> Definition:
    kind = f"drop_{type_}"
    if type_ == "index":
        on = next((i + 1 for i, w in enumerate(words[at:], at) if w.text == "ON" and w.kind == "word"), len(words))
        names = [name for _, name in _names(words, on, type_)][:1]
        return Definition(kind, tuple(names), resume="compare" if names else "never")
    found = tuple(name for _, name in _names(words, at, type_))
    objects = found if type_ in _COMPARABLE else ()
    resume: Resume = "repeat" if conditional else "compare" if objects else "never"
    destructive = type_ in ("table", "database", "sequence")
    partly = len(found) > 1 and not conditional
    return Definition(kind, objects, bool(objects), resume, temporary, destructive, partly)


def _rename(words: Sequence[Word], place: int, type_: str) -> Definition:
    found = [name for _, name in _names(words, place + 1, type_)]
    swaps = len(set(found)) != len(found)
    comparable = type_ == "table" and len(found) > 1 and not swaps
    objects = tuple(found) if type_ in _COMPARABLE else ()
    resume: Resume = "compare" if comparable else "never"
    return Definition(f"rename_{type_}", objects, resume=resume, partly=comparable and len(found) > 2)


def _names(words: Sequence[Word], at: int, type_: str) -> Iterator[tuple[int, Object]]:
    """Names that follow each other with ``,`` or ``TO`` between them."""
    shown = _SHOWN_AS.get(type_, type_)
    while at < len(words) and words[at].is_name:
        schema, name = "", words[at].name
        if _text(words, at + 1) == "." and at + 2 < len(words) and words[at + 2].is_name:
            schema, name, at = name, words[at + 2].name, at + 2
        yield at, Object(shown, schema, name)
        at += 1
        if _text(words, at) not in (",", "TO"):
            return
        at += 1


def _text(words: Sequence[Word], at: int) -> str:
    return words[at].text if at < len(words) and words[at].kind != "string" else ""
