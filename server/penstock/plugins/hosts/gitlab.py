"""GitLab's REST API, version 4."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import quote

from penstock.domain.layouts.source import LayoutError, Mistake, SourceFile
from penstock.domain.layouts.sqitch import PLAN
from penstock.plugins.hosts.base import (
    AT_ONCE,
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
from penstock.plugins.hosts.gitlab_statuses import stands_already
from penstock.plugins.http import Poster

_SYMBOLIC_LINK: Final = "120000"
_STATES: Final[dict[str, State]] = {"opened": "open", "locked": "open", "merged": "merged", "closed": "closed"}
_STATUS: Final = {"pending": "pending", "success": "success", "failure": "failed", "error": "failed"}
_DESCRIPTION: Final = 255


class GitLab:
    """See `penstock.plugins.hosts.base.GitHost`."""

    def __init__(self, poster: Poster) -> None:
        self._ask = Asker(poster, "GitLab")

    async def pull_request(self, place: Place, number: int) -> PullRequest:
        """A merge request as it is now; see the protocol."""
        found = await self._ask.json("GET", f"{_project(place)}/merge_requests/{number}", _headers(place))
        state = _STATES.get(text(found, "state"), "closed")
        merge = found.get("merge_commit_sha") or found.get("squash_commit_sha") or found.get("sha")
        return PullRequest(
            number=number,
            state=state,
            base=text(found, "target_branch"),
            head=text(found, "sha"),
            merge=merge if state == "merged" else None,
            title=text(found, "title"),
            author=text(found, "author", "username"),
            url=text(found, "web_url"),
            foreign=found.get("source_project_id") != found.get("target_project_id"),
        )

    async def files(self, place: Place, commit: str, directory: str) -> list[SourceFile]:
        """Scripts below a directory; see the protocol."""
        found = [path for entry in await self._tree(place, commit, directory) if (path := _script(entry, directory))]
        free = asyncio.Semaphore(AT_ONCE)
        size = 0

        async def read(path: str) -> SourceFile:
            nonlocal size
            async with free:
                whole = f"{directory}/{path}" if directory else path
                url = f"{_project(place)}/repository/files/{quote(whole, safe='')}/raw?ref={commit}"
                data = await self._ask.raw(url, _headers(place))
            size += len(data)
            if size > LARGEST_TREE:
                message = f"scripts of more than {LARGEST_TREE // 1_000_000} MB together"
                raise LayoutError([Mistake(".", "too_large", message)])
            return SourceFile(path, data)

        return await together(read(path) for path in found)

    async def _tree(self, place: Place, commit: str, directory: str) -> list[Entry]:
        entries: list[Entry] = []
        number = "1"
        while number:
            url = (
                f"{_project(place)}/repository/tree?ref={commit}&recursive=true&per_page=100&page={number}"
                f"&path={quote(directory, safe='')}"
            )
            headers, page = await self._ask.page("GET", url, _headers(place), kind=list[Entry])
            entries += page
            number = headers.get("x-next-page", "").strip()
            if len(entries) > 10 * MOST_FILES or not number.isdigit():
                break
        links = [e.path for e in entries if e.mode == _SYMBOLIC_LINK and _script(e, directory)]
        mistakes = [Mistake(path, "symbolic_link", "is a symbolic link, which is not followed") for path in links]
        if sum(_script(entry, directory) is not None for entry in entries) > MOST_FILES:
            mistakes.append(Mistake(".", "too_many", f"more than {MOST_FILES:,} scripts"))
        if mistakes:
            raise LayoutError(mistakes)
        return entries

    async def comment(self, place: Place, number: int, comment_id: str | None, text_: str) -> str:
        """Write or replace a note; see the protocol."""
        notes = f"{_project(place)}/merge_requests/{number}/notes"
        if comment_id is not None:
            try:
                await self._ask.json("PUT", f"{notes}/{comment_id}", _headers(place), {"body": text_})
                return comment_id
            except Missing:
                pass  # somebody deleted it: write another
        made: Made = await self._ask.json("POST", notes, _headers(place), {"body": text_}, kind=Made)
        return str(made.id)

    async def status(
        self, place: Place, commit: str, state: StatusState, context: str, description: str, url: str | None
    ) -> None:
        """Say at a commit how it is; see the protocol."""
        body = {"state": _STATUS[state], "name": context, "description": shortened(description, _DESCRIPTION)}
        body |= {"target_url": url} if url else {}
        project, headers = _project(place), _headers(place)
        try:
            await self._ask.json("POST", f"{project}/statuses/{commit}", headers, body)
        except HostError as error:
            if not await stands_already(self._ask, project, headers, commit, body, error.status):
                raise


def _project(place: Place) -> str:
    return f"{place.api}/projects/{quote(place.path, safe='')}"


def _headers(place: Place) -> dict[str, str]:
    return {"PRIVATE-TOKEN": place.token}


def _script(entry: Entry, directory: str) -> str | None:
    path = below(entry.path, directory) if entry.type == "blob" else None
    return path if path and (path.endswith(".sql") or path == PLAN) else None
