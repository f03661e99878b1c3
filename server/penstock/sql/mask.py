"""Hides the literals of somebody else's statement: who waits for it may see what it does, not with which values."""

from __future__ import annotations

import re
from typing import Final

MASKED: Final = "'…'"
_POSTGRES: Final = re.compile(
    r"""(?P<keep> --[^\n]* | /\*.*?(?:\*/|\Z) | "(?:[^"]|"")*(?:"|\Z) )
      | (?<!\w)[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
      | '(?:[^']|'')*(?:'|\Z)
      | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?:(?P=dollar)|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_MYSQL: Final = re.compile(
    r"""(?P<keep> (?:--\s|\#)[^\n]* | /\*(?!M?!).*?(?:\*/|\Z) | `[^`]*(?:`|\Z) )
      | '(?:[^'\\]|\\.|'')*(?:'|\Z)
      | "(?:[^"\\]|\\.|"")*(?:"|\Z)""",
    re.VERBOSE | re.DOTALL,
)


def mask(statement: str, engine: str) -> str:
    """The statement, or its beginning, with every string literal as ``'…'``; names and numbers stay.

    Args:
        engine: ``postgres``, ``mysql`` or ``mariadb``: whose quotes they are.
    """
    pattern = _POSTGRES if engine == "postgres" else _MYSQL
    return pattern.sub(lambda found: found["keep"] if found["keep"] is not None else MASKED, statement)
