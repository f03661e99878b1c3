"""What a ``SET`` statement sets, and whether a change may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from penstock.sql.mysql.words import Word

# Lexically safe: a byte below 128 is always a character of its own in them, so a quote is a quote.
CHARACTER_SETS: Final = frozenset({"UTF8", "UTF8MB3", "UTF8MB4", "LATIN1", "ASCII", "BINARY", "DEFAULT"})
# Modes under which the server would see other statements than we did, alone or as part of a combination.
READING_MODES: Final = frozenset(
    {"NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "ANSI", "ORACLE", "DB2", "MSSQL", "MAXDB", "POSTGRESQL"}
)
_TRANSACTION: Final = frozenset(
    {
        "AUTOCOMMIT", "COMPLETION_TYPE", "TX_ISOLATION", "TRANSACTION_ISOLATION", "TX_READ_ONLY",
        "TRANSACTION_READ_ONLY", "GTID_NEXT",
    }
)  # fmt: skip
_TAMPERING: Final = frozenset({"PSEUDO_THREAD_ID", "PSEUDO_SLAVE_MODE", "PSEUDO_REPLICA_MODE"})
_SERVER_SCOPES: Final = frozenset({"GLOBAL", "PERSIST", "PERSIST_ONLY"})
_SCOPES: Final = _SERVER_SCOPES | {"SESSION", "LOCAL"}
Verdict = Literal["session", "server", "account", "transaction_control", "session_tampering"]


class Setting(NamedTuple):
    """One assignment: ``@`` before the name of a user variable, in upper case."""

    name: str
    server_wide: bool
    value: Sequence[Word]


def judge(words: Sequence[Word]) -> Verdict:
    """What a ``SET`` statement means, its first word left out."""
    first = words[0].text if words else ""
    second = words[1].text if len(words) > 1 else ""
    if first == "TRANSACTION" or (first in _SCOPES and second == "TRANSACTION"):
        return "transaction_control"
    if first == "ROLE":
        return "session_tampering"
    if first == "PASSWORD" or (first, second) in (("DEFAULT", "ROLE"), ("RESOURCE", "GROUP")):
        return "account"
    verdict: Verdict = "session"
    for setting in settings(words):
        found = _judge(setting)
        if found in ("transaction_control", "session_tampering"):
            return found
        verdict = found if found != "session" else verdict
    return verdict


def _judge(setting: Setting) -> Verdict:
    if setting.name in _TRANSACTION:
        return "transaction_control"
    if setting.name in _TAMPERING:
        return "session_tampering"
    if setting.name == "SQL_MODE":
        text = ",".join(word.text for word in setting.value).upper().replace(" ", "")
        return "session_tampering" if READING_MODES & set(text.split(",")) else _scope(setting)
    if setting.name in ("NAMES", "CHARSET", "CHARACTER SET", "CHARACTER_SET_CLIENT"):
        value = setting.value[0] if setting.value else None
        is_variable = value is not None and value.text == "@"  # checked after it ran
        allowed = value is not None and (is_variable or value.text.upper() in CHARACTER_SETS)
        return _scope(setting) if allowed else "session_tampering"
    return _scope(setting)


def _scope(setting: Setting) -> Verdict:
    return "server" if setting.server_wide else "session"


def settings(words: Sequence[Word]) -> Iterator[Setting]:
    """The assignments of a ``SET`` statement, its first word left out."""
    scope = False  # GLOBAL a = 1, b = 2 sets both globally
    for part in _parts(words):
        index, name, here = 0, "", scope
        while index < len(part) and (part[index].text == "@" or part[index].text in _SCOPES):
            if part[index].text in _SCOPES and part[index].kind == "word":
                here = part[index].text in _SERVER_SCOPES
                dotted = index + 1 < len(part) and part[index + 1].text == "."
                scope = scope if dotted else here
                index += dotted
            index += 1
        if index == 1 and part[0].text == "@":
            name = "@"
        if index < len(part):
            name += part[index].text.upper()
            index += 1
        if name == "CHARACTER" and index < len(part) and part[index].text == "SET":
            name, index = "CHARACTER SET", index + 1
        while index < len(part) and part[index].text in (":", "="):
            index += 1
        yield Setting(name, here, part[index:])


def _parts(words: Sequence[Word]) -> Iterator[list[Word]]:
    depth, part = 0, list[Word]()
    for word in words:
        if word.kind == "sign":
            depth += (word.text == "(") - (word.text == ")")
            if word.text == "," and depth == 0:
                yield part
                part = []
                continue
        part.append(word)
    yield part
