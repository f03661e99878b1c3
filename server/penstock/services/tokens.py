"""API tokens of people and of service accounts: shown once, stored as a hash."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import string
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import FieldError, Forbidden, NotFound, ValidationFailed
from penstock.store import accounts, credentials
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

PREFIX: Final = "pst_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SHOWN = len(PREFIX) + 8
_USED_EVERY = dt.timedelta(minutes=1)


class Tokens:
    """Tokens; a person sees her own, and an administrator those of service accounts too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def authenticate(self, token: str) -> tuple[Principal, int] | None:
        """The principal and id of a living token, or None."""
        if not token.startswith(PREFIX):
            return None
        async with self._database.connect() as conn:
            found = await credentials.find_token(conn, _digest(token))
        if found is None:
            return None
        token_id = int(found["token_id"])
        if found["unused"] is None or found["unused"] > _USED_EVERY:
            await self._database.run(lambda conn: credentials.touch_token(conn, token_id))
        return accounts.principal_of(found), token_id

    async def recheck(self, account_id: int, token_id: int) -> Principal | None:
        """The principal of a token as of now, for streams that outlive a request; None when it has ended."""
        async with self._database.connect() as conn:
            if not await credentials.token_lives(conn, token_id):
                return None
            return await accounts.principal(conn, account_id)

    async def listing(self, principal: Principal, cut: Cut) -> Slice:
        """The caller's tokens, newest first; with ``service_account.edit`` also those of service accounts."""
        machines = allowed(principal, "service_account.edit")
        async with self._database.connect() as conn:
            return await credentials.tokens(conn, cut, account_id=principal.id, service_accounts=machines)

    async def create(
        self, principal: Principal, *, name: str, service_account: int | None, expires_in_days: int | None
    ) -> Record:
        """Make a token for the caller, or for a service account.

        Returns:
            the token's record with ``token``, which nobody can read again.

        Raises:
            Forbidden: a service account asks, or somebody without ``service_account.edit`` for a service
                account.
            ValidationFailed: there is no such service account, or it is disabled.
        """
        if not principal.is_person:
            raise Forbidden("Only a person can make tokens.")
        if service_account is not None:
            require(principal, "service_account.edit")
        owner = principal.id if service_account is None else service_account

        async def work(conn: AsyncConnection) -> Record:
            account = await accounts.lock(conn, owner)
            if account is None or account["disabled"] or (service_account is not None and _is_person(account)):
                message = f"There is no enabled service account {owner}."
                raise ValidationFailed(errors=[FieldError("service_account", message)])
            return await make_token(conn, owner, principal.id, name=name, expires_in_days=expires_in_days)

        return await self._database.run(work)

    async def revoke(self, principal: Principal, token_id: int) -> None:
        """End a token.

        Raises:
            NotFound: no such token, or one that the caller may not see.
        """

        async def work(conn: AsyncConnection) -> None:
            found = await credentials.token_by_id(conn, token_id)
            mine = found is not None and found["account_id"] == principal.id
            machines = found is not None and found["owner"]["kind"] == "service_account"
            if not mine and not (machines and allowed(principal, "service_account.edit")):
                raise NotFound(f"There is no token {token_id} that you may see.")
            await credentials.revoke_token(conn, token_id)
            await audit(conn, principal.id, "token.revoke", f"token:{token_id}")

        await self._database.run(work)


async def make_token(
    conn: AsyncConnection, owner: int, maker: int, *, name: str, expires_in_days: int | None
) -> Record:
    """Make a token in a transaction of the caller's, who has locked the owner and found it enabled.

    Args:
        owner: the account that the token speaks for.
        maker: the person who makes it.

    Returns:
        the token's record with ``token``, which nobody can read again.
    """
    token = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(43))  # 256 bits
    values = {
        "account_id": owner,
        "name": name,
        "token_hash": _digest(token),
        "prefix": token[:_SHOWN],
        "created_by": maker,
    }
    token_id = await credentials.insert_token(conn, values, expires_in_days)
    data = {"name": name, "account": owner, "expires_in_days": expires_in_days}
    await audit(conn, maker, "token.create", f"token:{token_id}", data)
    return {**(await credentials.token_by_id(conn, token_id) or {}), "token": token}


def _is_person(account: Record) -> bool:
    return bool(account["kind"] == "person")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
