"""What is found about a script as a whole, not about one statement: text that cannot be cut into statements, and how
the statements stand to each other and to what their databases have."""

from __future__ import annotations

from typing import Final, NamedTuple

from penstock.review.finding import Finding, Severity
from penstock.review.rule import EVERY, MYSQL, POSTGRES
from penstock.sql.errors import SplitError


class ScriptRule(NamedTuple):
    """A rule without a check of its own: who reads the script finds it on the way.

    Args:
        message: what it means; a finding may say more.
        instead: what to do.
    """

    id: str
    engines: frozenset[str]
    severity: Severity
    message: str
    instead: str


EMPTY: Final = ScriptRule(
    "empty-change",
    EVERY,
    "info",
    "The script holds no statement. It will be recorded as applied and change nothing.",
    "Leave it, or file what was forgotten.",
)
OUT_OF_ORDER: Final = ScriptRule(
    "out-of-order",
    EVERY,
    "warning",
    "The database has younger changes already: this one was written for an older schema.",
    "Make sure that it still fits, or give it a version behind the newest.",
)
NON_TRANSACTIONAL: Final = ScriptRule(
    "my-non-transactional-table",
    MYSQL,
    "warning",
    "A table of an engine without transactions is written to: MyISAM, Aria, MEMORY … An interruption leaves a part, and"
    " nobody can tell which.",
    "ALTER TABLE … ENGINE=InnoDB first, or give what writes to it a change of its own that may run twice.",
)
NOT_READ: Final = ScriptRule(
    "catalog-not-read",
    MYSQL,
    "warning",
    "The catalog of a database could not be asked, so what this does there is not known in full.",
    "See that the database can be reached, then run the review again.",
)
_UNSPLITTABLE: Final = (
    ScriptRule("nul-byte", EVERY, "error", "The text holds a NUL byte, behind which parsers stop.", "Remove it."),
    ScriptRule("invalid-utf8", EVERY, "error", "The text is not UTF-8.", "Save the script as UTF-8."),
    ScriptRule("unclosed-quote", EVERY, "error", "A quote is never closed.", "Close it; double quotes inside of it."),
    ScriptRule("unclosed-comment", EVERY, "error", "A comment is never closed.", "Close it with */."),
    ScriptRule(
        "unclosed-dollar-quote", POSTGRES, "error", "A dollar quote is never closed.", "Close it with the same tag."
    ),
    ScriptRule(
        "unclosed-compound",
        MYSQL,
        "error",
        "The body of a routine would be cut at its first semicolon.",
        "Put a DELIMITER line before and behind the routine.",
    ),
    ScriptRule(
        "bad-delimiter",
        MYSQL,
        "error",
        "A DELIMITER line cannot be understood.",
        "Write DELIMITER and one argument, alone on a line, outside of statements.",
    ),
    ScriptRule(
        "lone-carriage-return",
        MYSQL,
        "error",
        "A comment seems to end at a carriage return that is no line end to the server.",
        "Save the script with line feeds.",
    ),
    ScriptRule(
        "client-metacommand",
        EVERY,
        "error",
        "A command of psql or of the mariadb client, which means nothing to a server.",
        "Remove it, or write what it does as SQL.",
    ),
    ScriptRule(
        "copy-from-stdin",
        POSTGRES,
        "error",
        "COPY … FROM STDIN carries its rows outside of SQL.",
        "Write INSERT statements, or COPY from a file that the server can read.",
    ),
)
_BY_ID: Final = {rule.id: rule for rule in _UNSPLITTABLE}

SCRIPT_RULES: Final = (*_UNSPLITTABLE, OUT_OF_ORDER, NON_TRANSACTIONAL, NOT_READ, EMPTY)


def unsplittable(error: SplitError) -> Finding:
    """The finding for a script that cannot be cut into statements."""
    rule = _BY_ID[error.code.replace("_", "-")]
    return Finding(rule.id, rule.severity, error.reason, rule.instead, None, error.line, error.column)
