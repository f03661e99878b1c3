"""Parties outside, as tests need them: an HTTP receiver and a mail server of our own, speaking the real protocols."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from tests.gitlab_statuses import Statuses

Answer = tuple[int, Mapping[str, str], bytes]
FINE: Answer = (204, {}, b"")


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """Takes POST requests.

    Args:
        answers: what to say to the next ones, in order; then always FINE. None: nothing, for ever.
    """

    answers: list[Answer | None] = field(default_factory=list)
    port: int = 0
    got: asyncio.Queue[Received] = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def next(self, seconds: float = 10) -> Received:
        """The next request, when it comes."""
        async with asyncio.timeout(seconds):
            return await self.got.get()

    def decide(self, line: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """What to say when nothing in particular is to be said."""
        return FINE

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.got.put_nowait(Received(head[0].split(" ")[1], headers, body))
            answer = self.answers.pop(0) if self.answers else self.decide(head[0], headers, body)
            if answer is None:
                await reader.read()  # until they give up
                return
            status, more, text = answer
            lines = [f"HTTP/1.1 {status} So", *(f"{k}: {v}" for k, v in more.items()), "Connection: close", "", ""]
            writer.write("\r\n".join(lines).encode() + text)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # they hung up
        finally:
            writer.close()


@asynccontextmanager
async def receiver(*answers: Answer | None) -> AsyncIterator[Receiver]:
    """An HTTP receiver on a free port."""
    made = Receiver(list(answers))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


TOKEN = "ghp_0123456789abcdef"
COMMIT = "6dcb09b5b57875f334f61aebed695e2e4193db5e"


@dataclass
class Repository(Receiver):
    """The commit statuses of one repository, by the rules of GitHub's or GitLab's REST API.

    https://docs.github.com/en/rest/commits/statuses, https://docs.gitlab.com/api/commits/#set-commit-pipeline-status

    Args:
        name: owner/name, or the path of a project.
        statuses: context -> what it says of COMMIT, as the last request left it.
        said: the same as GitLab keeps it.
    """

    system: Literal["github", "gitlab"] = "github"
    name: str = "acme/shop"
    statuses: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    said: Statuses = field(default_factory=Statuses)

    @property
    def api(self) -> str:
        """The root of its API."""
        return f"http://127.0.0.1:{self.port}" + ("/api/v4" if self.system == "gitlab" else "")

    def decide(self, line: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        given = json.loads(body) if headers.get("content-type") == "application/json" else {}
        return self._github(line, headers, given) if self.system == "github" else self._gitlab(line, headers, given)

    def _github(self, line: str, headers: Mapping[str, str], given: Mapping[str, Any]) -> Answer:
        if headers.get("authorization") not in (f"Bearer {TOKEN}", f"token {TOKEN}"):
            return 401, {}, b'{"message": "Bad credentials"}'
        if "user-agent" not in headers:
            return 403, {}, b"Request forbidden by administrative rules."
        if line != f"POST /repos/{self.name}/statuses/{COMMIT} HTTP/1.1":
            return 404, {}, b'{"message": "Not Found"}'
        if given.get("state") not in ("error", "failure", "pending", "success"):
            return 422, {}, b'{"message": "Validation Failed"}'
        if len(given.get("description", "")) > 140 or not re.match("https?:", given.get("target_url", "https:")):
            return 422, {}, b'{"message": "Validation Failed"}'
        return self._taken(given.get("context", "default"), given)

    def _gitlab(self, line: str, headers: Mapping[str, str], given: Mapping[str, Any]) -> Answer:
        if headers.get("private-token") != TOKEN:
            return 401, {}, b'{"message": "401 Unauthorized"}'
        method, address, _ = line.split(" ")
        parts = urlsplit(address)
        place = {"POST": f"statuses/{COMMIT}", "GET": f"repository/commits/{COMMIT}/statuses"}.get(method)
        found = re.fullmatch(rf"/api/v4/projects/([^/]+)/{place}", parts.path)
        if found is None or unquote(found[1]) != self.name:
            return 404, {}, b'{"message": "404 Project Not Found"}'
        if method == "GET":
            name = parse_qs(parts.query).get("name", [None])[0]
            return _json(*self.said.listing(COMMIT, name))
        answer, said = self.said.say(COMMIT, given)
        return self._taken(said["name"], given) if answer == 201 else _json(answer, said)

    def _taken(self, context: str, given: Mapping[str, Any]) -> Answer:
        self.statuses[context] = given
        return 201, {"Content-Type": "application/json"}, b"{}"


def _json(status: int, document: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


@asynccontextmanager
async def repository(system: Literal["github", "gitlab"], name: str = "acme/shop") -> AsyncIterator[Repository]:
    """A repository on a free port."""
    made = Repository(system=system, name=name)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@dataclass
class Mailbox:
    """Takes mail.

    Args:
        refuses: it takes no recipient.
    """

    refuses: bool = False
    port: int = 0
    got: asyncio.Queue[tuple[list[str], bytes]] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")

        say("220 mail.test ESMTP")
        recipients: list[str] = []
        while line := (await reader.readline()).decode("latin-1").strip():
            word = line.split(" ")[0].upper()
            if word in ("EHLO", "HELO"):
                say("250 mail.test")
            elif word == "RCPT":
                recipients.append(line.split("<")[1].rstrip(">"))
                say("550 Nobody of that name" if self.refuses else "250 Fine")
            elif word == "DATA":
                say("354 Go on")
                text = await reader.readuntil(b"\r\n.\r\n")
                self.got.put_nowait((recipients, text))
                say("250 Taken")
            elif word == "QUIT":
                say("221 Bye")
                break
            else:
                say("250 Fine")
        writer.close()


@asynccontextmanager
async def mailbox(*, refuses: bool = False) -> AsyncIterator[Mailbox]:
    """A mail server on a free port."""
    made = Mailbox(refuses)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
