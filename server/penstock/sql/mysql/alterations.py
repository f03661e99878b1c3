"""Reads what an ``ALTER TABLE`` alters, as far as it matters for telling afterwards whether it ran.

Only what is listed here is taken to leave a trace in the definition, or to do no harm when it runs twice without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from penstock.sql.mysql.words import Word

_NO_COLUMN: Final = frozenset(
    {"INDEX", "KEY", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK", "PARTITION", "SYSTEM", "PERIOD"}
)
_KNOWN: Final = frozenset(
    {
        "ADD", "ALGORITHM", "ALTER", "ANALYZE", "AUTO_INCREMENT", "AVG_ROW_LENGTH", "CHANGE", "CHARACTER", "CHARSET",
        "CHECK", "CHECKSUM", "COALESCE", "COLLATE", "COMMENT", "CONVERT", "DEFAULT", "DELAY_KEY_WRITE", "DISABLE",
        "DROP", "ENABLE", "ENCRYPTED", "ENGINE", "FORCE", "KEY_BLOCK_SIZE", "LOCK", "MAX_ROWS", "MIN_ROWS", "MODIFY",
        "NOWAIT", "OPTIMIZE", "ORDER", "PACK_KEYS", "PAGE_CHECKSUM", "PAGE_COMPRESSED", "PARTITION", "REBUILD",
        "REMOVE", "RENAME", "REPAIR", "ROW_FORMAT", "STATS_AUTO_RECALC", "STATS_PERSISTENT", "STATS_SAMPLE_PAGES",
        "TRANSACTIONAL", "WAIT",
    }
)  # fmt: skip
# Rows that change places, files, and whatever may be read from elsewhere.
_TRACELESS: Final = frozenset({"EXCHANGE", "TRUNCATE", "DISCARD", "IMPORT", "REORGANIZE", "SELECT", "UNION"})


class Name(NamedTuple):
    """A name as it is written; ``schema`` is empty when the text names none."""

    schema: str
    name: str


class Alterations(NamedTuple):
    """What is known of them together.

    Args:
        leaves_a_trace: the definition differs afterwards, or running it again does nothing more.
        destructive: it drops columns or rows.
        renamed: what the table is called afterwards, when that is another name.
    """

    leaves_a_trace: bool
    destructive: bool
    renamed: Name | None


def alterations(words: Sequence[Word], at: int) -> Alterations:
    """Read those of a statement, whose table's name is the word ``at`` or begins there."""
    rest = words[at + (3 if _sign(words, at + 1, ".") else 1) :]
    bare = {word.text for word in rest if word.kind == "word"}
    gone: set[str] = set()
    come: set[str] = set()
    known, dropped, renamed = bare.isdisjoint(_TRACELESS), False, None
    for part in _parts(rest):
        first = part[0].text if part[0].kind == "word" else ""
        second = part[1].text if len(part) > 1 and part[1].kind == "word" else ""
        known = known and first in _KNOWN and (first, second) not in (("CONVERT", "PARTITION"), ("CONVERT", "TABLE"))
        names = _names(part)
        if first == "DROP" and second not in _NO_COLUMN:
            dropped = True
            gone |= set(names[:1])
        elif first == "ADD" and second not in _NO_COLUMN:
            come |= set(names)
        elif first == "CHANGE" and names[:1] != names[1:2]:
            gone |= set(names[:1])
            come |= set(names[1:2])
        elif first == "RENAME" and second in ("COLUMN", "INDEX", "KEY"):
            gone |= {f"{second} {name}" if second != "COLUMN" else name for name in names[:1]}
            come |= {f"{second} {name}" if second != "COLUMN" else name for name in names[-1:]}
        elif first == "RENAME":
            renamed = _renamed(part)
            known = known and renamed is not None
    # Dropped and added again, or names that are swapped: it may look as before.
    leaves_a_trace = known and gone.isdisjoint(come)
    return Alterations(leaves_a_trace, dropped or "TRUNCATE" in bare, renamed)


def _parts(words: Sequence[Word]) -> Iterator[list[Word]]:
    depth, part = 0, list[Word]()
    for word in words:
        if word.kind == "sign":
            depth += (word.text == "(") - (word.text == ")")
            if word.text == "," and depth == 0:
                if part:
                    yield part
                part = []
                continue
        part.append(word)
    if part:
        yield part


_BETWEEN: Final = frozenset({"COLUMN", "IF", "NOT", "EXISTS", "INDEX", "KEY", "TO"})


def _names(part: Sequence[Word]) -> list[str]:
    """The names of a part, first to last, without its verb; too many are named rather than too few."""
    return [w.name.lower() for w in part[1:] if w.kind == "name" or (w.kind == "word" and w.text not in _BETWEEN)]


def _renamed(part: Sequence[Word]) -> Name | None:
    names = [word for word in part[1:] if word.text != "=" or word.kind != "sign"]
    if names and names[0].kind == "word" and names[0].text in ("TO", "AS"):
        names = names[1:]
    if len(names) == 1 and names[0].is_name:
        return Name("", names[0].name)
    if len(names) == 3 and names[1].text == "." and names[0].is_name and names[2].is_name:
        return Name(names[0].name, names[2].name)
    return None


def _sign(words: Sequence[Word], at: int, text: str) -> bool:
    return at < len(words) and words[at].kind == "sign" and words[at].text == text
