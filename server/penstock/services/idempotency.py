"""Answers a repeated request from the first one's answer, so that a client may safely send it again.

Kept for a day.  A crash between the work and the keeping of its answer is the one gap: after a minute the key
can be taken again, and the work is then done anew.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import Final

import msgspec

from penstock.domain.errors import Conflict
from penstock.services.secrets import Keyring, Sealed
from penstock.store import idempotency
from penstock.store.database import Database

STALE: Final = dt.timedelta(seconds=60)
KEEP: Final = dt.timedelta(days=1)
_WAIT_SECONDS: Final = 10.0
_LOOK_EVERY: Final = 0.1


class IdempotencyConflict(Conflict):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_conflict"


class Answer(msgspec.Struct, frozen=True):
    """An answer as it went out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that this request holds."""

    account_id: int
    key: str
    started_at: dt.datetime


class Idempotency:
    """Keys and answers; answers are sealed, since some of them show a secret once."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def begin(self, account_id: int, key: str, request_hash: bytes) -> Claim | Answer:
        """Take a key, or answer what was answered before; waits for a twin that is still at work.

        Raises:
            IdempotencyConflict: used for another request, or its twin takes too long.
        """
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
        while True:
            started_at = await self._database.run(
                lambda conn: idempotency.begin(conn, account_id, key, request_hash, STALE)
            )
            if started_at is not None:
                return Claim(account_id, key, started_at)
            async with self._database.connect() as conn:
                found = await idempotency.find(conn, account_id, key)
            if found is not None and bytes(found["request_hash"]) != request_hash:
                raise IdempotencyConflict
            if found is not None and found["status"] is not None:
                sealed = Sealed.unpack(bytes(found["body"]))
                return msgspec.msgpack.decode(self._keyring.open(sealed, _context(account_id, key)), type=Answer)
            if asyncio.get_running_loop().time() > deadline:
                raise IdempotencyConflict("The first request with this Idempotency-Key is still being worked on.")
            await asyncio.sleep(_LOOK_EVERY)

    async def finish(self, claim: Claim, answer: Answer) -> None:
        """Keep a good answer, or give the key back after a bad one."""
        if answer.status >= 400:
            await self.release(claim)
            return
        context = _context(claim.account_id, claim.key)
        body = self._keyring.seal(msgspec.msgpack.encode(answer), context).pack()
        await self._database.run(
            lambda conn: idempotency.finish(conn, claim.account_id, claim.key, claim.started_at, answer.status, body)
        )

    async def release(self, claim: Claim) -> None:
        """Give a key back: its request did nothing."""
        await self._database.run(lambda conn: idempotency.release(conn, claim.account_id, claim.key, claim.started_at))


def _context(account_id: int, key: str) -> str:
    return f"idempotency:{account_id}:{key}"
