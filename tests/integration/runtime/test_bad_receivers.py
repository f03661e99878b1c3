"""Whoever is told something answers endlessly, slowly, or lies inside: an outcome, within bounds, never harm."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from penstock.plugins import email, http
from penstock.plugins.base import Message, Receiver
from penstock.plugins.email import Email
from penstock.plugins.http import Poster
from tests.builders import PROJECT, World
from tests.waiting import eventually

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]
LETTER = 0.01  # seconds from one byte to the next: a server that is slow beside the time that it is given


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[int]:
    """Somebody who talks like this to everyone who connects; answers the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return  # they hung up
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def slowly(text: bytes) -> Talk:
    """One byte after the other, for ever."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            for n in range(len(text)):
                writer.write(text[n : n + 1])
                await writer.drain()
                await asyncio.sleep(LETTER)

    return talk


def endlessly(first: bytes, again: bytes) -> tuple[Talk, list[int]]:
    """As much as they take; counts the bytes."""
    said = [0]

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            said[0] += len(again)

    return talk, said


@pytest.mark.parametrize("text", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n" + b"x" * 100, b"x"])
async def test_one_byte_after_the_other_is_cut_off(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether in the status, in the headers or in the body: the time is for all of it."""
    monkeypatch.setattr(http, "SECONDS", 0.5)
    async with server(slowly(text.replace(b"\r\n\r\n", b"\r\nContent-Length: 1000000\r\n\r\n"))) as port:
        outcome = await Poster(private=True).post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert not outcome.delivered
    assert outcome.error is not None


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b"x" * 65_536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"A: " + b"b" * 8_000 + b"\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"x" * 65_536),
    ],
    ids=["body", "chunks", "headers", "continue", "nonsense"],
)
async def test_endless_answers_are_not_read(first: bytes, again: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SECONDS", 3.0)
    talk, said = endlessly(first, again)
    async with server(talk) as port:
        await Poster(private=True).post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert said[0] < 20_000_000


INSIDE = (
    ("10.0.0.1",),
    ("169.254.169.254",),  # where clouds keep credentials
    ("93.184.216.34", "127.0.0.1"),  # one is enough
    ("::1",),
    ("::ffff:127.0.0.1",),
    ("::ffff:a9fe:a9fe",),
    ("64:ff9b::7f00:1",),
    ("2002:7f00:1::",),
    ("fe80::1%1",),
    ("fd00::1",),
    ("0.0.0.0",),
    ("::",),
    ("224.0.0.1",),
    ("100.64.0.1",),
)


def names(*addresses: str) -> Any:
    """A name server that has these addresses for every name."""

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses
        ]

    return getaddrinfo


@pytest.mark.parametrize("addresses", INSIDE, ids=" ".join)
async def test_names_that_point_inside_are_not_followed(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names(*addresses))
    outcome = await Poster(private=False).post("https://hooks.example.com/", b"{}", {})
    assert outcome.error == "hooks.example.com lies in the inner network; the operator has to allow that."


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "localhost.", "[::ffff:7f00:1]", "[::]", "0"],
)
async def test_odd_spellings_of_this_machine_are_known(host: str) -> None:
    outcome = await Poster(private=False).post(f"https://{host}:1/", b"{}", {})
    assert outcome.status is None
    assert outcome.error is not None and ("inner network" in outcome.error or "not known" in outcome.error)


async def test_a_name_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may answer with an address outside when it is looked at, and with one inside when it is used."""
    loop, asked = asyncio.get_running_loop(), []
    real = loop.getaddrinfo

    async def getaddrinfo(host: str, port: int, **kwargs: Any) -> list[Any]:
        asked.append(host)
        if host == "hooks.example.com":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.0.9" if len(asked) > 1 else "8.8.8.8", port))]
        return await real(host, port, **kwargs)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(http, "SECONDS", 0.2)
    await Poster(private=False).post("https://hooks.example.com/", b"{}", {})
    assert asked.count("hooks.example.com") == 1


async def test_a_redirect_inside_is_not_followed() -> None:
    seen = asyncio.Event()

    async def inside(*_: Any) -> None:
        seen.set()

    async with server(inside) as port:
        there = f"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n".encode()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(there)
            await writer.drain()

        async with server(talk) as outside:
            outcome = await Poster(private=True).post(f"http://127.0.0.1:{outside}/", b"{}", {})
    assert (outcome.status, outcome.delivered, seen.is_set()) == (307, False, False)


def letter(port: int) -> tuple[Receiver, Message]:
    settings = {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "a@example.com", "recipients": ["b@c.de"]}
    at = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    event = {"type": "ISSUE_CREATED", "data": {}, "at": at.isoformat()}
    return Receiver(settings=settings, secrets=()), Message(id="1", at=at, event=event, link=None)


async def test_a_slow_mail_server_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "SECONDS", 0.5)
    async with server(slowly(b"220-wait ")) as port:
        outcome = await Email().send(*letter(port))
    assert outcome.error == "Not sent: SMTPServerDisconnected."


async def test_an_endless_mail_server_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    talk, said = endlessly(b"", b"220-and another thing\r\n" * 1_000)
    async with server(talk) as port:
        outcome = await Email().send(*letter(port))
    assert outcome.error == "Not sent: SMTPServerDisconnected."
    assert said[0] < 20_000_000


async def test_a_plugin_that_is_cut_off_leaves_an_error_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.5)
    async with server(slowly(b"HTTP/1.1 200 OK\r\nA: b\r\n")) as port:
        body = {"kind": "webhook", "name": "Slow", "project": PROJECT, "types": ["ISSUE_CREATED"]}
        await world.bo.ok("POST", "/plugins", **body, url=f"http://127.0.0.1:{port}/")
        issue = await world.file("SELECT 1", await world.target())
        await world.until(issue, "succeeded")

        async def told() -> list[Any]:
            return await world.sql("SELECT data ->> 'error' FROM event WHERE type = 'PLUGIN_ERROR'")

        assert await eventually(told) == [("No answer within 0 s.",)]
