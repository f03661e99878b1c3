"""Mail through an SMTP server of the operator's."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
import threading
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, BinaryIO, Final

from penstock.domain.announcement import line
from penstock.plugins.base import Message, Outcome, Receiver

SECONDS: Final = 15.0  # for all of it
ANSWER_BYTES: Final = 64 * 1024


class Email:
    """Sends one mail to all recipients; ``settings``: host, port, tls, username, sender, recipients."""

    async def send(self, receiver: Receiver, message: Message) -> Outcome:
        """Try once."""
        try:
            await asyncio.to_thread(_send, receiver, message)
        except smtplib.SMTPRecipientsRefused as error:
            status = next(iter(error.recipients.values()))[0]
            return Outcome(status, "The server takes no mail for these recipients.")
        except smtplib.SMTPResponseException as error:
            return Outcome(error.smtp_code, f"The server answered {error.smtp_code}.")
        except (smtplib.SMTPException, OSError) as error:
            return Outcome(error=f"Not sent: {type(error).__name__}.")
        return Outcome(250)


class _Lines:
    """The lines of a server that does not talk for ever."""

    def __init__(self, lines: BinaryIO) -> None:
        self._lines = lines
        self._left = ANSWER_BYTES

    def readline(self, longest: int) -> bytes:
        """The next one."""
        line = self._lines.readline(longest)
        self._left -= len(line)
        if self._left < 0:
            raise smtplib.SMTPServerDisconnected("the server says too much")
        return line

    def close(self) -> None:
        """Let go of the connection."""
        self._lines.close()


class _Brief(smtplib.SMTP):
    """A conversation that ends after some seconds and bytes, however slowly or much the server talks.

    The timeouts of sockets count from byte to byte.
    """

    over: threading.Timer | None = None

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """Begin, and let the time run."""
        self.over = threading.Timer(SECONDS, self._hang_up)
        self.over.daemon = True
        self.over.start()
        return super().connect(host, port, source_address)

    def getreply(self) -> tuple[int, bytes]:
        """What the server says next."""
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock.makefile("rb"))
        return super().getreply()

    def close(self) -> None:
        """End it."""
        if self.over is not None:
            self.over.cancel()
        super().close()

    def _hang_up(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError):  # it has just ended
                self.sock.shutdown(socket.SHUT_RDWR)


class _BriefOverTls(_Brief, smtplib.SMTP_SSL):
    """The same over TLS."""


def _send(receiver: Receiver, message: Message) -> None:
    settings = receiver.settings
    host, port = settings["host"], settings["port"]
    context = ssl.create_default_context()
    if settings["tls"] == "tls":
        server: _Brief = _BriefOverTls(host, port, timeout=SECONDS, context=context)
    else:
        server = _Brief(host, port, timeout=SECONDS)
    with server:
        if settings["tls"] == "starttls":
            server.starttls(context=context)  # raises if the server cannot: never in clear text then
        if settings.get("username"):
            server.login(settings["username"], receiver.secrets[0] if receiver.secrets else "")
        server.send_message(_written(receiver, message))


def _written(receiver: Receiver, message: Message) -> EmailMessage:
    text = line(message.event)
    mail = EmailMessage()
    mail["Subject"] = f"Penstock: {text}"[:200]
    mail["From"] = receiver.settings["sender"]
    mail["To"] = ", ".join(receiver.settings["recipients"])
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = make_msgid(idstring=message.id, domain="penstock.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join([text, *([message.link] if message.link else [])]) + "\n")
    return mail
