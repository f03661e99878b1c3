"""Telling the outside: what kinds of receivers there are, when to try again, how a message is signed."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence
from typing import Final, Literal

from penstock.domain import events

Kind = Literal["webhook", "chat", "email", "commit-status"]
KINDS: Final[tuple[Kind, ...]] = ("webhook", "chat", "email", "commit-status")
COMMIT_STATUS: Final = "commit-status"
# Where the two systems are for everybody; others say where theirs is.
SYSTEMS: Final = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}

# What nobody is told of: failures of telling (they would feed themselves), and what only a page that is open wants.
UNTOLD: Final = frozenset({events.PLUGIN_ERROR, events.LOG_APPENDED, events.ACCESS_CHANGED})
TOLD: Final = tuple(sorted(set(events.ALL) - UNTOLD))

# Seconds until the next try after the n-th failure; then a delivery is parked for a person.
DELAYS: Final = (5, 30, 300, 1_800, 7_200, 18_000, 36_000, 86_400)
LONGEST: Final = dt.timedelta(seconds=DELAYS[-1])
# How long the secret before the newest one still signs too.
ROTATION: Final = dt.timedelta(hours=24)

_PREFIX: Final = "whsec_"


def is_repository(system: str, name: str) -> bool:
    """Tell whether a repository is named as its system wants it: ``owner/name``; or, on GitLab, a path or a number."""
    part = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
    pattern = rf"{part}/{part}" if system == "github" else rf"[0-9]+|{part}(/{part})+"
    return re.fullmatch(pattern, name) is not None


def next_delay(failures: int, retry_after: dt.timedelta | None = None) -> dt.timedelta | None:
    """How long to wait after so many failures; None when there is no further try.

    Args:
        failures: at least 1, this one included.
        retry_after: what the receiver asked for; honoured up to a day.
    """
    if failures > len(DELAYS):
        return None
    delay = dt.timedelta(seconds=DELAYS[failures - 1])
    return min(max(delay, retry_after), LONGEST) if retry_after is not None else delay


def new_secret(random: bytes) -> str:
    """A signing secret as Standard Webhooks writes it.

    Args:
        random: 24 to 64 random bytes.
    """
    return _PREFIX + base64.b64encode(random).decode()


def is_secret(text: str) -> bool:
    """Tell whether it is a signing secret as Standard Webhooks writes it: ``whsec_``, then 24 to 64 bytes in base64."""
    try:
        key = _key(text)
    except ValueError:
        return False
    return 24 <= len(key) <= 64 and text == new_secret(key)


def signatures(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` header (Standard Webhooks 1.0): one signature for each secret, the newest first.

    Args:
        timestamp: seconds since 1970, as in the ``webhook-timestamp`` header.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(_key(s), signed, hashlib.sha256)).decode() for s in secrets)


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:  # of base64, or of letters that are none of ASCII
        raise ValueError("A signing secret is whsec_ and base64.") from None


def is_public(address: str) -> bool:
    """Tell whether an IP address lies outside: not on this machine, not in a private, link-local or reserved net.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) counts as what it stands for.
    """
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
