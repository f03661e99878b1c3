"""Webhooks as Standard Webhooks 1.0 has them: an id, a time and a signature over both and the body."""

from __future__ import annotations

import msgspec

from penstock.domain.plugins import signatures
from penstock.plugins.base import Message, Outcome, Receiver
from penstock.plugins.http import Poster


class Webhook:
    """Posts events as JSON: ``{type, timestamp, data}``, data being the event as the API shows it."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def send(self, receiver: Receiver, message: Message) -> Outcome:
        """Try once."""
        event = message.event
        body = msgspec.json.encode({"type": event["type"], "timestamp": event["at"], "data": event})
        seconds = int(message.at.timestamp())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signatures(receiver.secrets, message.id, seconds, body),
        }
        return await self._poster.post(receiver.settings["url"], body, headers)
