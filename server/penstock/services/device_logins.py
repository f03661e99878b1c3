"""Signing in a command line by browser (OAuth 2.0 Device Authorization Grant, RFC 8628).

A command line starts a login and shows its user code; a person who is signed in types it in a browser and allows it;
the command line, which has asked meanwhile, gets a token of that person once. The token is made when it is fetched and
not when it is allowed, so that it is never stored. If its answer is lost on the way, the token is listed and can be
revoked, and the command line has to start again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access import user_code
from penstock.domain.access.decide import Principal
from penstock.domain.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    Forbidden,
    NotFound,
    PenstockError,
    RateLimited,
    SlowDown,
)
from penstock.services.tokens import make_token
from penstock.store import accounts, credentials, device_logins
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Record

_DEVICE_CODE: Final = re.compile(r"([0-9]{1,18})\.([A-Za-z0-9_-]{43})", re.ASCII)
_CODE_TRIES: Final = 5
_NO_CODE: Final = "No login waits under this code: it was mistyped, decided already, or is older than ten minutes."


@dataclass(frozen=True, slots=True)
class DeviceLoginPolicy:
    """How long a login waits, and how many there may be.

    Args:
        lifetime: from start to fetching the token.
        interval: between two questions of a command line.
        token_days: how long the token is valid.
        starts_per_address: logins that one address may start per ``lifetime``.
        open_at_most: logins that have not expired, of everybody.
        wrong_codes: that one account may ask for per ``window``.
    """

    lifetime: dt.timedelta = dt.timedelta(minutes=10)
    interval: dt.timedelta = dt.timedelta(seconds=2)
    token_days: int = 90
    starts_per_address: int = 30
    open_at_most: int = 1_000
    wrong_codes: int = 10
    window: dt.timedelta = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Started:
    """A login that waits for a person; only the command line knows its device code."""

    device_code: str
    user_code: str


class DeviceLogins:
    """Logins of command lines; people decide on them."""

    def __init__(self, database: Database, policy: DeviceLoginPolicy | None = None) -> None:
        self._database = database
        self.policy = policy or DeviceLoginPolicy()

    async def start(self, name: str, address: str) -> Started:
        """Begin a login.

        Args:
            name: what the command line calls itself; the token will be called the same.
            address: where the request came from.

        Raises:
            RateLimited: this address, or everybody together, has started too many.
        """
        policy = self.policy
        attempts, left = await self._count(f"device:{address}", policy.lifetime)
        if attempts > policy.starts_per_address:
            raise _limited("This address has started too many logins", left)
        secret = secrets.token_urlsafe(32)

        async def work(conn: AsyncConnection) -> Started:
            if await device_logins.count_open(conn) >= policy.open_at_most:
                raise _limited("Too many logins wait for somebody to allow them", policy.lifetime)
            for _ in range(_CODE_TRIES):
                code = user_code.new()
                values = {"code_hash": _digest(secret), "user_code": code, "name": name, "address": address}
                login_id = await device_logins.insert(conn, values, policy.lifetime)
                if login_id is not None:
                    return Started(f"{login_id}.{secret}", user_code.shown(code))
            raise RuntimeError(f"{_CODE_TRIES} random user codes were all taken.")

        return await self._database.run(work)

    async def look(self, principal: Principal, typed: str) -> Record:
        """What asks under a user code.

        Raises:
            NotFound: nothing waits under it.
            RateLimited: this account has asked for too many wrong codes.
        """
        code = await self._admit(principal, typed)
        async with self._database.connect() as conn:
            found = await device_logins.living(conn, code)
        if found is None:
            raise NotFound(_NO_CODE)
        await self._forgive(principal)
        return {**found, "user_code": user_code.shown(code)}

    async def decide(
        self, principal: Principal, typed: str, decision: Literal["allow", "deny"], *, by_session: bool
    ) -> None:
        """Allow or deny a login, once.

        Args:
            by_session: the caller sits at a browser; a token cannot make further tokens this way.

        Raises:
            Forbidden: no person, or one with a token.
            NotFound: nothing waits under this code.
            RateLimited: this account has asked for too many wrong codes.
        """
        if not (principal.is_person and by_session):
            raise Forbidden("Only a person who is signed in with a browser can decide on a login.")
        code = await self._admit(principal, typed)

        async def work(conn: AsyncConnection) -> None:
            found = await device_logins.lock_living(conn, code)
            if found is None:
                raise NotFound(_NO_CODE)
            status = "allowed" if decision == "allow" else "denied"
            await device_logins.update(conn, found["id"], {"status": status, "account_id": principal.id})
            data = {"name": found["name"], "address": found["address"]}
            await audit(conn, principal.id, f"device_login.{decision}", f"device_login:{found['id']}", data)

        await self._database.run(work)
        await self._forgive(principal)

    async def fetch(self, device_code: str) -> Record:
        """The token of a login that was allowed: the first time, and never again.

        Returns:
            the token's record with ``token``.

        Raises:
            AuthorizationPending: nobody has decided yet.
            SlowDown: asked again before the interval was over.
            AccessDenied: somebody denied it, or who allowed it is disabled by now.
            ExpiredToken: it is over, was used, or never was.
        """
        matched = _DEVICE_CODE.fullmatch(device_code)
        if matched is None:
            raise ExpiredToken
        login_id, digest = int(matched[1]), _digest(matched[2])

        async def work(conn: AsyncConnection) -> Record | PenstockError:
            found = await device_logins.lock(conn, login_id, self.policy.interval)
            if found is None or not hmac.compare_digest(found["code_hash"], digest):
                return ExpiredToken()
            await device_logins.polled(conn, login_id)  # stays, whatever the answer is: hence no exceptions in here
            if found["expired"] or found["status"] == "used":
                return ExpiredToken()
            if found["hasty"]:
                return SlowDown()
            if found["status"] == "pending":
                return AuthorizationPending()
            owner = int(found["account_id"])
            account = await accounts.lock(conn, owner)
            if found["status"] == "denied" or account is None or account["disabled"]:
                return AccessDenied()
            made = await make_token(conn, owner, owner, name=found["name"], expires_in_days=self.policy.token_days)
            await device_logins.update(conn, login_id, {"status": "used", "token_id": made["id"]})
            return made

        answer = await self._database.run(work)
        if isinstance(answer, PenstockError):
            raise answer
        return answer

    async def _admit(self, principal: Principal, typed: str) -> str:
        # Counted before it is tried, so that many guesses at the same time all count.
        code = user_code.read(typed)
        if code is None:
            raise NotFound("A code has eight letters, without vowels, like BCDF-GHJK.")
        attempts, left = await self._count(_guesses(principal), self.policy.window)
        if attempts > self.policy.wrong_codes:
            raise _limited("You asked for too many codes that do not exist", left)
        return code

    async def _forgive(self, principal: Principal) -> None:
        await self._database.run(lambda conn: credentials.uncount_attempt(conn, _guesses(principal)))

    async def _count(self, key: str, window: dt.timedelta) -> tuple[int, dt.timedelta]:
        return await self._database.run(lambda conn: credentials.count_attempt(conn, key, window))


def _guesses(principal: Principal) -> str:
    return f"device-code:{principal.id}"


def _limited(what: str, left: dt.timedelta) -> RateLimited:
    seconds = max(1, round(left.total_seconds()))
    return RateLimited(f"{what}: wait {seconds} s, or paste a token instead.", retry_after=seconds)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
