"""Plugins: who is told of events outside, by webhook, chat or mail.

Secrets go in, or are shown once, and never come out again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import FieldError, InvalidTransition, NotFound, ValidationFailed
from penstock.domain.events import CHECK_REPORTED
from penstock.domain.plugins import COMMIT_STATUS, ROTATION, SYSTEMS, TOLD, Kind, is_repository, new_secret
from penstock.services.addresses import is_address
from penstock.services.secrets import Keyring, Sealed
from penstock.services.versions import check_version
from penstock.store import plugins, projects
from penstock.store.database import Database
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

_SECRET_BYTES: Final = 32
_ADDRESSES: Final = ("url", "smtp", "commit_status")


def context(plugin_id: int) -> str:
    """What the sealed secrets of a plugin are bound to."""
    return f"plugin:{plugin_id}:secret"


class Plugins:
    """Receivers and their deliveries.

    Args:
        private: receivers in the inner network, and plain http, are allowed.
    """

    def __init__(self, database: Database, keyring: Keyring, *, private: bool) -> None:
        self._database = database
        self._keyring = keyring
        self._private = private

    async def listing(self, principal: Principal, cut: Cut) -> Slice:
        """The plugins that the caller may see, oldest first."""
        mine = None if allowed(principal, "plugin.read") else _readable(principal)
        async with self._database.connect() as conn:
            found = await plugins.listing(conn, cut, mine)
        return Slice([_shown(record) for record in found.records], found.next_key)

    async def get(self, principal: Principal, plugin_id: int) -> Record:
        """One plugin.

        Raises:
            NotFound: there is none that the caller may see.
        """
        async with self._database.connect() as conn:
            return _shown(await _visible(conn, principal, plugin_id, "plugin.read"))

    async def create(
        self,
        principal: Principal,
        *,
        kind: Kind,
        name: str,
        project: str | None,
        types: Sequence[str],
        url: str | None,
        smtp: Mapping[str, Any] | None,
        commit_status: Mapping[str, Any] | None = None,
    ) -> Record:
        """Add a receiver; the answer to this request alone has the signing secret of a webhook.

        Raises:
            ValidationFailed: an address that is none, or that is inside, or unknown events.
        """
        _check(kind, types, url, smtp, commit_status, private=self._private)
        if kind == COMMIT_STATUS and project is None:
            message = "A repository hears of one project: name it."
            raise ValidationFailed(errors=[FieldError("project", message, "project_needed")])

        async def work(conn: AsyncConnection) -> Record:
            project_id = await _project(conn, principal, project)
            # A mail server is usually inside, so only those who may know the inside name one.
            require(principal, "plugin.edit", project_id if kind != "email" else None)
            settings, secret = _split(kind, url, smtp, commit_status)
            told = [CHECK_REPORTED] if kind == COMMIT_STATUS else list(types)
            values = {"kind": kind, "name": name, "project_id": project_id, "types": told, "settings": settings}
            plugin_id = await plugins.insert(conn, values)
            if secret is not None:
                await plugins.update(conn, plugin_id, {"secret": self._seal(plugin_id, secret)})
            about = {"kind": kind, "name": name, "project": project, "types": list(types), "to": settings.get("shown")}
            await audit(conn, principal.id, "plugin.create", f"plugin:{plugin_id}", about)
            found = await _visible(conn, principal, plugin_id, "plugin.read")
            return _shown(found, secret if kind == "webhook" else None)

        return await self._database.run(work)

    async def update(
        self, principal: Principal, plugin_id: int, changes: Mapping[str, Any], expected: int | None
    ) -> Record:
        """Change name, events or address; or switch it off and on.

        Args:
            changes: any of name, types, enabled, url, smtp, commit_status.

        Raises:
            NotFound: there is none that the caller may see.
            ValidationFailed: an address that is none, or that is inside, or unknown events.
        """

        async def work(conn: AsyncConnection) -> Record:
            found = await self._lock(conn, principal, plugin_id, expected)
            values: dict[str, Any] = {key: changes[key] for key in ("name", "types", "enabled") if key in changes}
            _check_types(changes.get("types", ()), found["kind"])
            if changes.keys() & _ADDRESSES:
                url, smtp, commit_status = (changes.get(key) for key in _ADDRESSES)
                _check(found["kind"], (), url, smtp, commit_status, private=self._private, fresh=False)
                values["settings"], secret = _split(found["kind"], url, smtp, commit_status, fresh=False)
                if commit_status and secret is None and values["settings"]["api"] != found["settings"]["api"]:
                    message = "The token that is stored is for another address: give the one for this address."
                    raise ValidationFailed(errors=[FieldError("commit_status.token", message, "no_token")])
                if secret is not None:
                    values["secret"] = self._seal(plugin_id, secret)
            if changes.get("enabled"):
                values["disabled_reason"] = None
            await plugins.update(conn, plugin_id, values)
            about = {key: value for key, value in changes.items() if key not in _ADDRESSES}
            await audit(conn, principal.id, "plugin.update", f"plugin:{plugin_id}", about)
            return _shown(await _visible(conn, principal, plugin_id, "plugin.read"))

        return await self._database.run(work)

    async def rotate(self, principal: Principal, plugin_id: int) -> Record:
        """Give a webhook a new signing secret, shown in this answer alone; the old one signs too for a day.

        Raises:
            InvalidTransition: it is no webhook.
        """

        async def work(conn: AsyncConnection) -> Record:
            found = await self._lock(conn, principal, plugin_id, None)
            if found["kind"] != "webhook":
                raise InvalidTransition("Only webhooks have a signing secret.")
            secret = new_secret(secrets.token_bytes(_SECRET_BYTES))
            values = {
                "secret": self._seal(plugin_id, secret),
                "old_secret": found["secret"],
                "old_secret_until": sa.func.now() + ROTATION,
            }
            await plugins.update(conn, plugin_id, values)
            await audit(conn, principal.id, "plugin.rotate", f"plugin:{plugin_id}")
            return _shown(await _visible(conn, principal, plugin_id, "plugin.read"), secret)

        return await self._database.run(work)

    async def delete(self, principal: Principal, plugin_id: int, expected: int | None) -> None:
        """Remove a receiver with its deliveries."""

        async def work(conn: AsyncConnection) -> bool:
            await self._lock(conn, principal, plugin_id, expected)
            if await plugins.delete_deliveries(conn, plugin_id, plugins.BATCH) == plugins.BATCH:
                return True
            await plugins.delete(conn, plugin_id)
            await audit(conn, principal.id, "plugin.delete", f"plugin:{plugin_id}")
            return False

        while await self._database.run(work):
            pass

    async def deliveries(self, principal: Principal, plugin_id: int, cut: Cut, status: str | None) -> Slice:
        """The messages of a plugin, newest first."""
        async with self._database.connect() as conn:
            await _visible(conn, principal, plugin_id, "plugin.read")
            return await plugins.deliveries(conn, plugin_id, cut, status)

    async def replay(self, principal: Principal, delivery_id: int) -> Record:
        """Send a message again that was delivered, or given up.

        Raises:
            InvalidTransition: it is still being tried.
        """

        async def work(conn: AsyncConnection) -> Record:
            found = await plugins.delivery_by_id(conn, delivery_id)
            if found is None:
                raise NotFound(f"There is no delivery {delivery_id}.")
            try:
                await _visible(conn, principal, found["plugin_id"], "plugin.edit")
            except NotFound:
                raise NotFound(f"There is no delivery {delivery_id}.") from None
            if not await plugins.replay(conn, delivery_id):
                raise InvalidTransition("It is still being tried.")
            await audit(conn, principal.id, "plugin.replay", f"plugin:{found['plugin_id']}", {"delivery": delivery_id})
            return await plugins.delivery_by_id(conn, delivery_id) or {}

        return await self._database.run(work)

    async def _lock(self, conn: AsyncConnection, principal: Principal, plugin_id: int, expected: int | None) -> Record:
        await _visible(conn, principal, plugin_id, "plugin.edit")
        locked = await plugins.lock(conn, plugin_id)
        if locked is None:
            raise NotFound(f"There is no plugin {plugin_id}.")
        check_version(locked, expected)
        return locked

    def _seal(self, plugin_id: int, secret: str) -> bytes:
        return self._keyring.seal(secret.encode(), context(plugin_id)).pack()

    def open(self, plugin_id: int, sealed: bytes) -> str:
        """A stored secret, for the dispatcher."""
        return self._keyring.open(Sealed.unpack(sealed), context(plugin_id)).decode()


def _readable(principal: Principal) -> list[int]:
    return [p for p in principal.projects if allowed(principal, "plugin.read", p)]


async def _visible(conn: AsyncConnection, principal: Principal, plugin_id: int, verb: str) -> Record:
    found = await plugins.get(conn, plugin_id)
    if found is None or not allowed(principal, "plugin.read", found["project_id"]):
        raise NotFound(f"There is no plugin {plugin_id}.")
    require(principal, verb, found["project_id"] if found["kind"] != "email" else None)
    return found


async def _project(conn: AsyncConnection, principal: Principal, slug: str | None) -> int | None:
    if slug is None:
        return None
    found = await projects.id_of(conn, slug)
    if found is None or not allowed(principal, "project.read", found):
        message = f"There is no project {slug} that you may see."
        raise ValidationFailed(errors=[FieldError("project", message, "unknown_project")])
    return found


def _check(
    kind: Kind,
    types: Sequence[str],
    url: str | None,
    smtp: Mapping[str, Any] | None,
    commit_status: Mapping[str, Any] | None,
    *,
    private: bool,
    fresh: bool = True,
) -> None:
    _check_types(types, kind)
    given = {key for key, value in zip(_ADDRESSES, (url, smtp, commit_status), strict=True) if value is not None}
    if given != {_ADDRESS.get(kind, "url")}:
        message = "Mail needs smtp, a commit status commit_status; every other kind a url."
        raise ValidationFailed(errors=[FieldError("url", message, "plugin_address")])
    if commit_status is not None:
        _check_repository(commit_status, private=private, fresh=fresh)
    if url is not None:
        _check_url(url, "url", private=private)


_ADDRESS: Final[Mapping[str, str]] = {"email": "smtp", COMMIT_STATUS: "commit_status"}


def _check_repository(given: Mapping[str, Any], *, private: bool, fresh: bool) -> None:
    if given.get("url") is not None:
        _check_url(given["url"], "commit_status.url", private=private)
    errors = []
    if not is_repository(given["system"], given["repository"]):
        message = "Write owner/name; on GitLab the project's path or number."
        errors.append(FieldError("commit_status.repository", message, "bad_repository"))
    token = given.get("token")
    if token is None and fresh:
        errors.append(FieldError("commit_status.token", "It needs a token that may write statuses.", "no_token"))
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token and token):
        errors.append(FieldError("commit_status.token", "A token is one word.", "bad_token"))
    if errors:
        raise ValidationFailed(errors=errors)


def _check_url(url: str, field: str, *, private: bool) -> None:
    if not is_address(url, private=private):
        schemes = "https or http" if private else "https"
        message = f"Not an address that begins with {schemes}:// and has no login in it."
        raise ValidationFailed(errors=[FieldError(field, message, "bad_url")])


def _check_types(types: Sequence[str], kind: str) -> None:
    told = (CHECK_REPORTED,) if kind == COMMIT_STATUS else TOLD
    unknown = [
        FieldError(f"types[{n}]", f"Nobody is told of {name}.", "unknown_event")
        for n, name in enumerate(types)
        if name not in told
    ]
    if unknown:
        raise ValidationFailed(errors=unknown)


def _split(
    kind: Kind,
    url: str | None,
    smtp: Mapping[str, Any] | None,
    commit_status: Mapping[str, Any] | None,
    *,
    fresh: bool = True,
) -> tuple[dict[str, Any], str | None]:
    """What may be shown, and the secret: the whole address of a chat, the password of a mail server, a token."""
    if smtp is not None:
        settings = {key: value for key, value in smtp.items() if key != "password"}
        return {**settings, "shown": f"{smtp['host']}:{smtp['port']}"}, smtp.get("password")
    if commit_status is not None:
        system, repository = commit_status["system"], commit_status["repository"]
        api = (commit_status.get("url") or SYSTEMS[system]).rstrip("/")
        settings = {"system": system, "api": api, "repository": repository}
        return {**settings, "shown": f"{urlsplit(api).netloc}: {repository}"}, commit_status.get("token")
    assert url is not None
    shown = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/…"
    if kind == "chat":
        return {"shown": shown}, url
    return {"url": url, "shown": url}, new_secret(secrets.token_bytes(_SECRET_BYTES)) if fresh else None


def _shown(record: Record, secret: str | None = None) -> Record:
    settings = record["settings"]
    smtp = (
        {key: settings[key] for key in settings if key not in ("shown", "url")} if record["kind"] == "email" else None
    )
    repository = None
    if record["kind"] == COMMIT_STATUS:
        repository = {"system": settings["system"], "url": settings["api"], "repository": settings["repository"]}
    return {**record, "to": settings["shown"], "smtp": smtp, "commit_status": repository, "secret": secret}
