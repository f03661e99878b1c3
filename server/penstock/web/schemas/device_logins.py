"""Signing in a command line by browser."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from penstock.web.schemas.common import Name, Request, Response, Utc


class NewDeviceLogin(Request, kw_only=True):
    """``name`` is what the command line calls itself, and what its token will be called."""

    name: Name = "CLI"


class DeviceLoginStarted(Response, kw_only=True):
    """``device_code`` stays with the command line; ``user_code`` is typed at ``verification_path`` of this server.
    Ask for the token every ``interval`` seconds, for ``expires_in`` seconds."""

    device_code: str
    user_code: str
    verification_path: str
    interval: int
    expires_in: int


class DeviceCode(Request, kw_only=True):
    device_code: Annotated[str, msgspec.Meta(max_length=200)]


class DeviceLoginOut(Response, kw_only=True):
    """What asks: the name that it gave itself, and the address where the request came from."""

    user_code: str
    name: str
    address: str
    created_at: Utc
    expires_at: Utc


class DeviceDecision(Request, kw_only=True):
    decision: Literal["allow", "deny"]
