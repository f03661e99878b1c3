"""GitHub's REST API, version 2022-11-28."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import quote

import msgspec

from penstock.domain.layouts.source import LayoutError, Mistake, SourceFile
from penstock.domain.layouts.sqitch import PLAN
from penstock.plugins.hosts.base import (
    AT_ONCE,
    LARGEST_FILE,
    LARGEST_TREE,
    MOST_FILES,
    Asker,
    Entry,
    HostError,
    Made,
    Missing,
    Place,
    PullRequest,
    State,
    StatusState,
    below,
    shortened,
    text,
    together,
)
from penstock.plugins.http import Poster

_SYMBOLIC_LINK: Final = "120000"
_DESCRIPTION: Final = 140


class _Tree(msgspec.Struct, frozen=True):
    tree: list[Entry]
    truncated: bool = False


class GitHub:
    """See `penstock.plugins.hosts.base.GitHost`."""

    def __init__(self, poster: Poster) -> None:
        self._ask = Asker(poster, "GitHub")

    async def pull_request(self, place: Place, number: int) -> PullRequest:
        """A pull request as it is now; see the protocol."""
        found = await self._ask.json("GET", f"{_repository(place)}/pulls/{number}", _headers(place))
        state: State = "open" if text(found, "state") == "open" else "merged" if found.get("merged") else "closed"
        head_repository = (found.get("head") or {}).get("repo") or {}  # null once a fork is deleted
        return PullRequest(
            number=number,
            state=state,
            base=text(found, "base", "ref"),
            head=text(found, "head", "sha"),
            merge=found.get("merge_commit_sha") if state == "merged" else None,
            title=text(found, "title"),
            author=text(found, "user", "login"),
            url=text(found, "html_url"),
            foreign=head_repository.get("full_name") != text(found, "base", "repo", "full_name"),
        )

    async def files(self, place: Place, commit: str, directory: str) -> list[SourceFile]:
        """Scripts below a directory; see the protocol."""
        url = f"{_repository(place)}/git/trees/{commit}?recursive=1"
        tree: _Tree = await self._ask.json("GET", url, _headers(place), kind=_Tree)
        if tree.truncated:
            raise HostError("The repository has more files than GitHub lists at once.", again=False)
        found = [(path, entry) for entry in tree.tree if (path := _script(entry, directory))]
        _check(found)
        free = asyncio.Semaphore(AT_ONCE)

        async def read(path: str, entry: Entry) -> SourceFile:
            async with free:
                blob = f"{_repository(place)}/git/blobs/{quote(entry.sha)}"
                data = await self._ask.raw(blob, _headers(place) | {"Accept": "application/vnd.github.raw+json"})
                return SourceFile(path, data)

        return await together(read(path, entry) for path, entry in found)

    async def comment(self, place: Place, number: int, comment_id: str | None, text_: str) -> str:
        """Write or replace a comment; see the protocol."""
        body = {"body": text_}
        if comment_id is not None:
            try:
                url = f"{_repository(place)}/issues/comments/{comment_id}"
                await self._ask.json("PATCH", url, _headers(place), body)
                return comment_id
            except Missing:
                pass  # somebody deleted it: write another
        url = f"{_repository(place)}/issues/{number}/comments"
        made: Made = await self._ask.json("POST", url, _headers(place), body, kind=Made)
        return str(made.id)

    async def status(
        self, place: Place, commit: str, state: StatusState, context: str, description: str, url: str | None
    ) -> None:
        """Say at a commit how it is; see the protocol."""
        body = {"state": state, "context": context, "description": shortened(description, _DESCRIPTION)}
        target = {"target_url": url} if url else {}
        await self._ask.json("POST", f"{_repository(place)}/statuses/{commit}", _headers(place), body | target)


def _repository(place: Place) -> str:
    return f"{place.api}/repos/{quote(place.path)}"


def _headers(place: Place) -> dict[str, str]:
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {place.token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def _script(entry: Entry, directory: str) -> str | None:
    """The path of a script below the directory; None for anything else."""
    path = below(entry.path, directory) if entry.type == "blob" else None
    return path if path and (path.endswith(".sql") or path == PLAN) else None


def _check(found: list[tuple[str, Entry]]) -> None:
    mistakes = [
        Mistake(path, "symbolic_link", "is a symbolic link, which is not followed")
        for path, entry in found
        if entry.mode == _SYMBOLIC_LINK
    ]
    large = [path for path, entry in found if (entry.size or 0) > LARGEST_FILE]
    mistakes += [Mistake(path, "too_large", f"is larger than {LARGEST_FILE // 1_000_000} MB") for path in large]
    if len(found) > MOST_FILES:
        mistakes.append(Mistake(".", "too_many", f"more than {MOST_FILES:,} scripts"))
    if sum(entry.size or 0 for _, entry in found) > LARGEST_TREE:
        mistakes.append(Mistake(".", "too_large", f"scripts of more than {LARGEST_TREE // 1_000_000} MB together"))
    if mistakes:
        raise LayoutError(mistakes)
