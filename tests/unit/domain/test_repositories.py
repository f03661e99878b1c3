"""Webhooks of Git hosts: from whom, and about what; and what a preview says of words that somebody else wrote."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from penstock.domain.repositories import Hook, Preview, System, is_branch, is_directory, is_signing_token

SECRET = "of-the-hook"
# The reference of the Standard Webhooks specification: a signing token, and what is signed with it.
TOKEN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
NOW = dt.datetime.fromtimestamp(1614265330, dt.UTC)


def github(body: Any, event: str = "pull_request") -> Hook:
    return Hook({"x-github-event": event}, json.dumps(body).encode())


def gitlab(body: Any, event: str = "Merge Request Hook") -> Hook:
    return Hook({"x-gitlab-event": event}, json.dumps(body).encode())


def about(number: Any, path: str = "acme/shop", project: int = 7) -> dict[str, Any]:
    """What both hosts say of a pull request."""
    return {
        "number": number,
        "repository": {"full_name": path},
        "project": {"id": project, "path_with_namespace": path},
        "object_attributes": {"iid": number},
    }


def test_github_signs_the_body_with_sha256() -> None:
    """As GitHub's documentation has it: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries"""
    signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    hook = Hook({"x-hub-signature-256": signed}, b"Hello, World!")
    assert hook.is_genuine("github", "It's a Secret to Everybody", NOW)
    assert not hook.is_genuine("github", "another", NOW)
    assert not Hook(hook.headers, b"Hello, World?").is_genuine("github", "It's a Secret to Everybody", NOW)
    old = "sha1=" + hmac.digest(SECRET.encode(), b"x", hashlib.sha1).hex()
    assert not Hook({"x-hub-signature": old, "x-hub-signature-256": old}, b"x").is_genuine("github", SECRET, NOW)


@pytest.mark.parametrize("system", ["github", "gitlab"])
@pytest.mark.parametrize("headers", [{}, {"x-hub-signature-256": "sha256=é", "x-gitlab-token": "é"}])
def test_without_the_secret_nothing_is_genuine(system: System, headers: dict[str, str]) -> None:
    assert not Hook(headers, b"").is_genuine(system, SECRET, NOW)


def test_gitlab_sends_the_secret_itself() -> None:
    assert Hook({"x-gitlab-token": SECRET}, b"").is_genuine("gitlab", SECRET, NOW)
    assert not Hook({"x-gitlab-token": SECRET}, b"").is_genuine("github", SECRET, NOW)
    signed = "sha256=" + hmac.digest(SECRET.encode(), b"", hashlib.sha256).hex()
    assert not Hook({"x-hub-signature-256": signed}, b"").is_genuine("gitlab", SECRET, NOW)


def signed(**other: str | None) -> Hook:
    """The reference, with other headers (``_`` for ``-``), or without some."""
    headers: dict[str, str | None] = {**SIGNED, **{name.replace("_", "-"): value for name, value in other.items()}}
    return Hook({name: value for name, value in headers.items() if value is not None}, BODY)


def signature(key: bytes, message: str, at: str, body: bytes = BODY) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, f"{message}.{at}.".encode() + body, hashlib.sha256)).decode()


KEY = base64.b64decode(TOKEN.removeprefix("whsec_"))


def test_gitlab_signs_with_a_signing_token_as_standard_webhooks_says() -> None:
    """https://www.standardwebhooks.com, https://docs.gitlab.com/user/project/integrations/webhooks/"""
    assert signed().is_genuine("gitlab", TOKEN, NOW)
    another = "whsec_" + base64.b64encode(b"n" * 32).decode()
    assert not signed().is_genuine("gitlab", another, NOW)
    assert not Hook(SIGNED, b'{"test": 2432232315}').is_genuine("gitlab", TOKEN, NOW)
    assert not signed(webhook_id="msg_another").is_genuine("gitlab", TOKEN, NOW)
    assert not signed(webhook_timestamp="1614265331").is_genuine("gitlab", TOKEN, NOW)


def test_a_signing_token_is_never_sent_itself() -> None:
    assert not Hook({"x-gitlab-token": TOKEN}, BODY).is_genuine("gitlab", TOKEN, NOW)
    wrong = signed(x_gitlab_token=TOKEN, webhook_signature="v1,AAAA")
    assert not wrong.is_genuine("gitlab", TOKEN, NOW)


def test_a_signature_does_not_take_the_place_of_a_secret() -> None:
    assert not signed().is_genuine("gitlab", SECRET, NOW)
    assert not signed().is_genuine("github", TOKEN, NOW)
    assert signed(x_gitlab_token=SECRET).is_genuine("gitlab", SECRET, NOW)  # a webhook may have both


