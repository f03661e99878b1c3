"""Identifiers that sort by time: UUID version 7 (RFC 9562)."""

from __future__ import annotations

import uuid


def uuid7(unix_ms: int, random: bytes) -> uuid.UUID:
    """Build a UUIDv7.

    Args:
        unix_ms: milliseconds since 1970, 48 bits.
        random: ten random bytes; 74 of their bits are used.
    """
    value = (unix_ms & (1 << 48) - 1) << 80 | int.from_bytes(random, "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return uuid.UUID(int=value)
