"""One regular expression per delimiter that reads a whole ordinary MySQL or MariaDB statement at once; what it does not
match is not wrong, but needs the closer look of the token reader, which it must agree with.

The alternatives of every loop begin with different bytes and give nothing back, so reading is linear.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from penstock.sql.splitter.mysql_tokens import SEMICOLON

CLIENT_COMMANDS: Final = frozenset(
    b"SOURCE SYSTEM TEE NOTEE PAGER NOPAGER EGO CLEAR STATUS EDIT REHASH CHARSET QUIT EXIT CONNECT PROMPT".split()
)

_WORD: Final = rb"[A-Za-z0-9_$\x80-\xff]"
# Comments that run to the end of a line, if that is one to an editor, too; and those that hide no statement.
_GAP: Final = (
    rb"(?:[ \t\n\r\f\v]++"
    rb"|(?:\#|--(?=[\x00-\x20\x7f]|\Z))[^\n\r]*+(?=\n|\r\n|\r?\Z)"
    rb"|/\*(?!M?!)[^*]*+(?:\*(?!/)[^*]*+)*+\*/)"
)
_SOLID: Final = (
    rb"(?:{word}"
    rb"|'(?:[^'\\]++|\\.|'')*+'"
    rb"|`[^`]*+(?:``[^`]*+)*+`"
    rb'|"(?:[^"\\]++|\\.|"")*+"'
    rb"|-(?!-(?:[\x00-\x20\x7f]|\Z))"
    rb"|/(?!\*)"
    rb"|[^\x00-\x20A-Za-z0-9_$\x80-\xff'\"`\#/\-;\\]"
    rb"|[\x00-\x08\x0e-\x1f])"
)
# Ends a word; what stands for {cut} is the delimiter, which cuts words in two.
_END: Final = rb"(?:(?!" + _WORD + rb")|(?={cut}))"
_COMMAND: Final = rb"(?i:" + rb"|".join(sorted(CLIENT_COMMANDS | {b"DELIMITER"})) + rb")" + _END
# Under another delimiter a semicolon ends these only, for sure: the client would send what follows along with them.
CERTAIN: Final = frozenset(
    b"SELECT INSERT UPDATE DELETE REPLACE WITH VALUES TABLE DROP TRUNCATE RENAME SET USE DO CALL PREPARE EXECUTE"
    b" DEALLOCATE GRANT REVOKE START COMMIT ROLLBACK SAVEPOINT RELEASE XA LOCK UNLOCK ANALYZE OPTIMIZE CHECK REPAIR"
    b" FLUSH LOAD SHOW DESCRIBE DESC EXPLAIN HELP KILL HANDLER RESET PURGE INSTALL UNINSTALL".split()
)
_DEFINITION: Final = (
    rb"(?:CREATE|ALTER)" + _GAP + rb"++(?:(?:UNIQUE|FULLTEXT|SPATIAL)" + _GAP + rb"++)?+"
    rb"(?:TABLE|VIEW|INDEX|DATABASE|SCHEMA|USER|ROLE|TEMPORARY)(?!" + _WORD + rb")"
)
# May have a body in which semicolons end nothing.
_BODY: Final = rb"(?i:BEGIN(?!" + _WORD + rb")|(?!" + _DEFINITION + rb")(?:CREATE|ALTER)(?!" + _WORD + rb"))"
# SET STATEMENT … FOR goes on with another statement.
_NO_BODY: Final = (
    rb"(?i:(?!SET" + _GAP + rb"++STATEMENT)"
    rb"(?:" + _DEFINITION + rb"|(?:" + rb"|".join(sorted(CERTAIN)) + rb")" + _END + rb"))"
)  # fmt: skip


@lru_cache(maxsize=64)
def simple(delimiter: bytes) -> re.Pattern[bytes]:
    """What matches the text between two statements and the next one, ``statement``, with its delimiter."""
    cut = re.escape(delimiter)
    ahead = rb"(?!" + cut + rb")"  # it is looked for before anything else, even in the middle of a word
    if delimiter == SEMICOLON:
        word, first, end = _WORD + rb"++", rb"(?!" + _COMMAND + rb"|" + _BODY + rb")", cut
    else:
        word, first, end = rb"(?:" + ahead + _WORD + rb")++", rb"(?=" + _NO_BODY + rb")", rb"(?:" + cut + rb"|;)"
    # In a statement, too, the name of the client's command may mean more than itself.
    word = rb"(?!(?i:DELIMITER)" + _END + rb")" + word
    solid = rb"(?:" + ahead + _SOLID.replace(rb"{word}", word) + rb")"
    gap = rb"(?:" + ahead + _GAP + rb")"
    pattern = (
        rb"(?:" + end + rb"|" + gap + rb")*+"
        rb"(?P<statement>" + ahead + first + solid + rb"++(?:" + gap + rb"++" + solid + rb"++)*+)" + gap + rb"*+"
        rb"(?:" + end + rb"|\Z)"
    )
    return re.compile(pattern.replace(rb"{cut}", cut), re.DOTALL)
