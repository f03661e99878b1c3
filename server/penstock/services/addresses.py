"""Addresses that people type in, as far as their text tells; where they lead is looked at when something is sent."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_address(url: str, *, private: bool) -> bool:
    """Whether a text is an https address without a login in it.

    Args:
        private: plain http will do as well.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 1
    except ValueError:
        return False
    schemes = ("https", "http") if private else ("https",)
    well = bool(parts.hostname) and parts.username is None and parts.scheme in schemes and port > 0
    return well and url.isascii() and url.isprintable()
