"""People and service accounts: who exists, which workspace role they have, who is disabled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import Conflict, NotFound
from penstock.domain.events import ACCESS_CHANGED
from penstock.services.passwords import Passwords
from penstock.store import accounts, credentials, pipelines
from penstock.store.database import Database
from penstock.store.records import audit, emit
from penstock.store.rows import Cut, Record, Slice


class LastAdministrator(Conflict):
    """This is the last administrator: make somebody else one first."""

    code = "last_administrator"


class Accounts:
    """Accounts; they are disabled rather than deleted, since history names them."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    async def create_first_admin(self, email: str, name: str, password: str) -> bool:
        """Make the first administrator of a new installation; False when there are people already."""
        password_hash = await self._passwords.hash(password)

        async def work(conn: AsyncConnection) -> bool:
            if await accounts.any_person(conn):
                return False
            values = {"kind": "person", "email": email, "name": name, "workspace_role": "admin"}
            account_id = await accounts.insert(conn, {**values, "password_hash": password_hash})
            await audit(conn, None, "user.create", f"user:{account_id}", values)
            return True

        return await self._database.run(work)

    async def listing(self, cut: Cut, kind: str) -> Slice:
        """People (``person``) or service accounts (``service_account``) by id."""
        async with self._database.connect() as conn:
            return await accounts.listing(conn, cut, kind)

    async def get(self, account_id: int) -> Record:
        """One account.

        Raises:
            NotFound: there is no such account.
        """
        async with self._database.connect() as conn:
            return _found(await accounts.by_id(conn, account_id), account_id)

    async def create_user(
        self, principal: Principal, *, email: str, name: str, password: str, workspace_role: str
    ) -> Record:
        """Add a person. A taken e-mail is a Conflict, from the unique index."""
        password_hash = await self._passwords.hash(password)
        values = {"kind": "person", "email": email, "name": name, "workspace_role": workspace_role}
        return await self._create(principal, "user.create", values, {"password_hash": password_hash})

    async def create_service_account(self, principal: Principal, *, name: str) -> Record:
        """Add a service account, which can have tokens but never signs in."""
        return await self._create(principal, "service_account.create", {"kind": "service_account", "name": name}, {})

    async def update_user(
        self,
        principal: Principal,
        account_id: int,
        changes: Mapping[str, Any],
        *,
        csrf_token: str | None = None,
    ) -> Record:
        """Change a person: everybody their own name and password, an administrator everything.

        Args:
            changes: any of name, password, workspace_role, disabled.
            csrf_token: names the caller's session, which survives a change of the caller's own password.

        Raises:
            NotFound: no such person, or not one that the caller may see.
            Forbidden: not the caller's to change.
            LastAdministrator: nobody could administer Penstock afterwards.
        """
        mine = account_id == principal.id
        if not mine and not allowed(principal, "user.read"):
            raise NotFound(f"There is no user {account_id} that you may see.")
        if not mine or changes.keys() - {"name", "password"}:
            require(principal, "user.edit")
        values = {key: changes[key] for key in ("name", "workspace_role", "disabled") if key in changes}
        secret: dict[str, Any] = {}
        if "password" in changes:
            secret["password_hash"] = await self._passwords.hash(changes["password"])

        async def work(conn: AsyncConnection) -> Record:
            admins = await accounts.lock_admins(conn)
            before = _found(await accounts.lock(conn, account_id), account_id, kind="person")
            demoted = values.get("workspace_role", "admin") != "admin" or values.get("disabled", False)
            if demoted and admins == [account_id]:
                raise LastAdministrator
            after = await self._change(conn, principal, "user", before, values, secret)
            if secret:
                await credentials.delete_sessions(conn, account_id, except_csrf=csrf_token if mine else None)
            return after

        return await self._database.run(work)

    async def update_service_account(self, principal: Principal, account_id: int, changes: Mapping[str, Any]) -> Record:
        """Rename, disable or enable a service account."""
        values = {key: changes[key] for key in ("name", "disabled") if key in changes}

        async def work(conn: AsyncConnection) -> Record:
            before = _found(await accounts.lock(conn, account_id), account_id, kind="service_account")
            return await self._change(conn, principal, "service_account", before, values, {})

        return await self._database.run(work)

    async def _create(
        self, principal: Principal, action: str, values: Mapping[str, Any], secret: Mapping[str, Any]
    ) -> Record:
        async def work(conn: AsyncConnection) -> Record:
            account_id = await accounts.insert(conn, {**values, **secret})
            await audit(conn, principal.id, action, f"{action.partition('.')[0]}:{account_id}", values)
            return _found(await accounts.by_id(conn, account_id), account_id)

        return await self._database.run(work)

    async def _change(
        self,
        conn: AsyncConnection,
        principal: Principal,
        noun: str,
        before: Record,
        values: Mapping[str, Any],
        secret: Mapping[str, Any],
    ) -> Record:
        account_id = int(before["id"])
        columns = {key: value for key, value in values.items() if key != "disabled"} | dict(secret)
        if "disabled" in values and values["disabled"] != before["disabled"]:
            columns["disabled_at"] = credentials.NOW if values["disabled"] else None
        if columns:
            await accounts.update(conn, account_id, columns)
        if values.get("disabled"):
            await credentials.delete_sessions(conn, account_id)
            await credentials.revoke_tokens(conn, account_id)
        data = {**values, **({"password": "changed"} if secret else {})}
        await audit(conn, principal.id, f"{noun}.update", f"{noun}:{account_id}", data)
        if values.keys() & {"workspace_role", "disabled"}:
            await pipelines.accounts_changed(conn, [account_id])
        if values.keys() & {"workspace_role", "disabled"} or secret:
            await emit(conn, ACCESS_CHANGED, actor_id=principal.id, data={"accounts": [account_id]})
        return _found(await accounts.by_id(conn, account_id), account_id)


def _found(record: Record | None, account_id: int, kind: str | None = None) -> Record:
    if record is None or (kind is not None and record["kind"] != kind):
        noun = "service account" if kind == "service_account" else "user" if kind else "account"
        raise NotFound(f"There is no {noun} {account_id}.")
    return record
