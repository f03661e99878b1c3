"""Turns a stored instance into a `Target` that an engine can connect to, with its password opened.

The only place where a stored password becomes plain text; used by the runner, the syncer and the instance
test.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.errors import NotFound, ValidationFailed
from penstock.engines.base import Target
from penstock.services.secrets import Keyring, Sealed
from penstock.store import instances

PASSWORD = "password"  # the name of a secret, not one


class CredentialsMissing(ValidationFailed):
    """The instance has no usable credentials."""

    code = "credentials_missing"


def secret_context(instance_id: int, name: str) -> str:
    """What binds a sealed secret to its row and column."""
    return f"secret:{instance_id}:{name}"


def credentials(environ: Mapping[str, str], variable: str, host: str, port: int) -> tuple[str, str | None]:
    """User name and password from a DSN in an environment variable, whose value never appears in a message.

    Approvals cover the instance's host and port, so a DSN that names another server is refused, not followed.

    Raises:
        CredentialsMissing: not set, not a URL with a user name, or of another server.
    """
    value = environ.get(variable)
    if not value:
        raise CredentialsMissing(f"The environment variable {variable} is not set where this process runs.")
    try:
        parts = urlsplit(value)
        there = (parts.hostname or host, parts.port or port)
    except ValueError:
        raise CredentialsMissing(f"The value of {variable} is not a URL.") from None
    if not parts.username:
        raise CredentialsMissing(f"The value of {variable} is not a URL with a user name.")
    if there != (host.lower(), port):
        raise CredentialsMissing(f"The value of {variable} names another server than this instance.")
    return unquote(parts.username), None if parts.password is None else unquote(parts.password)


class Targets:
    """Opens stored credentials.

    Args:
        keyring: master keys.
        environ: where ``dsn_env`` variables are looked up.
    """

    def __init__(self, keyring: Keyring, environ: Mapping[str, str] = os.environ) -> None:
        self._keyring = keyring
        self._environ = environ

    async def target_for(self, conn: AsyncConnection, instance_id: int, database: str | None = None) -> Target:
        """The target of an instance, or of one database on it.

        Raises:
            NotFound: no such instance.
            CredentialsMissing: it has no user name, or its environment variable is not usable.
            SecretUnreadable: its password cannot be opened.
        """
        row = await instances.connecting(conn, instance_id, PASSWORD)
        if row is None:
            raise NotFound(f"There is no instance {instance_id}.")
        return self.opened(instance_id, row, database)

    def opened(self, instance_id: int, row: Mapping[str, Any], database: str | None = None) -> Target:
        """The target of an instance whose row was read before, see `store.instances.connecting`; raises as
        ``target_for``."""
        return self.target_of(row, self._password(instance_id, row), database)

    def _password(self, instance_id: int, row: Mapping[str, Any]) -> str | None:
        if row["ciphertext"] is None:
            return None
        sealed = Sealed(row["key_id"], row["wrapped_key"], row["ciphertext"])
        return self._keyring.open(sealed, secret_context(instance_id, PASSWORD)).decode()

    def target_of(self, settings: Mapping[str, Any], password: str | None, database: str | None = None) -> Target:
        """The target of settings that may not be stored yet.

        Args:
            settings: engine, host, port, username, dsn_env, tls, options.

        Raises:
            CredentialsMissing: no user name, or an environment variable that is not usable.
        """
        username = settings["username"]
        if settings["dsn_env"] is not None:
            username, password = credentials(self._environ, settings["dsn_env"], settings["host"], settings["port"])
        if not username:
            raise CredentialsMissing("The instance has neither a user name nor dsn_env.")
        return Target(
            engine=settings["engine"],
            host=settings["host"],
            port=settings["port"],
            username=username,
            password=password,
            tls=settings["tls"],
            database=database,
            maintenance_database=settings["options"].get("maintenance_database", "postgres"),
        )
