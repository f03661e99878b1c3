"""Hashes and checks passwords with Argon2id, in threads and never more than a few at a time."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# One hash takes 64 MiB and a core: a burst of logins queues here instead of taking the machine.
_AT_ONCE: Final = 4


class Passwords:
    """Argon2id with the library's parameters (RFC 9106, low-memory profile), unless others are given."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Hash a new password."""
        async with self._places:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Check a password; without a stored hash it takes as long and answers False."""
        async with self._places:
            if stored is None and self._nobody is None:
                self._nobody = await asyncio.to_thread(self._hasher.hash, "nobody's password")
            return await asyncio.to_thread(self._verify, stored or self._nobody or "", password) and stored is not None

    def outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
