"""One regular expression that reads a whole ordinary PostgreSQL statement at once; what it does not match is not
wrong, but needs the closer look of the token reader, which it must agree with.

The alternatives of every loop begin with different bytes and give nothing back, so reading is linear.
"""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = rb"[A-Za-z0-9_$\x80-\xff]"
# Only what can be told from its own bytes: comments that do not nest, no dollar quotes, no backslash outside E''.
_GAP: Final = rb"(?:[ \t\n\r\f\v]++|--[^\n\r]*+|/\*[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+\*/)"
_PLAIN: Final = (
    rb"[A-DF-Za-df-z_\x80-\xff]" + _WORD + rb"*+"
    rb"|[^\x00-\x20A-Za-z0-9_\x80-\xff'\"$/\-;()\\]++"
    rb"|'[^']*+(?:''[^']*+)*+'"
    rb"|[eE](?!')" + _WORD + rb"*+"
    rb"|[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?"
    rb'|"[^"]*+(?:""[^"]*+)*+"'
    rb"|-(?!-)"
    rb"|/(?!\*)"
    rb"|\$(?:[0-9]++(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?)"
    # An E'' string, unless a second piece of it may follow on another line.
    rb"|[eE]'(?:[^'\\]++|\\.|'')*+'(?![ \t\f\v]*+(?:--[^\n\r]*+)?+[\n\r][ \t\n\r\f\v]*+(?:'|--))"
    rb"|[\x00-\x08\x0e-\x1f]"
)


def _in_parentheses(deeper: bytes) -> bytes:
    """Semicolons in parentheses end nothing: CREATE RULE has some."""
    return rb"\((?:" + _GAP + rb"|;|" + _PLAIN + deeper + rb")*+\)"


_NESTED: Final = rb"|" + _in_parentheses(rb"|" + _in_parentheses(rb"|" + _in_parentheses(rb"")))
_SOLID: Final = rb"(?:" + _PLAIN + _NESTED + rb")"
# COPY may have data behind it, and a routine a body with semicolons of its own.
_SPECIAL: Final = (
    rb"(?i:COPY(?!" + _WORD + rb")|CREATE" + _GAP + rb"*+(?:/\*|(?:OR|FUNCTION|PROCEDURE)(?!" + _WORD + rb")))"
)

SIMPLE: Final = re.compile(
    rb"(?:;|" + _GAP + rb")*+"
    rb"(?P<statement>(?!" + _SPECIAL + rb")" + _SOLID + rb"++(?:" + _GAP + rb"++" + _SOLID + rb"++)*+)"
    + _GAP + rb"*+(?:;|\Z)",
    re.DOTALL,
)  # fmt: skip
