"""How long the world is waited for."""

from __future__ import annotations

import datetime as dt
from typing import Final

# Of a target that nobody can ask: it does not answer, or has no such database any more.
GONE: Final = frozenset({"target_unreachable", "3D000", "1049"})
CONNECT_DEADLINE: Final = dt.timedelta(minutes=10)  # a target that is away for longer may be gone for good
