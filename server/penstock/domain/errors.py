"""Typed errors: each carries a stable code, an HTTP status and a message that a person can act on.

Every layer raises these; the web layer turns them into RFC 9457 problem documents and the command line into exit codes.
The docstring of an error is its default message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock.domain.gates.gate import Blocker


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with one field of a request.

    Args:
        field: path of the field, for example ``targets.databases[2]``.
        message: what is wrong and what would be right.
        code: stable code of this particular mistake, for example ``duplicate_stage``.
    """

    field: str
    message: str
    code: str = "invalid"


class PenstockError(Exception):
    """Something went wrong inside Penstock."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, **extra: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.extra = extra
        super().__init__(self.message)


class ValidationFailed(PenstockError):
    """The request is not valid."""

    code = "validation_failed"
    status = 422

    def __init__(
        self,
        message: str | None = None,
        errors: Sequence[FieldError] = (),
        code: str | None = None,
        **extra: Any,
    ) -> None:
        self.errors = list(errors)
        if code is not None:
            self.code = code  # type: ignore[misc]  # an instance may be more precise than its class
        super().__init__(message or (self.errors[0].message if self.errors else None), **extra)


class BadRequest(PenstockError):
    """The request cannot be read."""

    code = "bad_request"
    status = 400


class AuthorizationPending(BadRequest):
    """Nobody has allowed or denied this login yet: ask again after the interval."""

    code = "authorization_pending"


class SlowDown(BadRequest):
    """You ask more often than the interval allows: wait longer before you ask again."""

    code = "slow_down"


class ExpiredToken(BadRequest):
    """This login is over, used already or unknown: start a new one."""

    code = "expired_token"


class AccessDenied(BadRequest):
    """This login was denied."""

    code = "access_denied"


class Unauthenticated(PenstockError):
    """Sign in first, or send a valid token."""

    code = "unauthenticated"
    status = 401


class Forbidden(PenstockError):
    """You do not have the permission that this needs."""

    code = "forbidden"
    status = 403


class NotFound(PenstockError):
    """There is nothing here that you may see."""

    code = "not_found"
    status = 404


class Conflict(PenstockError):
    """The request conflicts with what is stored."""

    code = "conflict"
    status = 409


class AlreadyApplied(Conflict):
    """A task that this edit would change has started or is applied."""

    code = "already_applied"


class StaleDigest(Conflict):
    """The stage has changed since you looked at it: review it again."""

    code = "stale_digest"


class StaleDrift(Conflict):
    """The database has changed again since you looked at it: look at what it is now."""

    code = "stale_drift"


class InvalidTransition(Conflict):
    """The current status does not allow this."""

    code = "invalid_transition"


class UnknownOutcome(Conflict):
    """Nobody knows whether the change took effect: settle the task before anything else."""

    code = "unknown_outcome"


class PreconditionFailed(PenstockError):
    """Somebody changed this since you read it: read it again."""

    code = "precondition_failed"
    status = 412


class PayloadTooLarge(PenstockError):
    """The request is larger than the limit."""

    code = "payload_too_large"
    status = 413


class RateLimited(PenstockError):
    """Too many attempts: wait and try again."""

    code = "rate_limited"
    status = 429


class Unavailable(PenstockError):
    """A service that this needs does not answer right now: try again."""

    code = "unavailable"
    status = 503


class Blocked(Conflict):
    """A gate is closed."""

    code = "blocked"

    def __init__(self, blockers: Sequence[Blocker], message: str | None = None, **extra: Any) -> None:
        self.blockers = list(blockers)
        super().__init__(message or "; ".join(b.message for b in self.blockers) or None, **extra)
