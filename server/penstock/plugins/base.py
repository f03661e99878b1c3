"""What a sender is given, and what may come of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One event for one receiver.

    Args:
        id: the same at every try, so that a receiver can tell repetitions.
        at: when this try is made.
        event: as the API shows it, and the issue's title.
        link: page of the issue, if the installation knows its own address.
    """

    id: str
    at: dt.datetime
    event: Mapping[str, Any]
    link: str | None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where it goes.

    Args:
        settings: what is not secret.
        secrets: what is, the newest first.
    """

    settings: Mapping[str, Any]
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try.

    Args:
        status: what the receiver answered, an HTTP or SMTP status, if it answered.
        error: why it did not work, in our words: never those of the receiver.
        retry_after: when it wants to be asked again.
        gone: it never wants to hear of us again.
        hopeless: another try would end the same way.
    """

    status: int | None = None
    error: str | None = None
    retry_after: dt.timedelta | None = None
    gone: bool = False
    hopeless: bool = False

    @property
    def delivered(self) -> bool:
        """It has the message."""
        return self.error is None


class Sender(Protocol):
    """One kind of receiver."""

    async def send(self, receiver: Receiver, message: Message) -> Outcome:
        """Try once; whatever the receiver does is an outcome."""
        ...
