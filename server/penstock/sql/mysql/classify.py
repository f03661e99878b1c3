"""Says what a MySQL or MariaDB statement is and what that means for running it; judging it is the review's business.

Every data definition statement commits on these servers, so it is never *transactional*. What is not recognised is
*unknown* and opaque, never safe. A versioned comment may run or not, so a statement is read with and without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from penstock.sql.classify import OUR_SCHEMA, Classification
from penstock.sql.mysql import settings
from penstock.sql.mysql.ddl import Object, Resume, define
from penstock.sql.mysql.tables import roles, tables
from penstock.sql.mysql.words import Word, outside, read
from penstock.sql.splitter.mysql_tokens import Dialect
from penstock.sql.statement import Statement

MAX_CHARACTERS: Final = 1_000_000

_CONTROL: Final = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "XA", "LOCK", "UNLOCK"})
_TWO_WORD_CONTROL: Final = frozenset({("START", "TRANSACTION"), ("RELEASE", "SAVEPOINT")})
_LOCK_FUNCTIONS: Final = frozenset({"GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS"})
_DML: Final = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE"})
_READS: Final = frozenset({"SELECT", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "HELP", "DO"})
_DEFINES: Final = frozenset({"CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"})
_MAINTENANCE: Final = frozenset({"ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "FLUSH"})
_OPAQUE: Final = frozenset({"CALL", "EXECUTE"})
_ACCOUNTS: Final = frozenset({"GRANT", "REVOKE"})
# Functions whose answer depends on what ran before in this session.
_OF_THE_PAST: Final = frozenset({"LAST_INSERT_ID", "ROW_COUNT", "FOUND_ROWS"})


class MySqlClassification(Classification, frozen=True, omit_defaults=True):
    """What a statement is on MySQL and MariaDB.

    Args:
        session: all that it does is to its session: it is run again whenever the script is gone on with.
        keeps_data: it carries data of the database in its session, so running it again later may not be the same.
        resume: how to go on when it was running and nobody knows how it ended.
        defines: whose definitions it changes.
        gone: it leaves none of them behind.
        partly: a crash of the server may leave it done by half.
        names: every name in it, in lower case, to find the tables that it may touch.
        database: whither ``USE`` goes.
    """

    session: bool = False
    keeps_data: bool = False
    resume: Resume = "never"
    defines: tuple[Object, ...] = ()
    gone: bool = False
    partly: bool = False
    names: frozenset[str] = frozenset()
    database: str | None = None

    @property
    def undecidable(self) -> bool:
        """If a crash interrupts it, it may be that nobody can tell whether it took effect."""
        return not (self.transactional or self.session) and (self.resume == "never" or self.partly)


def classify(statement: Statement, dialect: Dialect) -> MySqlClassification:
    """Classify one statement as `penstock.sql.splitter.split` returned it. Never raises."""
    if len(statement.text) > MAX_CHARACTERS:
        words = read(statement.text[:1000], dialect)
        if words and words[0].text in _DML and not words[0].piece:
            return MySqlClassification(words[0].text.lower(), parsed=False, note="Too large to be read whole.")
        return _unknown("Too large to be read.")
    words = read(statement.text, dialect)
    everything = _classify(words)
    if not any(word.piece for word in words):
        return everything
    return _doubtful(words, everything)


def _doubtful(words: Sequence[Word], everything: MySqlClassification) -> MySqlClassification:
    """A statement with versioned comments: which of them run is the server's business."""
    pieces = max(word.piece for word in words)
    starts = [next((i for i, w in enumerate(words) if w.piece == n), None) for n in range(1, pieces + 1)]
    plain = _classify(outside(words))
    readings = [plain, *(_classify(words[start:]) for start in starts if start is not None)]
    refused = next((r.refusal for r in [everything, *readings] if r.refusal), None)
    if refused is not None:
        control, tampering = refused == "transaction_control", refused == "session_tampering"
        return msgspec.structs.replace(
            everything, refusal=refused, transaction_control=control, session_tampering=tampering
        )
    whole = pieces == 1 and all(word.piece for word in words)
    if whole or (not words[0].piece and (plain.kind, plain.session) == (everything.kind, everything.session)):
        return everything
    return msgspec.structs.replace(everything, transactional=False, opaque=True, session=False, resume="never")


def _classify(words: Sequence[Word]) -> MySqlClassification:
    if not words:
        return MySqlClassification("empty")
    found = _by_first_word(words)
    called = {w.text for w, after in pairwise(words) if after.text == "(" and w.is_name}
    called = {name.upper() for name in called}
    if _LOCK_FUNCTIONS & called and not found.kind.startswith("create_"):
        return msgspec.structs.replace(found, session_tampering=True, refusal="session_tampering")
    assigns = any(a.text == ":" and b.text == "=" for a, b in pairwise(words))
    into = any(a.text == "INTO" and b.text == "@" for a, b in pairwise(words))
    keeps = found.keeps_data or (
        found.transactional and not found.session and (assigns or into or bool(_OF_THE_PAST & called))
    )
    refusal = found.refusal or ("ledger_tampering" if _writes_ledger(words, found) else None)
    return msgspec.structs.replace(found, keeps_data=keeps, refusal=refusal)


