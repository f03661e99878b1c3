"""Git repositories: where migrations come from, and what their hosts tell us.

Secrets go in, or are shown once, and never come out again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import clock, digest
from penstock.domain.access.decide import Principal, allowed, require
from penstock.domain.errors import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    ValidationFailed,
)
from penstock.domain.layouts.by_name import by_pattern
from penstock.domain.layouts.source import LayoutError
from penstock.domain.plugins import SYSTEMS, is_repository
from penstock.domain.repositories import LARGEST_HOOK, Hook, is_branch, is_directory, is_signing_token, shown
from penstock.services.addresses import is_address
from penstock.services.releases import visible_project
from penstock.services.secrets import Keyring, Sealed
from penstock.services.versions import check_version
from penstock.store import accounts, environments, instances, repositories
from penstock.store.database import Database, constraint
from penstock.store.records import audit
from penstock.store.rows import Cut, Record, Slice

_SECRET_BYTES: Final = 32
_SECRETS: Final = ("token", "signing_token")  # of what is given; nothing shows them again
_TOLD: Final = ("system", "api", "path", "branch", "directory", "layout", "pattern", "engine", "enabled")


class Replayed(Conflict):
    """This webhook was received before."""

    code = "replayed"


class BadSignature(Forbidden):
    """The webhook does not come from whoever knows this repository's secret."""

    code = "bad_signature"


