"""Requests to an address that somebody typed in: no way into the inner network, no redirects, no endless answers."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx2

from penstock.domain.plugins import is_public
from penstock.plugins.base import Outcome

SECONDS: Final = 15.0  # for all of it: a slow receiver must not hold a place for longer
ANSWER_BYTES: Final = 64 * 1024
_GONE: Final = 410


class NotReached(Exception):
    """There is no answer, or the address is not one that we talk to; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; the body as it came over the wire, since nobody asked for compression."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Poster:
    """Sends requests.

    Args:
        private: addresses of the inner network and plain http are allowed; the operator decides.
    """

    def __init__(self, *, private: bool) -> None:
        self._private = private

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Try once.

        The name is resolved once, the addresses are looked at, and the connection goes to one of them: a name that
        answers otherwise the next time gets nobody inside.
        """
        try:
            answer = await self.fetch("POST", url, headers, body, longest=ANSWER_BYTES, whole=False)
        except NotReached as error:
            return Outcome(error=str(error))
        return _outcome(answer)

    async def fetch(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        longest: int,
        whole: bool = True,
    ) -> Answer:
        """Ask once, and read the answer.

        Args:
            longest: bytes of the answer that are read at most.
            whole: a longer answer is an error; otherwise the rest of it is of no interest.

        Raises:
            NotReached: no answer that we take; the message says why.
        """
        try:
            async with asyncio.timeout(SECONDS):
                return await self._fetch(method, url, headers, body, longest, whole)
        except TimeoutError as error:
            raise NotReached(f"No answer within {SECONDS:.0f} s.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise NotReached(f"Not reached: {type(error).__name__}.") from error

    async def _fetch(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, longest: int, whole: bool
    ) -> Answer:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not (self._private and parts.scheme == "http"):
            raise NotReached("Only https addresses are told.")
        address = await self._resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
        literal = f"[{address}]" if ":" in address else address
        port = f":{parts.port}" if parts.port else ""
        target = httpx2.URL(url).copy_with(host=literal.strip("[]"))
        given = {**headers, "Host": f"{host}{port}", "User-Agent": "Penstock", "Accept-Encoding": "identity"}
        async with httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=SECONDS) as client:
            request = client.build_request(method, target, content=body, headers=given)
            request.extensions = {**request.extensions, "sni_hostname": host}
            answer = await client.send(request, stream=True)
            try:
                received = bytearray()
                async for chunk in answer.aiter_raw():
                    received += chunk
                    if len(received) > longest:
                        if whole:
                            raise NotReached(f"The answer is longer than {longest:,} bytes.")
                        break
            finally:
                await answer.aclose()
        return Answer(answer.status_code, answer.headers, bytes(received[:longest]))

    async def _resolve(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotReached(f"The name {host} is not known.") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not self._private and not all(is_public(a) for a in addresses):
            raise NotReached(f"{host} lies in the inner network; the operator has to allow that.")
        v4 = [a for a in addresses if isinstance(ipaddress.ip_address(a.split("%", 1)[0]), ipaddress.IPv4Address)]
        return (v4 or addresses)[0]


def _outcome(answer: Answer) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Outcome(status)
    if 300 <= status < 400:
        return Outcome(status, f"It answered {status}: redirects are not followed.")
    return Outcome(status, f"It answered {status}.", _retry_after(answer), gone=status == _GONE)


def _retry_after(answer: Answer) -> dt.timedelta | None:
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return dt.timedelta(seconds=min(int(value[:9]), 10**6))
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return max(at - dt.datetime.now(dt.UTC), dt.timedelta())
