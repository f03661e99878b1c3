"""Notices that the other machine has gone without a word: whoever only waits for an answer would wait for ever."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

SECONDS: Final = 60  # until a connection whose other end is silent is given up
_IDLE, _INTERVAL, _COUNT = 30, 10, 3
# Not every system has each of them, or by each of these names.
_OPTIONS: Final = {
    "TCP_KEEPIDLE": _IDLE,
    "TCP_KEEPALIVE": _IDLE,  # as macOS calls it
    "TCP_KEEPINTVL": _INTERVAL,
    "TCP_KEEPCNT": _COUNT,
    "TCP_USER_TIMEOUT": SECONDS * 1000,  # what we have sent and nobody has acknowledged
}


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Have the system ask the other end whether it is there while nothing is sent, and break the connection when it
    does not answer within `SECONDS`.  A socket of this machine alone needs nothing of it."""
    found = transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
