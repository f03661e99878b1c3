"""Signing in and out: sessions of random ids that are stored as hashes, renewed at login and rotated while
in use."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal
from penstock.domain.errors import RateLimited, Unauthenticated
from penstock.services.passwords import Passwords
from penstock.store import accounts, credentials
from penstock.store.database import Database
from penstock.store.records import audit

WRONG_LOGIN: Final = "E-mail or password is wrong."


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long sessions last, and how many logins may be tried.

    Args:
        lifetime: absolute end after login.
        idle: end after the last request.
        rotate_every: age at which an id is replaced.
        grace: how long a replaced id still works, for requests that were under way.
        attempts_per_email, attempts_per_address: failed logins per ``window``.
    """

    lifetime: dt.timedelta = dt.timedelta(days=7)
    idle: dt.timedelta = dt.timedelta(hours=12)
    rotate_every: dt.timedelta = dt.timedelta(minutes=15)
    grace: dt.timedelta = dt.timedelta(seconds=30)
    seen_every: dt.timedelta = dt.timedelta(minutes=1)
    attempts_per_email: int = 10
    attempts_per_address: int = 100
    window: dt.timedelta = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that was just opened or found.

    Args:
        new_id: the id that the browser must keep from now on; None when the old one stays.
        csrf_token: names the session across rotations, and must come back with every changing request.
    """

    principal: Principal
    csrf_token: str
    new_id: str | None


class Sessions:
    """Sessions of people; service accounts have tokens only."""

    def __init__(self, database: Database, passwords: Passwords, policy: SessionPolicy | None = None) -> None:
        self._database = database
        self._passwords = passwords
        self.policy = policy or SessionPolicy()

    async def login(self, email: str, password: str, address: str, old_id: str | None) -> SignedIn:
        """Check a password and open a session with a new id; the one that the browser had ends.

        Args:
            address: where the request came from, for the rate limit.
            old_id: the session id that came with the request.

        Raises:
            RateLimited: too many attempts for this e-mail or address.
            Unauthenticated: wrong, unknown or disabled, and one cannot tell which.
        """
        by_email, by_address = f"email:{email.lower()}", f"address:{address}"
        await self._database.run(lambda conn: self._admit(conn, by_email, by_address))
        async with self._database.connect() as conn:
            found = await accounts.by_email(conn, email)
        stored = None if found is None or found["disabled"] else found["password_hash"]
        if not await self._passwords.matches(stored, password) or found is None or stored is None:
            raise Unauthenticated(WRONG_LOGIN)
        rehashed = await self._passwords.hash(password) if self._passwords.outdated(stored) else None
        new_id, csrf_token, account_id = (
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            int(found["id"]),
        )

        async def work(conn: AsyncConnection) -> SignedIn:
            # Checked again under a lock: disabling the account or changing its password ends every session.
            locked = await accounts.lock(conn, account_id)
            principal = await accounts.principal(conn, account_id)
            if locked is None or principal is None or locked["password_hash"] != stored:
                raise Unauthenticated(WRONG_LOGIN)
            if rehashed is not None:
                await accounts.update(conn, account_id, {"password_hash": rehashed})
            if old_id is not None:
                await credentials.delete_session(conn, _digest(old_id))
            values = {"token_hash": _digest(new_id), "account_id": account_id, "csrf_token": csrf_token}
            await credentials.insert_session(conn, values, self.policy.lifetime)
            await credentials.forget_attempts(conn, by_email)
            await credentials.uncount_attempt(conn, by_address)
            await audit(conn, account_id, "session.create", f"user:{account_id}", {"address": address})
            return SignedIn(principal, csrf_token, new_id)

        return await self._database.run(work)

    async def authenticate(self, session_id: str) -> SignedIn | None:
        """The session of an id, or None; rotates the id when it is old."""
        policy, digest = self.policy, _digest(session_id)
        async with self._database.connect() as conn:
            found = await credentials.find_session(conn, digest, idle=policy.idle, grace=policy.grace)
        if found is None:
            return None
        new_id: str | None = None
        if found["current"] and found["unrotated"] > policy.rotate_every:
            fresh = secrets.token_urlsafe(32)
            if await self._database.run(lambda conn: credentials.rotate_session(conn, digest, _digest(fresh))):
                new_id = fresh
        elif found["unseen"] > policy.seen_every:
            await self._database.run(lambda conn: credentials.touch_session(conn, found["token_hash"]))
        return SignedIn(accounts.principal_of(found), found["csrf_token"], new_id)

    async def recheck(self, account_id: int, csrf_token: str) -> Principal | None:
        """The principal of a session as of now, for streams that outlive a request; None when it has
        ended."""
        async with self._database.connect() as conn:
            if not await credentials.session_lives(conn, account_id, csrf_token):
                return None
            return await accounts.principal(conn, account_id)

    async def logout(self, principal: Principal, session_id: str) -> None:
        """End a session."""

        async def work(conn: AsyncConnection) -> None:
            await credentials.delete_session(conn, _digest(session_id))
            await audit(conn, principal.id, "session.delete", f"user:{principal.id}")

        await self._database.run(work)

    async def _admit(self, conn: AsyncConnection, by_email: str, by_address: str) -> None:
        limits = {by_email: self.policy.attempts_per_email, by_address: self.policy.attempts_per_address}
        for key, limit in sorted(limits.items()):
            attempts, left = await credentials.count_attempt(conn, key, self.policy.window)
            if attempts > limit:
                seconds = max(1, round(left.total_seconds()))
                raise RateLimited(f"Too many attempts to sign in: wait {seconds} s.", retry_after=seconds)


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()
