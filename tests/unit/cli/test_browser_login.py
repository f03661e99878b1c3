"""How a command line waits for a person: as often as the server wants, and not for ever."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from penstock.cli.remote import browser_login
from penstock.cli.remote.browser_login import Waiting
from penstock.cli.remote.client import UNAUTHENTICATED, Remote, RemoteError
from penstock.cli.remote.profile import Profile
from tests.scripted_server import CUT, Answer, Asked, Script, problem, scripted

URL = "https://penstock.test"
WAITING = Waiting("1.secret", "BCDF-GHJK", f"{URL}/device?code=BCDF-GHJK", interval=2, expires_in=600)


@dataclass
class Clock:
    """Time that passes only while somebody waits."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def fetch(clock: Clock, codes: Iterator[str]) -> str:
    """Ask a server that answers with these problems, and with a token after the last."""

    def answer(asked: Asked) -> Answer:
        assert (asked.path, asked.body) == ("/auth/device/token", {"device_code": WAITING.device_code})
        code = next(codes, None)
        if code is None:
            return Answer({"token": "pst_x"})
        return CUT if code == "lost" else problem(code)

    with scripted(answer) as there, Remote(Profile(there.url, None), pause=clock.pause) as remote:
        return browser_login.fetch(remote, WAITING, pause=clock.pause, now=lambda: clock.now)


def begin(script: Script) -> Waiting | None:
    """Begin a login at a server."""
    with scripted(script) as there, Remote(Profile(there.url, None)) as remote:
        return browser_login.start(remote)


def test_it_asks_in_the_interval_until_somebody_has_decided() -> None:
    clock = Clock()
    assert fetch(clock, iter(["authorization_pending"] * 3)) == "pst_x"
    assert clock.pauses == [2, 2, 2, 2]


def test_it_slows_down_for_good() -> None:
    clock = Clock()
    assert fetch(clock, iter(["slow_down", "authorization_pending"])) == "pst_x"
    assert clock.pauses == [2, 7, 7]


def test_a_server_that_restarts_meanwhile_is_asked_again() -> None:
    clock = Clock()
    assert fetch(clock, iter(["lost", "unavailable"])) == "pst_x"


@pytest.mark.parametrize("code", ["access_denied", "expired_token", "bad_request"])
def test_what_will_not_come_is_not_waited_for(code: str) -> None:
    clock = Clock()
    with pytest.raises(RemoteError, match=code) as caught:
        fetch(clock, iter([code]))
    assert caught.value.exit_code == UNAUTHENTICATED and clock.pauses == [2]


def test_it_gives_up_when_the_time_is_over() -> None:
    clock = Clock()
    with pytest.raises(RemoteError, match="in time"):
        fetch(clock, iter(["authorization_pending"] * 1_000))
    assert clock.now == 600


BEGUN = {
    "device_code": "1.x",
    "user_code": "BCDF-GHJK",
    "interval": 2,
    "expires_in": 600,
    "verification_path": "/device",
}


def test_a_login_begins_with_a_code_and_an_address_of_the_server() -> None:
    begun = begin(lambda asked: Answer(BEGUN))
    assert begun is not None and begun.user_code == "BCDF-GHJK"
    assert begun.address.startswith("http://127.0.0.1:") and begun.address.endswith("/device?code=BCDF-GHJK")


@pytest.mark.parametrize(
    "odd",
    [
        {"verification_path": "@evil.example/device"},
        {"verification_path": ""},
        {"verification_path": "evil"},
        {"user_code": "BCDF\x1b[2J"},
        {"interval": "often"},
        {"device_code": None, "user_code": None, "verification_path": None},
    ],
)
def test_what_leads_elsewhere_or_is_odd_is_no_login(odd: dict[str, object]) -> None:
    with pytest.raises(RemoteError, match="no login"):
        begin(lambda asked: Answer(BEGUN | odd))


@pytest.mark.parametrize("answer", [problem("not_found", 404), problem("method_not_allowed", 405)])
def test_an_older_server_begins_none(answer: Answer) -> None:
    assert begin(lambda asked: answer) is None


OPEN = "import os; from penstock.cli.remote.browser_login import open_page; print(open_page('http://x', os.environ))"


@pytest.mark.parametrize(
    ("terminal", "screen", "opens"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_a_browser_is_opened_only_for_a_person_with_a_screen(
    terminal: bool, screen: bool, opens: bool, tmp_path: Path
) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment["PATH"] = f"{tmp_path}{os.pathsep}{environment['PATH']}"
    (tmp_path / "www-browser").symlink_to(browser)  # what the standard library falls back to without a screen
    if screen:
        environment["BROWSER"] = f"{browser} %s"
    ours, theirs = pty.openpty()
    try:
        stream = theirs if terminal else subprocess.DEVNULL
        done = subprocess.run(
            [sys.executable, "-c", OPEN],
            env=environment,
            stdin=stream,
            stderr=stream,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.stdout.strip(), opened.exists()) == (str(opens), opens)
