"""Signs in by browser: shows a code, waits until somebody allows it there, and gets a token (RFC 8628)."""

from __future__ import annotations

import os
import socket
import sys
import time
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.cli.remote.client import UNAUTHENTICATED, Json, Remote, RemoteError

_SLOWER: Final = 5.0  # seconds more after slow_down, says the RFC
_LONGEST_NAME: Final = 100
_OLDER: Final = ("not_found", "method_not_allowed")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A login that waits for somebody.

    Args:
        device_code: what the token is fetched with.
        user_code: what a person compares in the browser.
        address: of the page there, which has the code already.
        interval: seconds between two questions.
        expires_in: seconds until it is over.
    """

    device_code: str
    user_code: str
    address: str
    interval: float
    expires_in: float


def start(remote: Remote) -> Waiting | None:
    """Begin; None when the server is too old to know of this.

    Raises:
        RemoteError: the server said no, or is none of ours.
    """
    name = f"CLI on {socket.gethostname() or 'an unnamed host'}"[:_LONGEST_NAME]
    try:
        said = remote.post("/auth/device", {"name": name})
    except RemoteError as error:
        if error.problem.get("code") in _OLDER:
            return None
        raise
    return _waiting(remote.profile.url, said)


def _waiting(url: str, said: Json) -> Waiting:
    try:
        path, code = str(said["verification_path"]), str(said["user_code"])
        if not path.startswith("/") or not code.isprintable():
            raise ValueError(path)
        return Waiting(
            str(said["device_code"]),
            code,
            f"{url}{path}?code={code}",
            float(said["interval"]),
            float(said["expires_in"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RemoteError({"detail": f"{url} began no login that this version understands.", "code": "odd"}) from error


def fetch(
    remote: Remote,
    waiting: Waiting,
    *,
    pause: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> str:
    """Ask until somebody has decided, and answer the token.

    Raises:
        RemoteError: it was denied, or nobody decided in time.
    """
    interval, until = waiting.interval, now() + waiting.expires_in
    while now() < until:
        pause(interval)
        try:
            return str(remote.post("/auth/device/token", {"device_code": waiting.device_code})["token"])
        except RemoteError as error:
            code = error.problem.get("code")
            if code == "slow_down":
                interval += _SLOWER
            elif code != "authorization_pending" and not error.passing:
                raise RemoteError(error.problem, UNAUTHENTICATED) from error
    detail = "Nobody allowed this login in time: run `penstock login` again."
    raise RemoteError({"detail": detail, "code": "expired_token"}, UNAUTHENTICATED)


def open_page(address: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Open a page in the person's browser, where there is a person and a screen; answers whether it could."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    # Without a screen the standard library would start a text browser in this very terminal.
    screen = any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    return (screen or sys.platform in ("darwin", "win32")) and webbrowser.open(address)
