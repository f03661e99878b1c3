"""Which server, and with which token: from options, ``PENSTOCK_SERVER`` and ``PENSTOCK_TOKEN``, or what login kept."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

SERVER_VARIABLE: Final = "PENSTOCK_SERVER"
TOKEN_VARIABLE: Final = "PENSTOCK_TOKEN"  # the name of a variable
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class ProfileError(ValueError):
    """Nobody said which server, or what was said or kept cannot be used."""


@dataclass(frozen=True)
class Profile:
    """A server and who we are there.

    Args:
        url: of the server, without a path of the API.
        token: None when nobody has logged in.
    """

    url: str
    token: str | None = field(repr=False)

    @property
    def exposed(self) -> bool:
        """Whether the token would cross a network in clear text."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname not in _LOOPBACK


def path_of(environment: Mapping[str, str]) -> Path:
    """Where login keeps tokens (XDG Base Directory Specification)."""
    root = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or "~").expanduser() / ".config"
    return Path(root) / "penstock" / "credentials.json"


def find(server: str | None, environment: Mapping[str, str]) -> Profile:
    """What to use; an option beats a variable, which beats what login kept.

    Raises:
        ProfileError: nobody said which server, or what was kept cannot be read.
    """
    kept = _read(path_of(environment))
    wanted = server or environment.get(SERVER_VARIABLE) or kept["current"]
    if not wanted:
        raise ProfileError(
            f"Which server? Run `penstock login URL` once, or set {SERVER_VARIABLE} and {TOKEN_VARIABLE} in CI."
        )
    url = normal(wanted)
    return Profile(url, environment.get(TOKEN_VARIABLE) or kept["tokens"].get(url))


def normal(url: str) -> str:
    """The URL without what is said twice. Raises `ProfileError`."""
    with_scheme = url if "://" in url else f"https://{url}"
    try:
        parts = urlsplit(with_scheme)
        port = parts.port
    except ValueError as error:
        raise ProfileError(f"{url!r} is no URL of a server: {error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ProfileError(f"{url!r} is no URL of a server; write https://penstock.example.com.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/").removesuffix("/api/v1")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}"


def keep(profile: Profile, environment: Mapping[str, str]) -> Path:
    """Keep the token for this server, which is the current one from now on; returns where."""
    file = path_of(environment)
    kept = _read(file)
    kept["current"] = profile.url
    kept["tokens"][profile.url] = profile.token
    _write(file, kept)
    return file


def forget(url: str, environment: Mapping[str, str]) -> bool:
    """Forget the token of a server; returns whether there was one."""
    file = path_of(environment)
    kept = _read(file)
    had = kept["tokens"].pop(url, None) is not None
    if had:
        kept["current"] = next(iter(kept["tokens"]), None) if kept["current"] == url else kept["current"]
        _write(file, kept)
    return had


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text())
        tokens = kept["tokens"]
        current = kept["current"]
        if not isinstance(tokens, dict) or not (current is None or isinstance(current, str)):
            raise TypeError("not what login writes")
    except FileNotFoundError:
        return {"current": None, "tokens": {}}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProfileError(f"{file} cannot be read ({error}): remove it and log in.") from error
    return {"current": current, "tokens": dict(tokens)}


def _write(file: Path, kept: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".credentials-")  # 0600 from the start
    try:
        with os.fdopen(handle, "w") as stream:
            json.dump(kept, stream, indent=2)
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
