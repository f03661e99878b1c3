"""What the first words of a statement give away when the grammar does not know the rest.

Servers newer than our grammar have syntax that it refuses; what would break the ledger's transaction must be
seen anyway.
"""

from __future__ import annotations

from typing import Final, Literal

from penstock.sql.splitter.postgres_tokens import Kind, Unclosed, tokens

Guess = Literal["transaction_control", "session_tampering", "non_transactional"]

_STARTS: Final[tuple[tuple[tuple[str, ...], Guess], ...]] = (
    (("BEGIN",), "transaction_control"),
    (("START", "TRANSACTION"), "transaction_control"),
    (("COMMIT",), "transaction_control"),
    (("END",), "transaction_control"),
    (("ROLLBACK",), "transaction_control"),
    (("ABORT",), "transaction_control"),
    (("SAVEPOINT",), "transaction_control"),
    (("RELEASE",), "transaction_control"),
    (("PREPARE", "TRANSACTION"), "transaction_control"),
    (("SET", "TRANSACTION"), "transaction_control"),
    (("SET", "LOCAL", "TRANSACTION"), "transaction_control"),
    (("SET", "SESSION", "CHARACTERISTICS"), "transaction_control"),
    (("SET", "ROLE"), "session_tampering"),
    (("SET", "LOCAL", "ROLE"), "session_tampering"),
    (("SET", "SESSION", "ROLE"), "session_tampering"),
    (("RESET", "ROLE"), "session_tampering"),
    (("SET", "SESSION", "AUTHORIZATION"), "session_tampering"),
    (("SET", "LOCAL", "SESSION", "AUTHORIZATION"), "session_tampering"),
    (("RESET", "SESSION", "AUTHORIZATION"), "session_tampering"),
    (("SET", "STANDARD_CONFORMING_STRINGS"), "session_tampering"),
    (("DISCARD",), "session_tampering"),
    (("VACUUM",), "non_transactional"),
    (("ALTER", "SYSTEM"), "non_transactional"),
    (("CREATE", "DATABASE"), "non_transactional"),
    (("DROP", "DATABASE"), "non_transactional"),
    (("CREATE", "TABLESPACE"), "non_transactional"),
    (("DROP", "TABLESPACE"), "non_transactional"),
    (("CREATE", "INDEX", "CONCURRENTLY"), "non_transactional"),
    (("CREATE", "UNIQUE", "INDEX", "CONCURRENTLY"), "non_transactional"),
    (("DROP", "INDEX", "CONCURRENTLY"), "non_transactional"),
)

_FAR_ENOUGH: Final = 100_000  # characters, most of them in comments


def first_words(text: str, limit: int = 6) -> tuple[str, ...]:
    """The first words of a statement in upper case, up to the first token that is not a word."""
    words: list[str] = []
    data = text[:_FAR_ENOUGH].encode()
    try:
        for token in tokens(data):
            if token.kind in (Kind.BLANK, Kind.COMMENT):
                continue
            if token.kind is not Kind.WORD or len(words) == limit:
                break
            words.append(data[token.start : token.end].decode().upper())
    except Unclosed:
        return tuple(words)  # what came before is all that there is to see
    return tuple(words)


def guess(words: tuple[str, ...]) -> Guess | None:
    """What a statement with these first words would do to its transaction or session, if it is known to do
    anything."""
    if words[:1] == ("REINDEX",) and "CONCURRENTLY" in words:
        return "non_transactional"
    return next((found for start, found in _STARTS if words[: len(start)] == start), None)
