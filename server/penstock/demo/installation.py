"""What a data directory knows of its demo: whose it is, who can sign in, and whether it is complete."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from penstock.domain.errors import PenstockError

FILE_NAME: Final = "demo-logins.json"


class InstallationUnreadable(PenstockError):
    """The file of the demo's logins cannot be read."""

    code = "demo_unreadable"


@dataclass(frozen=True, slots=True)
class Login:
    """A person of the demo, for the greeting."""

    role: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Installation:
    """The demo of one data directory; written before anything of it is made.

    Args:
        deployment: the Penstock that it belongs to.
        people: who can sign in.
        databases: role (and database) -> its password.
        complete: everything was made, so nothing of it is ever made again.
    """

    deployment: str
    people: list[Login]
    databases: dict[str, str]
    complete: bool = False


def new(deployment: str, people: dict[str, str], databases: list[str]) -> Installation:
    """Make up passwords.

    Args:
        people: e-mail address -> role, for the greeting.
        databases: names.
    """
    logins = [Login(role, email, secrets.token_urlsafe(9)) for email, role in people.items()]
    return Installation(deployment, logins, {name: secrets.token_urlsafe(18) for name in databases})


def load(data_dir: Path) -> Installation | None:
    """Read the file, if there is one.

    Raises:
        InstallationUnreadable: it is no longer what `save` wrote.
    """
    path = data_dir / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Installation)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise InstallationUnreadable(f"{path} cannot be read ({error}): mend it, or start with --no-demo.") from error


def save(data_dir: Path, installation: Installation) -> None:
    """Write the file for its owner alone, whole or not at all."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / FILE_NAME
    half = path.with_suffix(".new")
    half.unlink(missing_ok=True)  # of a start that was killed; its permissions could be anything
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(installation)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)