def _writes_ledger(words: Sequence[Word], found: MySqlClassification) -> bool:
    """Whether it writes or redefines what is in the database that is ours; reading it is harmless."""
    if found.transactional and not found.keeps_data and not found.session:
        return any(name.lower().startswith(f"{OUR_SCHEMA}.") for name in found.writes)
    names = [w.name.lower() if w.is_name else "" for w in words]
    if found.kind.endswith("_database"):
        return OUR_SCHEMA in names
    return any(name == OUR_SCHEMA and after.text == "." for name, after in zip(names, words[1:], strict=False))


def _by_first_word(words: Sequence[Word]) -> MySqlClassification:
    first = words[0].text if words[0].kind == "word" else words[0].text if words[0].text == "(" else ""
    second = words[1].text if len(words) > 1 else ""
    if first == "BEGIN" and second == "NOT":
        return MySqlClassification("block", transactional=False, opaque=True)
    if first in _CONTROL or (first, second) in _TWO_WORD_CONTROL:
        return MySqlClassification("transaction", transaction_control=True, refusal="transaction_control")
    if first == "SET":
        return _set(words)
    if first in _DEFINES:
        return _define(words)
    if first == "WITH":
        return _dml(words, _main_verb(words))
    if first in _DML or first in _READS or first == "(":
        return _dml(words, "SELECT" if first in ("(", "VALUES", "TABLE") else first)
    if first == "LOAD":
        return _dml(words, "LOAD_DATA") if second in ("DATA", "XML") else _outside("load_index", "repeat")
    if first == "USE":
        database = words[1].name if len(words) > 1 and words[1].is_name else ""
        return MySqlClassification("use", session=True, database=database)
    if first in ("PREPARE", "DEALLOCATE"):
        return MySqlClassification("prepare" if first == "PREPARE" else "deallocate", session=True)
    if first in _OPAQUE:
        return MySqlClassification(first.lower(), transactional=False, opaque=True)
    if first == "KILL":
        return _outside("kill", "repeat")
    if first in _ACCOUNTS:
        return _outside(first.lower(), "never")
    if first in _MAINTENANCE and not (first == "FLUSH" and "LOCK" in {w.text for w in words}):
        return _outside(first.lower(), "repeat")
    if first == "FLUSH":
        return MySqlClassification("flush", transaction_control=True, refusal="transaction_control")
    return _unknown("Not a statement that is known here.")


def _outside(kind: str, resume: Resume) -> MySqlClassification:
    return MySqlClassification(kind, transactional=False, resume=resume)


def _unknown(note: str) -> MySqlClassification:
    return MySqlClassification("unknown", transactional=False, opaque=True, parsed=False, note=note)


def _set(words: Sequence[Word]) -> MySqlClassification:
    if len(words) > 1 and words[1].text == "STATEMENT":  # MariaDB: SET STATEMENT … FOR statement
        starts = [i for i, w in enumerate(words) if w.text == "FOR" and w.kind == "word"]
        inner = _classify(words[starts[0] + 1 :]) if starts else _unknown("SET STATEMENT without FOR.")
        outer = settings.judge(words[2 : starts[0]]) if starts else "session"
        if inner.refusal is None and outer not in ("transaction_control", "session_tampering"):
            return inner
        refusal = inner.refusal or "session_tampering"
        return MySqlClassification(
            "set_statement",
            transaction_control=refusal == "transaction_control",
            session_tampering=refusal == "session_tampering",
            refusal=refusal,
        )
    verdict = settings.judge(words[1:])
    if verdict == "transaction_control":
        return MySqlClassification("set", transaction_control=True, refusal="transaction_control")
    if verdict == "session_tampering":
        return MySqlClassification("set", session_tampering=True, refusal="session_tampering")
    if verdict == "account":
        return _outside("set_password", "never")
    if verdict == "server":
        return _outside("set_global", "repeat")
    # A function's answer may differ the next time, and a query's.
    keeps = any(w.text == "SELECT" or w.text == "(" for w in words)
    return MySqlClassification("set", session=True, keeps_data=keeps)


def _define(words: Sequence[Word]) -> MySqlClassification:
    found = define(words)
    if found is None:
        return _unknown("Not a kind of object that is known here.")
    objects = tuple(str(o) for o in found.objects)
    touched = roles(words, found.kind, objects)._asdict()
    if found.temporary:
        # Temporary tables live in the session and hold data that later statements may rely on.
        return MySqlClassification(found.kind, session=True, keeps_data=True, objects=objects, **touched)
    return MySqlClassification(
        found.kind,
        transactional=False,
        destructive=found.destructive,
        objects=objects,
        resume=found.resume,
        defines=found.objects,
        gone=found.gone,
        partly=found.partly,
        **touched,
    )


def _dml(words: Sequence[Word], verb: str) -> MySqlClassification:
    names = frozenset(w.name.lower() for w in words if w.is_name)
    found = tables(words, verb if verb in _DML or verb == "LOAD_DATA" else "SELECT")
    return MySqlClassification(
        verb.lower(),
        destructive=verb == "DELETE",
        objects=found.objects,
        reads=found.reads,
        writes=found.writes,
        names=names,
    )


def _main_verb(words: Sequence[Word]) -> str:
    depth = 0
    for word in words:
        if word.kind == "sign":
            depth += (word.text == "(") - (word.text == ")")
        elif depth == 0 and word.kind == "word" and word.text in _DML | {"SELECT"}:
            return word.text
    return "SELECT"
