"""The short code that a person reads on one screen and types on another (RFC 8628, section 6.1)."""

from __future__ import annotations

import re
import secrets
from typing import Final

# Without vowels no words come out, and nothing looks like a digit.
LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH: Final = 8  # 20 to the 8th: 25 thousand million
_HALF: Final = LENGTH // 2
_CODE: Final = re.compile(f"[{LETTERS}]{{{LENGTH}}}", re.ASCII)


def new() -> str:
    """A random code, as it is stored."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def shown(code: str) -> str:
    """A code as people read it: ``BCDF-GHJK``."""
    return f"{code[:_HALF]}-{code[_HALF:]}"


def read(typed: str) -> str | None:
    """What somebody typed, as it is stored; None when it cannot be a code. Case, spaces and hyphens do not count."""
    code = typed.replace("-", "").replace(" ", "").upper()
    return code if _CODE.fullmatch(code) else None
