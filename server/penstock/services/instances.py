"""Instances: the servers that changes are applied to, and a test that says step by step whether they can be
reached.

A password goes in and never comes out: it is sealed in the transaction that stores the instance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, require
from penstock.domain.errors import FieldError, NotFound, ValidationFailed
from penstock.engines.base import Engine, EngineName, InstanceReport, TestStep
from penstock.services import digests, schedules
from penstock.services.secrets import Keyring
from penstock.services.targets import PASSWORD, CredentialsMissing, Targets, secret_context
from penstock.services.versions import check_version
from penstock.store import environments, instances, tasks
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

# A password is only ever sent to the server it was entered for (design of execution, 4.7).
_BOUND_TO_PASSWORD: Final = ("host", "port", "tls")
_COLUMNS: Final = ("name", "host", "port", "username", "tls")


class PasswordRequired(ValidationFailed):
    """A new host, port or TLS mode drops the stored password: send it again with the change."""

    code = "password_required"


class Instances:
    """Instances.

    Args:
        engine_for: the engine of a name, from the registry.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        targets: Targets,
        engine_for: Callable[[EngineName], Engine],
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._targets = targets
        self._engine_for = engine_for

    async def listing(self, cut: Cut, environment: str | None) -> Slice:
        """Instances by slug."""
        async with self._database.connect() as conn:
            found = await instances.listing(conn, cut, environment)
        return replace(found, records=[self._described(record) for record in found.records])

    async def get(self, slug: str) -> Record:
        """One instance.

        Raises:
            NotFound: there is none.
        """
        async with self._database.connect() as conn:
            return self._described(_found(await instances.by_slug(conn, slug), slug))

    async def create(
        self, principal: Principal, slug: str, settings: Mapping[str, Any], password: str | None
    ) -> Record:
        """Add an instance with its default schedule.

        Args:
            settings: engine, environment, name, host, port, username, dsn_env, tls, options.

        Raises:
            ValidationFailed: no such environment, or credentials that contradict each other.
        """
        require(principal, "instance.edit")
        _check_credentials(settings, password)

        async def work(conn: AsyncConnection) -> Record:
            values = {key: settings[key] for key in (*_COLUMNS, "engine", "dsn_env")} | _options(settings["options"])
            values["environment_id"] = await _environment_id(conn, settings["environment"])
            instance_id = await instances.insert(conn, {"slug": slug, **values})
            if password is not None:
                await self._seal(conn, instance_id, password)
            sync = {"kind": "schema.sync", "instance_id": instance_id, "cron": schedules.DEFAULT_CRON}
            await schedules.add(conn, {**sync, "time_zone": "UTC", "enabled": True})
            data = {**settings, "password": "set" if password is not None else None}
            await audit(conn, principal.id, "instance.create", f"instance:{slug}", data)
            return self._described(_found(await instances.by_slug(conn, slug), slug))

        return await self._database.run(work)

    async def update(
        self,
        principal: Principal,
        slug: str,
        changes: Mapping[str, Any],
        password: str | None,
        expected: int | None,
    ) -> Record:
        """Change an instance; one that goes to another server needs its password again.

        Args:
            changes: any of name, host, port, username, tls, options.
            password: a new one, or None to keep what is stored.

        Raises:
            PasswordRequired: host, port or TLS mode changes and no password comes along.
        """
        require(principal, "instance.edit")

        async def work(conn: AsyncConnection) -> Record:
            locked = _found(await instances.lock(conn, slug), slug)
            check_version(locked, expected)
            _check_credentials(locked | dict(changes), password)
            moved = any(key in changes and changes[key] != locked[key] for key in _BOUND_TO_PASSWORD)
            stored = await instances.get_secret(conn, locked["id"], PASSWORD)
            if moved and stored is not None and password is None:
                raise PasswordRequired(errors=[FieldError("password", _first_line(PasswordRequired), "required")])
            values = {key: changes[key] for key in _COLUMNS if key in changes}
            if "options" in changes:
                values |= _options(changes["options"])
            if moved:
                values["identity"] = None  # read again at the next sync: it may be another server
            await instances.update(conn, locked["id"], values)
            if moved:
                await digests.instance_moved(conn, locked["id"])
            if "options" in changes:  # there may be more room than before
                await tasks.lock_slots(conn, [locked["id"]])
                await tasks.promote(conn, [locked["id"]])
            if password is not None:
                await self._seal(conn, locked["id"], password)
            data = {**changes, **({"password": "set"} if password is not None else {})}
            await audit(conn, principal.id, "instance.update", f"instance:{slug}", data)
            return self._described(_found(await instances.by_slug(conn, slug), slug))

        return await self._database.run(work)

    async def delete(self, principal: Principal, slug: str, expected: int | None) -> None:
        """Remove an instance on which nothing was ever run; foreign keys refuse any other."""
        require(principal, "instance.edit")

        async def work(conn: AsyncConnection) -> None:
            locked = _found(await instances.lock(conn, slug), slug)
            check_version(locked, expected)
            await instances.delete(conn, locked["id"])
            await audit(conn, principal.id, "instance.delete", f"instance:{slug}")

        await self._database.run(work)

    async def test(self, principal: Principal, slug: str) -> InstanceReport:
        """Try to reach a stored instance, and remember what its server says of itself.

        Raises:
            NotFound: there is no such instance.
        """
        require(principal, "instance.edit")
        async with self._database.connect() as conn:
            found = _found(await instances.by_slug(conn, slug), slug)
            try:
                target = await self._targets.target_for(conn, found["id"])
            except CredentialsMissing as error:
                return _no_credentials(error)
        report = await self._engine_for(target.engine).test(target)

        async def work(conn: AsyncConnection) -> None:
            await audit(conn, principal.id, "instance.test", f"instance:{slug}", {"ok": report.authenticated})
            if report.authenticated:
                await instances.note_server(conn, found["id"], report.version, report.identity)

        await self._database.run(work)
        return report

    async def test_settings(
        self, principal: Principal, settings: Mapping[str, Any], password: str | None
    ) -> InstanceReport:
        """Try to reach an instance that is not stored; the arguments are those of `create`."""
        require(principal, "instance.edit")
        _check_credentials(settings, password)
        try:
            target = self._targets.target_of(settings, password)
        except CredentialsMissing as error:
            return _no_credentials(error)
        report = await self._engine_for(target.engine).test(target)
        where = {"host": settings["host"], "port": settings["port"], "ok": report.authenticated}
        await self._database.run(lambda conn: audit(conn, principal.id, "instance.test", "instance:", where))
        return report

    def _described(self, record: Record) -> Record:
        return record | {"support": self._engine_for(record["engine"]).capabilities.support}

    async def _seal(self, conn: AsyncConnection, instance_id: int, password: str) -> None:
        sealed = self._keyring.seal(password.encode(), secret_context(instance_id, PASSWORD))
        await instances.put_secret(
            conn,
            instance_id,
            PASSWORD,
            key_id=sealed.key_id,
            wrapped_key=sealed.wrapped_key,
            ciphertext=sealed.ciphertext,
        )


