"""Chat rooms that take Slack's incoming webhooks: Slack, Mattermost, Rocket.Chat, Discord (``/slack``), Zulip."""

from __future__ import annotations

import msgspec

from penstock.domain.announcement import line
from penstock.plugins.base import Message, Outcome, Receiver
from penstock.plugins.http import Poster


class Chat:
    """Posts one line of text; the address is the secret."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def send(self, receiver: Receiver, message: Message) -> Outcome:
        """Try once."""
        text = _escaped(line(message.event))
        if message.link:
            text += f" <{message.link}|Show>"
        body = msgspec.json.encode({"text": text})
        return await self._poster.post(receiver.secrets[0], body, {"Content-Type": "application/json"})


def _escaped(text: str) -> str:
    """Titles and names are text: they make no links and call nobody (``<!channel>``)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