class Repositories:
    """Repositories and their pull requests.

    Args:
        private: hosts in the inner network, and plain http, are allowed.
    """

    def __init__(self, database: Database, keyring: Keyring, *, private: bool) -> None:
        self._database = database
        self._keyring = keyring
        self._private = private

    async def listing(self, principal: Principal, cut: Cut) -> Slice:
        """Repositories of the projects that the caller may look at so closely, by slug."""
        visible = None
        if not allowed(principal, "repository.read"):
            visible = [p for p in principal.projects if allowed(principal, "repository.read", p)]
        async with self._database.connect() as conn:
            found = await repositories.listing(conn, cut, visible)
        return Slice([_shown(record) for record in found.records], found.next_key)

    async def get(self, principal: Principal, slug: str) -> Record:
        """One repository.

        Raises:
            NotFound: there is none that the caller may see.
        """
        async with self._database.connect() as conn:
            return _shown(await _visible(conn, principal, slug, "repository.read"))

    async def create(self, principal: Principal, given: Mapping[str, Any]) -> Record:
        """Add a repository; the answer to this request alone has the secret of its webhook, unless that was given.

        Args:
            given: slug, project, system, url?, repository, branch, directory, layout?, pattern?, engine?, environment?,
                preview_instance?, acts_as, token, signing_token?.

        Raises:
            ValidationFailed: anything is wrong; every mistake is named.
        """
        self._check(given)
        # Ours is no signing token: it works with every version of GitLab, and theirs are made over there.
        made = None if given.get("signing_token") is not None else secrets.token_urlsafe(_SECRET_BYTES)

        async def work(conn: AsyncConnection) -> Record:
            project_id = await visible_project(conn, principal, given["project"])
            require(principal, "repository.edit", project_id)
            values = await _values(conn, principal, project_id, given)
            api = given.get("url") or SYSTEMS[given["system"]]
            values |= {
                "slug": given["slug"],
                "project_id": project_id,
                "system": given["system"],
                "api": api.rstrip("/"),
            }
            repository_id = await repositories.insert_repository(conn, values)
            sealed = {"token": self._seal(repository_id, "token", given["token"])}
            sealed["hook_secret"] = self._seal(repository_id, "hook_secret", made or given["signing_token"])
            await repositories.update(conn, repository_id, sealed)
            about = shown(values, *_TOLD)
            await audit(conn, principal.id, "repository.create", f"repository:{given['slug']}", about)
            return _shown(await _visible(conn, principal, given["slug"], "repository.read"), made)

        try:
            return await self._database.run(work)
        except IntegrityError as error:
            if constraint(error) == "repository_slug_key":
                message = "A repository with this slug exists already."
                raise ValidationFailed(errors=[FieldError("slug", message, "taken")], code="taken") from error
            raise

    async def update(self, principal: Principal, slug: str, changes: Mapping[str, Any], expected: int | None) -> Record:
        """Change where it is, what is read of it, and what follows from a merge.

        A host of another address is told the token only with that token: it has to come along. A signing token takes
        the place of the webhook's secret at once.

        Raises:
            NotFound: there is none that the caller may see.
            ValidationFailed: anything is wrong; every mistake is named.
        """

        async def work(conn: AsyncConnection) -> Record:
            found = await _locked(conn, principal, slug, expected)
            whole = {**found, "url": None, "repository": found["path"], "acts_as": found["account_id"], **changes}
            moved = changes.get("url") is not None and changes["url"].rstrip("/") != found["api"]
            self._check({**whole, "token": changes.get("token") or (None if moved else "kept")})
            tried = {"repository": found["path"], "preview_instance": found["preview_instance"]}
            same = not moved and all(whole[key] == was for key, was in tried.items())
            values = await _values(conn, principal, found["project_id"], whole, tried_already=same)
            values["enabled"] = whole["enabled"]
            if changes.get("url") is not None:
                values["api"] = changes["url"].rstrip("/")
            if changes.get("token") is not None:
                values["token"] = self._seal(found["id"], "token", changes["token"])
            if changes.get("signing_token") is not None:
                values["hook_secret"] = self._seal(found["id"], "hook_secret", changes["signing_token"])
            await repositories.update(conn, found["id"], values)
            about = shown(changes, *(key for key in changes if key not in _SECRETS))
            await audit(conn, principal.id, "repository.update", f"repository:{slug}", about)
            return _shown(await _visible(conn, principal, slug, "repository.read"))

        return await self._database.run(work)

    async def rotate(self, principal: Principal, slug: str) -> Record:
        """Give its webhook a new secret, which is in this answer and in no other; the old one ends at once.

        The new one is no signing token, so this is also the way back from one.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)

        async def work(conn: AsyncConnection) -> Record:
            found = await _visible(conn, principal, slug, "repository.edit")
            await repositories.update(
                conn, found["id"], {"hook_secret": self._seal(found["id"], "hook_secret", secret)}
            )
            await audit(conn, principal.id, "repository.rotate", f"repository:{slug}", {})
            return _shown(await _visible(conn, principal, slug, "repository.read"), secret)

        return await self._database.run(work)

    async def delete(self, principal: Principal, slug: str, expected: int | None) -> None:
        """Remove a repository and what is known of its pull requests.

        Raises:
            NotFound: there is none that the caller may see.
            Conflict: databases of previews are still there.
        """

        async def work(conn: AsyncConnection) -> None:
            found = await _locked(conn, principal, slug, expected)
            if left := await repositories.scratches(conn, found["id"]):
                raise Conflict(f"Close its pull requests first: {', '.join(left[:5])} would stay behind.")
            await repositories.delete(conn, found["id"])
            await audit(conn, principal.id, "repository.delete", f"repository:{slug}", {"path": found["path"]})

        await self._database.run(work)

    async def pull_requests(self, principal: Principal, slug: str, cut: Cut) -> Slice:
        """Its pull requests, newest first."""
        async with self._database.connect() as conn:
            found = await _visible(conn, principal, slug, "repository.read")
            return await repositories.pull_requests(conn, found["id"], cut)

    async def look_again(self, principal: Principal, slug: str, number: int) -> None:
        """Look at a pull request now, as its webhook would have us do: for when one was lost."""

        async def work(conn: AsyncConnection) -> None:
            found = await _visible(conn, principal, slug, "repository.edit")
            await repositories.look_at(conn, found["id"], number)

        await self._database.run(work)

    async def receive(self, slug: str, hook: Hook) -> int | None:
        """Take a webhook: written down before it is answered, looked at afterwards.

        Returns:
            the number of the pull request that will be looked at; None for what is of no interest.

        Raises:
            BadSignature: it is not from whoever knows the secret, or there is no such repository: nobody is told which.
            Replayed: it came before.
            BadRequest: it is not what the host sends.
        """
        if len(hook.body) > LARGEST_HOOK:
            raise PayloadTooLarge(f"A webhook has at most {LARGEST_HOOK:,} bytes.")

        async def work(conn: AsyncConnection) -> int | None:
            found = await repositories.by_slug(conn, slug)
            if found is None or found["hook_secret"] is None:
                raise BadSignature
            secret = self.open(found["id"], "hook_secret", found["hook_secret"])
            if not hook.is_genuine(found["system"], secret, clock.now()):
                raise BadSignature
            try:
                number = hook.pull_request(found["system"], found["path"])
            except ValueError as error:
                raise BadRequest(str(error)) from error
            if number is None or not found["enabled"]:
                return None
            body_digest = digest.of_bytes(hook.body)
            delivery = hook.delivery(found["system"], secret) or body_digest
            if not await repositories.remember(conn, found["id"], delivery, body_digest):
                raise Replayed
            await repositories.look_at(conn, found["id"], number)
            return number

        return await self._database.run(work)

    def open(self, repository_id: int, name: str, sealed: bytes) -> str:
        """A stored secret in plain text. Raises `SecretUnreadable`."""
        return self._keyring.open(Sealed.unpack(sealed), _context(repository_id, name)).decode()

    def _seal(self, repository_id: int, name: str, secret: str) -> bytes:
        return self._keyring.seal(secret.encode(), _context(repository_id, name)).pack()

    def _check(self, given: Mapping[str, Any]) -> None:
        errors: list[FieldError] = []
        if given.get("url") is not None and not is_address(given["url"], private=self._private):
            errors.append(FieldError("url", "Not an https address of a host's API without a login in it.", "bad_url"))
        if not is_repository(given["system"], given["repository"]):
            message = "Write owner/name; on GitLab the project's path or number."
            errors.append(FieldError("repository", message, "bad_repository"))
        if not is_branch(given["branch"]):
            errors.append(FieldError("branch", "Not the name of a branch.", "bad_branch"))
        if not is_directory(given["directory"]):
            errors.append(
                FieldError("directory", "A folder of the repository: db/migrations, without .. in it.", "bad_directory")
            )
        token = given.get("token")
        if token is None:
            message = "It needs a token that may read files and write comments and statuses there."
            errors.append(FieldError("token", message, "no_token"))
        elif not (token.isascii() and token.isprintable() and " " not in token and token):
            errors.append(FieldError("token", "A token is one word.", "bad_token"))
        if (signing := given.get("signing_token")) is not None and not is_signing_token(given["system"], signing):
            message = "A signing token is whsec_ and base64, as GitLab shows it once; GitHub has none."
            errors.append(FieldError("signing_token", message, "bad_signing_token"))
        if given.get("pattern") is not None:
            try:
                by_pattern(given["pattern"])
            except LayoutError as error:
                errors.append(FieldError("pattern", f"It {error.mistakes[0].message}.", "bad_pattern"))
        if errors:
            raise ValidationFailed(errors=errors)


def _context(repository_id: int, name: str) -> str:
    return f"repository:{repository_id}:{name}"


async def _values(
    conn: AsyncConnection,
    principal: Principal,
    project_id: int,
    given: Mapping[str, Any],
    *,
    tried_already: bool = False,
) -> dict[str, Any]:
    """Columns from what was given, with names turned into ids.

    Args:
        tried_already: somebody who may has decided that what branches of this repository say runs on that instance.
    """
    errors: list[FieldError] = []
    values = {key: given.get(key) for key in ("branch", "directory", "layout", "pattern", "engine")}
    values["path"] = given["repository"]
    values["environment_id"] = values["preview_instance_id"] = None
    if (slug := given.get("environment")) is not None:
        found = await environments.by_slug(conn, slug)
        values["environment_id"] = found["id"] if found else None
        if found is None:
            errors.append(FieldError("environment", f"There is no environment {slug}.", "unknown_environment"))
    if (slug := given.get("preview_instance")) is not None:
        place = await instances.by_slug(conn, slug)
        values["preview_instance_id"] = place["id"] if place else None
        if place is None:
            errors.append(FieldError("preview_instance", f"There is no instance {slug}.", "unknown_instance"))
        elif not (tried_already or allowed(principal, "instance.edit")):
            # Its login makes databases there and runs whatever a branch says: whoever keeps the instance decides.
            message = "Only who may edit instances can have previews run on one."
            errors.append(FieldError("preview_instance", message, "forbidden_instance"))
    machine = await accounts.by_id(conn, given["acts_as"])
    if machine is None or machine["kind"] != "service_account" or machine["disabled"]:
        message = "Issues are filed by a service account: give the number of one that is enabled."
        errors.append(FieldError("acts_as", message, "unknown_service_account"))
    else:
        acting = await accounts.principal(conn, machine["id"])
        if acting is None or not allowed(acting, "issue.create", project_id):
            message = f"{machine['name']} may not file issues in this project: make it a developer there."
            errors.append(FieldError("acts_as", message, "powerless_service_account"))
        values["account_id"] = machine["id"]
    if errors:
        raise ValidationFailed(errors=errors)
    return values


async def _visible(conn: AsyncConnection, principal: Principal, slug: str, verb: str) -> Record:
    found = await repositories.by_slug(conn, slug)
    if found is None or not allowed(principal, "repository.read", found["project_id"]):
        raise NotFound(f"There is no repository {slug}.")
    require(principal, verb, found["project_id"])
    return found


async def _locked(conn: AsyncConnection, principal: Principal, slug: str, expected: int | None) -> Record:
    """A repository that the caller may edit, as it is now and stays for this transaction."""
    await _visible(conn, principal, slug, "repository.edit")
    await repositories.lock(conn, slug)
    found = await _visible(conn, principal, slug, "repository.edit")
    check_version(found, expected)
    return found


def _shown(record: Record, secret: str | None = None) -> Record:
    hook = f"/api/v1/webhooks/git/{record['slug']}"
    known = {"url": record["api"], "repository": record["path"], "webhook_path": hook}
    return {**record, **known, "webhook_secret": secret}