def _found(record: Record | None, slug: str) -> Record:
    if record is None:
        raise NotFound(f"There is no instance {slug}.")
    return record


def _first_line(error: type[Exception]) -> str:
    return (error.__doc__ or "").splitlines()[0]


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"options": dict(options), "max_running_tasks": options["max_running_tasks"]}


def _check_credentials(settings: Mapping[str, Any], password: str | None) -> None:
    if settings["dsn_env"] is not None and (settings["username"] is not None or password is not None):
        message = "Give either dsn_env or username and password, not both."
        raise ValidationFailed(errors=[FieldError("dsn_env", message, "two_credentials")])
    if settings["dsn_env"] is None and not settings["username"]:
        raise ValidationFailed(errors=[FieldError("username", "Give username or dsn_env.", "required")])


def _no_credentials(error: CredentialsMissing) -> InstanceReport:
    step = TestStep(name="login", ok=False, detail=error.message, ms=0.0)
    return InstanceReport(reachable=False, authenticated=False, steps=[step])


async def _environment_id(conn: AsyncConnection, slug: str) -> int:
    found = await environments.id_of(conn, slug)
    if found is None:
        message = f"There is no environment {slug}."
        raise ValidationFailed(errors=[FieldError("environment", message, "unknown_environment")])
    return found
