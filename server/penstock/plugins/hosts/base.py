"""What every Git host is asked for, and what may go wrong; `Asker` speaks JSON over HTTP with bounds."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec

from penstock.domain.layouts.source import SourceFile
from penstock.plugins.http import Answer, NotReached, Poster

State = Literal["open", "merged", "closed"]
T = TypeVar("T")
StatusState = Literal["pending", "success", "failure", "error"]

MOST_FILES: Final = 2_000
LARGEST_FILE: Final = 10_000_000  # bytes
LARGEST_TREE: Final = 50_000_000  # bytes of all files together
AT_ONCE: Final = 8  # requests
_LARGEST_JSON: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """A repository on a host.

    Args:
        api: address of the host's API, without a slash at its end.
        path: ``owner/name``; on GitLab the project's path or number.
    """

    api: str
    path: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request (GitLab: merge request) as it is now.

    Args:
        head: commit of its branch's end.
        merge: commit that merged it.
        foreign: its branch is another repository's (a fork): whoever wrote it may have no rights here.
    """

    number: int
    state: State
    base: str
    head: str
    merge: str | None
    title: str
    author: str
    url: str
    foreign: bool


class Entry(msgspec.Struct, frozen=True):
    """A file, or a folder, of a commit; ``sha`` and ``size`` where the host says them."""

    path: str
    mode: str
    type: str
    sha: str = ""
    size: int | None = None


class Made(msgspec.Struct, frozen=True):
    """What was made has a number."""

    id: int


class HostError(Exception):
    """The host did not do what we asked; the message says why, in our words.

    Args:
        again: trying later makes sense; ``after`` says when, if the host did.
        status: what it answered, if that is why.
    """

    def __init__(
        self, message: str, *, again: bool, after: dt.timedelta | None = None, status: int | None = None
    ) -> None:
        self.again = again
        self.after = after
        self.status = status
        super().__init__(message)


class Missing(HostError):
    """There is nothing of that name, or our token may not see it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, again=False, status=404)


class GitHost(Protocol):
    """One kind of host. Every method raises `HostError`."""

    async def pull_request(self, place: Place, number: int) -> PullRequest:
        """A pull request as it is now."""
        ...

    async def files(self, place: Place, commit: str, directory: str) -> list[SourceFile]:
        """Scripts below a directory at a commit, their paths relative to it.

        Raises:
            HostError: also when there are too many, or one is too large; `LayoutError` for symbolic links.
        """
        ...

    async def comment(self, place: Place, number: int, comment_id: str | None, text: str) -> str:
        """Write a comment, or replace one of ours; returns its id."""
        ...

    async def status(
        self, place: Place, commit: str, state: StatusState, context: str, description: str, url: str | None
    ) -> None:
        """Say at a commit how it is."""
        ...


class Asker:
    """Requests to one host's API.

    Args:
        name: of the host, for messages.
    """

    def __init__(self, poster: Poster, name: str) -> None:
        self._poster = poster
        self._name = name

    async def json(
        self, method: str, url: str, headers: Mapping[str, str], body: Any = None, *, kind: Any = Any
    ) -> Any:
        """An answer's JSON, which must be of a kind. Raises `HostError`."""
        _, document = await self.page(method, url, headers, body, kind=kind)
        return document

    async def page(
        self, method: str, url: str, headers: Mapping[str, str], body: Any = None, *, kind: Any = Any
    ) -> tuple[Mapping[str, str], Any]:
        """An answer's headers and JSON, which must be of a kind. Raises `HostError`."""
        data = b"" if body is None else msgspec.json.encode(body)
        given = {**headers, "Content-Type": "application/json"} if data else headers
        answer = await self._ask(method, url, given, data, _LARGEST_JSON)
        try:
            return answer.headers, msgspec.json.decode(answer.body or b"null", type=kind)
        except msgspec.DecodeError as error:
            raise HostError(f"{self._name} answered something else than its API does: {error}.", again=True) from error

    async def raw(self, url: str, headers: Mapping[str, str]) -> bytes:
        """An answer's bytes. Raises `HostError`."""
        return (await self._ask("GET", url, headers, b"", LARGEST_FILE)).body

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes, longest: int) -> Answer:
        try:
            answer = await self._poster.fetch(method, url, headers, body, longest=longest)
        except NotReached as error:
            raise HostError(f"{self._name}: {error}", again=True) from error
        if 200 <= answer.status < 300:
            return answer
        if answer.status == 404:
            raise Missing(f"{self._name} knows nothing there, or the token may not see it (404).")
        busy = answer.status in (408, 409, 425, 429) or answer.status >= 500
        limited = answer.status == 403 and answer.headers.get("x-ratelimit-remaining") == "0"
        words = {401: "the token is not valid", 403: "the token may not do this"}.get(answer.status, "it said no")
        message = f"{self._name} answered {answer.status}: {'try later' if busy or limited else words}."
        raise HostError(message, again=busy or limited, after=_after(answer), status=answer.status)


def _after(answer: Answer) -> dt.timedelta | None:
    said = answer.headers.get("retry-after", "").strip()
    return dt.timedelta(seconds=min(int(said[:6]), 3600)) if said.isascii() and said.isdigit() else None


def text(document: Any, *path: str) -> str:
    """A text inside an answer. Raises `HostError` when there is none."""
    found = document
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise HostError(f"The host's answer has no {'.'.join(path)}.", again=False)
    return found


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of them answer; the first error ends the others: whoever is refused once does not go on asking."""
    running = [asyncio.create_task(each) for each in work]
    try:
        return [await task for task in running]
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def below(path: str, directory: str) -> str | None:
    """A path relative to a directory that it lies below; None if it does not."""
    if not directory:
        return path
    return path[len(directory) + 1 :] if path.startswith(f"{directory}/") else None


def shortened(words: str, longest: int) -> str:
    """Words that fit."""
    return words if len(words) <= longest else f"{words[: longest - 1]}…"