@pytest.mark.parametrize(("seconds", "genuine"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_signed_webhook_is_of_about_now(seconds: int, genuine: bool) -> None:
    assert signed().is_genuine("gitlab", TOKEN, NOW + dt.timedelta(seconds=seconds)) is genuine


@pytest.mark.parametrize(
    "at",
    [
        *("", "now", "-1614265330", "+1614265330", "01614265330", "1614265330.0", "1614265330 ", "1_614_265_330"),
        *("²", "١٦١٤٢٦٥٣٣٠", "9" * 12, "9" * 9_000),
    ],
)
def test_a_time_that_is_no_number_of_seconds_is_refused(at: str) -> None:
    both = f"{SIGNED['webhook-signature']} {signature(KEY, SIGNED['webhook-id'], at)}"
    assert not signed(webhook_timestamp=at, webhook_signature=both).is_genuine("gitlab", TOKEN, NOW)


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("value", [None, "", "é", "v1", "v1,", ",", "\x00", "\udc80"])
def test_a_header_that_is_missing_or_odd_is_refused(name: str, value: str | None) -> None:
    assert not signed(**{name.replace("-", "_"): value}).is_genuine("gitlab", TOKEN, NOW)


def test_an_id_that_is_empty_or_not_of_ascii_is_refused_whatever_is_signed() -> None:
    at = SIGNED["webhook-timestamp"]
    for message in ("", "é"):
        hook = signed(webhook_id=message, webhook_signature=signature(KEY, message, at))
        assert not hook.is_genuine("gitlab", TOKEN, NOW)


RIGHT = SIGNED["webhook-signature"]
WRONG = "v1," + base64.b64encode(b"w" * 32).decode()


@pytest.mark.parametrize(
    ("given", "genuine"),
    [
        (f"{WRONG} {RIGHT}", True),  # one for each token, while one takes the place of the other
        (f"{RIGHT} {WRONG}", True),
        (f"v1a,abc  é {RIGHT}", True),
        (f"{WRONG} {WRONG}", False),
        (RIGHT.replace("v1,", "v2,"), False),
        (RIGHT.replace("v1,", "v1a,"), False),
        (RIGHT.replace("v1,", ""), False),
        (RIGHT.replace("v1,", "V1,"), False),
        (RIGHT.removesuffix("="), False),
        (RIGHT + "=", False),
        (RIGHT[:20], False),
        (f"{WRONG},{RIGHT}", False),
        ("v1,***", False),
    ],
)
def test_any_signature_of_version_1_will_do(given: str, genuine: bool) -> None:
    assert signed(webhook_signature=given).is_genuine("gitlab", TOKEN, NOW) is genuine


def encoded(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@pytest.mark.parametrize("token", [TOKEN, encoded(b"k" * 32), encoded(b"\xff" * 32), encoded(b"k" * 64)])
def test_signing_tokens(token: str) -> None:
    assert is_signing_token("gitlab", token) and not is_signing_token("github", token)


@pytest.mark.parametrize(
    "token",
    [
        *("", "whsec_", SECRET, TOKEN.removeprefix("whsec_"), TOKEN.upper(), "whsec_" + TOKEN),
        *(TOKEN + " ", TOKEN[:-1], TOKEN + "=", TOKEN[:-1] + "-", TOKEN[:-1] + "é"),
        *(encoded(b"k" * 23), encoded(b"k" * 65)),
    ],
)
def test_what_is_no_signing_token_is_a_secret_like_any_other(token: str) -> None:
    assert not is_signing_token("gitlab", token)
    assert Hook({"x-gitlab-token": token}, b"").is_genuine("gitlab", token, NOW)


def test_the_id_of_a_delivery() -> None:
    ids = {"x-github-delivery": "h", "idempotency-key": "k", "x-gitlab-event-uuid": "u", "webhook-id": "w"}
    assert Hook(ids, b"").delivery("github", SECRET) == "h"
    assert Hook(ids, b"").delivery("gitlab", SECRET) == "k"
    assert Hook({"x-gitlab-event-uuid": "u", "webhook-id": "w"}, b"").delivery("gitlab", SECRET) == "u"
    assert Hook(ids, b"").delivery("gitlab", TOKEN) == "w"  # the one that is signed
    assert Hook({}, b"").delivery("gitlab", SECRET) == ""


def test_the_number_of_the_pull_request() -> None:
    assert github(about(12)).pull_request("github", "Acme/Shop") == 12
    assert gitlab(about(12)).pull_request("gitlab", "acme/shop") == 12
    assert gitlab(about(12)).pull_request("gitlab", "7") == 12  # a project by its number


def test_other_events_are_about_no_pull_request() -> None:
    assert github(about(12), "push").pull_request("github", "acme/shop") is None
    assert gitlab(about(12), "Push Hook").pull_request("gitlab", "acme/shop") is None


@pytest.mark.parametrize("body", [[], {}, {"number": 1}, about(1) | {"repository": None, "project": None}])
def test_what_the_host_does_not_send_is_refused(body: Any) -> None:
    for system, hook in (("github", github(body)), ("gitlab", gitlab(body))):
        with pytest.raises(ValueError, match="is not what"):
            hook.pull_request(system, "acme/shop")  # type: ignore[arg-type]  # one of the two


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="is not what"):
        Hook({"x-github-event": "pull_request"}, data).pull_request("github", "acme/shop")


@pytest.mark.parametrize("number", [0, -1, 2**31, True, "1", 1.0, None])
def test_what_is_no_number_is_refused(number: Any) -> None:
    with pytest.raises(ValueError, match="no number"):
        github(about(number)).pull_request("github", "acme/shop")


@pytest.mark.parametrize(("system", "path"), [("github", "acme/other"), ("gitlab", "acme/other"), ("gitlab", "8")])
def test_another_repository_is_refused(system: System, path: str) -> None:
    with pytest.raises(ValueError, match="another repository"):
        (github if system == "github" else gitlab)(about(1)).pull_request(system, path)


def test_a_preview_is_green_only_without_problems_errors_and_failures() -> None:
    assert Preview("c").ok
    assert Preview("c", findings=[("warning", "1", None, "hm")]).ok
    for bad in (
        Preview("c", ["problem"]),
        Preview("c", trial="no such table"),
        Preview("c", findings=[("error", "1", 2, "no")]),
    ):
        assert not bad.ok and "❌" in bad.markdown(None)


MARKS = "@everyone <script> [x](y)"


@pytest.mark.parametrize(
    "words",
    [
        f"{MARKS} `` ``` | \n# head \x1b[31m",
        f"` {MARKS}",
        f"`` ``` {MARKS}",
        f"```\n{MARKS}\n# head",
        f"````\n```\n{MARKS}",
    ],
)
@pytest.mark.parametrize(
    "preview",
    [
        lambda words: Preview("c", [words]),
        lambda words: Preview("c", trial=words),
        lambda words: Preview("c", skipped=words),
        lambda words: Preview("c", findings=[("error", words, 1, words)]),
        lambda words: Preview("c", pending={words: [words]}, environment=words),
    ],
)
def test_words_of_others_are_no_markup(preview: Callable[[str], Preview], words: str) -> None:
    text = preview(words).markdown(None)
    assert "\x1b" not in text
    for line in _outside_of_blocks(text):
        assert not line.startswith("# ")
        plain = _outside_of_code(line)
        for mark in ("@everyone", "<script>", "[x]"):
            assert mark not in plain.replace("\\" + mark[0], ""), line


@pytest.mark.parametrize("words", ["a|b", "|", "`|`"])
def test_a_bar_does_not_end_a_cell(words: str) -> None:
    text = Preview("c", findings=[("error", words, 1, words)]).markdown(None)
    [row] = [line for line in text.splitlines() if line.startswith("| error")]
    assert row.count("|") == 5


def _outside_of_blocks(text: str) -> list[str]:
    """Lines that stand in no fenced block."""
    found, fence = [], ""
    for line in text.splitlines():
        run = line[: len(line) - len(line.lstrip("`"))]
        if fence:
            fence = "" if line == run and len(run) >= len(fence) else fence
        elif len(run) >= 3 and line == run:
            fence = run
        else:
            found.append(line)
    return found


def _outside_of_code(line: str) -> str:
    """A line without its code spans: from a run of backticks to the next one of the same length."""
    out, rest = "", line
    while rest:
        before, tick, after = rest.partition("`")
        out += before
        if not tick:
            return out
        length = 1 + len(after) - len(after.lstrip("`"))
        inside, end = after[length - 1 :], -1
        position = 0
        while position < len(inside):
            if inside[position] == "`":
                run = len(inside[position:]) - len(inside[position:].lstrip("`"))
                if run == length:
                    end = position
                    break
                position += run
            else:
                position += 1
        if end < 0:
            return out + rest  # no span: all of it is words
        rest = inside[end + length :]
    return out


@pytest.mark.parametrize("path", ["", "db", "db/migrations", "a b"])
def test_folders_of_a_repository(path: str) -> None:
    assert is_directory(path)


@pytest.mark.parametrize("path", ["/", "/db", "db/", "../x", "db/../..", "a//b", ".", "a\nb"])
def test_what_leads_out_of_it_is_none(path: str) -> None:
    assert not is_directory(path)


@pytest.mark.parametrize(("name", "good"), [("main", True), ("feature/x-1", True), ("a..b", False), ("-x", False)])
def test_branches(name: str, good: bool) -> None:
    assert is_branch(name) is good
