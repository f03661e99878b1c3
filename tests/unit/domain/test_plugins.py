"""Pure parts of telling the outside: signatures, the rhythm of tries, inner addresses, events in words."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from standardwebhooks import Webhook

from penstock.domain import announcement
from penstock.domain.plugins import DELAYS, LONGEST, is_public, new_secret, next_delay, signatures


def test_a_signature_is_what_the_public_package_verifies() -> None:
    new, old = new_secret(b"n" * 32), new_secret(b"o" * 24)
    now = int(dt.datetime.now(dt.UTC).timestamp())
    body = '{"type": "TASK_FAIL"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": signatures([new, old], "msg_1", now, body.encode()),
    }
    for secret in (new, old):
        assert Webhook(secret).verify(body, headers) == {"type": "TASK_FAIL"}
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(new_secret(b"x" * 32)).verify(body, headers)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(new).verify(body.replace("FAIL", "SUCCESS"), headers)


def test_tries_come_slower_and_end() -> None:
    delays = [next_delay(n) for n in range(1, len(DELAYS) + 2)]
    assert delays[0] == dt.timedelta(seconds=5) and delays[-2] == dt.timedelta(days=1) and delays[-1] is None
    assert all(a < b for a, b in itertools.pairwise(delays) if a is not None and b is not None)


def test_what_the_receiver_asks_for_counts_up_to_a_day() -> None:
    assert next_delay(1, dt.timedelta(minutes=2)) == dt.timedelta(minutes=2)
    assert next_delay(3, dt.timedelta(seconds=1)) == dt.timedelta(seconds=DELAYS[2])
    assert next_delay(1, dt.timedelta(days=400)) == LONGEST


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "224.0.0.1", "::"),
    ],
)
def test_inside(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_outside(address: str) -> None:
    assert is_public(address)


def test_events_in_words() -> None:
    event = {"project": "shop", "issue": 12, "title": "Add currency", "actor": {"name": "Bo"}}
    said = announcement.line({**event, "type": "APPROVED", "data": {"stages": ["staging", "prod"]}})
    assert said == "shop #12 “Add currency”: staging, prod was approved (Bo)"
    assert announcement.line({"type": "SOMETHING_NEW", "data": {}}) == "something new"


def test_hostile_names_make_no_lines_and_no_formats() -> None:
    event = {
        "type": "TASK_FAIL",
        "issue": 1,
        "title": "a\r\nBcc: x\u202e",
        "data": {"name": "{0.__class__} {reason}\n"},
    }
    said = announcement.line(event)
    assert "\n" not in said and "\r" not in said and "\u202e" not in said and "{0.__class__} {reason}" in said
