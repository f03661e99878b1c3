"""A Git host of our own: as much of GitHub's and GitLab's REST APIs as pull requests need, with their answers' shapes.

Source: GitHub's "REST API endpoints for Git trees, blobs, pull requests, comments, commit statuses" (2022-11-28) and
GitLab's "Repository files", "Repositories", "Merge requests", "Notes" and "Commits" APIs (v4); GitLab's "Webhooks" and
the Standard Webhooks specification (1.0) for what is signed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from litestar import Litestar, Request, Response, get, patch, post, put
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery

from penstock.web.serving import listen, serve
from tests.gitlab_statuses import Statuses

Json = dict[str, Any]
TOKEN = "token-of-the-host"
LINK = "120000"


@dataclass
class Pull:
    """A pull request."""

    number: int
    head: str
    title: str = "Add a table"
    state: Literal["open", "closed", "merged", "locked"] = "open"
    base: str = "main"
    merge: str | None = None
    fork: bool = False
    gone: bool = False  # the fork, once its owner has deleted it


@dataclass
class Host:
    """One repository on one host.

    Args:
        commits: commit -> path -> text.
        down: what every request is answered with, while it is set; ``says`` are its headers.
        up: requests after which it is down (503); None for as long as it likes.
        odd: what every request is answered with instead, while it is set.
        silent: requests are taken, and not answered.
        said: statuses as GitLab keeps them.
        cut: there are more files than it lists (GitHub).
        page: files that it lists at once (GitLab).
    """

    system: Literal["github", "gitlab"]
    path: str = "acme/shop"
    commits: dict[str, dict[str, str]] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    pulls: dict[int, Pull] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)
    statuses: list[tuple[str, str, str]] = field(default_factory=list)  # commit, state, description
    down: int | None = None
    says: Mapping[str, str] = field(default_factory=dict)
    up: int | None = None
    odd: bytes | None = None
    silent: bool = False
    said: Statuses = field(default_factory=Statuses)
    cut: bool = False
    page: int = 2  # small, so that there are several
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    api: str = ""

    def commit(self, files: dict[str, str]) -> str:
        """Add a commit; returns its id."""
        sha = secrets.token_hex(20)  # no other run's: databases of previews are named after it
        self.commits[sha] = files
        return sha

    def comment(self) -> str:
        """The only comment that there is."""
        [text] = self.comments.values()
        return text

    def last(self, commit: str) -> tuple[str, str]:
        """State and description that were said at a commit last."""
        return next((state, text) for at, state, text in reversed(self.statuses) if at == commit)

    def hook(self, pull: Pull, action: str, secret: str, *, delivery: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of the webhook that it sends.

        Args:
            secret: GitLab signs with one that is a signing token, and sends any other along.
        """
        if self.system == "github":
            body = json.dumps(
                {"action": action, "number": pull.number, "repository": {"full_name": self.path}, "at": delivery}
            ).encode()
            signed = "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()
            more = {"X-Hub-Signature-256": signed, "X-GitHub-Event": "pull_request", "X-GitHub-Delivery": delivery}
        else:
            about = {"iid": pull.number, "action": action, "updated_at": delivery}
            project = {"id": 7, "path_with_namespace": self.path}
            body = json.dumps({"object_kind": "merge_request", "project": project, "object_attributes": about}).encode()
            proof = signed_by(secret, delivery, body) if secret.startswith("whsec_") else {"X-Gitlab-Token": secret}
            more = {"X-Gitlab-Event": "Merge Request Hook", "X-Gitlab-Event-UUID": delivery, **proof}
        return {"Content-Type": "application/json", **more}, body

    async def allow(self, request: Request[Any, Any, Any]) -> None:
        """Answer as it does when it is down, or when the token is not known."""
        self.asked.append(f"{request.method} {request.url.path}")
        if self.silent:
            await self.closing.wait()
        if self.up is not None and len(self.asked) > self.up:
            self.down = 503
        if self.down is not None:
            raise HTTPException(status_code=self.down, detail="down", headers=dict(self.says))
        given = request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("private-token")
        if given != TOKEN:
            raise HTTPException(status_code=401, detail="Bad credentials")


def signed_by(token: str, delivery: str, body: bytes, *, at: int | None = None) -> dict[str, str]:
    """What GitLab adds to a webhook with a signing token, by the Standard Webhooks specification.

    Args:
        at: seconds since 1970; None: now.
    """
    seconds = int(time.time()) if at is None else at
    key = base64.b64decode(token.removeprefix("whsec_"))
    signature = hmac.new(key, f"{delivery}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {
        "Idempotency-Key": delivery,
        "webhook-id": delivery,
        "webhook-timestamp": str(seconds),
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _missing() -> HTTPException:
    return HTTPException(status_code=404, detail="Not Found")


def _github(host: Host) -> list[Any]:
    repo = f"/repos/{host.path}"

    @get(repo + "/pulls/{number:int}")
    async def pull(request: Request[Any, Any, Any], number: FromPath[int]) -> Json:
        await host.allow(request)
        found = host.pulls.get(number)
        if found is None:
            raise _missing()
        whose = None if found.gone else {"full_name": "stranger/shop" if found.fork else host.path}
        return {
            "number": number,
            "state": "open" if found.state == "open" else "closed",
            "merged": found.state == "merged",
            "merge_commit_sha": found.merge,
            "title": found.title,
            "html_url": f"https://github.example.com/{host.path}/pull/{number}",
            "user": {"login": "grace"},
            "base": {"ref": found.base, "repo": {"full_name": host.path}},
            "head": {"sha": found.head, "repo": whose},
        }

    @get(repo + "/git/trees/{sha:str}")
    async def tree(request: Request[Any, Any, Any], sha: FromPath[str]) -> Json:
        await host.allow(request)
        entries = [
            {
                "path": path,
                "mode": LINK if path in host.links else "100644",
                "type": "blob",
                "size": len(text),
                "sha": _id(text),
            }
            for path, text in host.commits[sha].items()
        ]
        return {"sha": sha, "tree": entries, "truncated": host.cut}

    @get(repo + "/git/blobs/{sha:str}")
    async def blob(request: Request[Any, Any, Any], sha: FromPath[str]) -> Response[bytes]:
        await host.allow(request)
        for files in host.commits.values():
            for text in files.values():
                if _id(text) == sha:
                    return Response(text.encode(), media_type="application/octet-stream")
        raise _missing()

    @post(repo + "/issues/{number:int}/comments")
    async def comment(request: Request[Any, Any, Any], number: FromPath[int]) -> Json:
        await host.allow(request)
        made = len(host.comments) + 1
        host.comments[made] = (await request.json())["body"]
        return {"id": made}

    @patch(repo + "/issues/comments/{comment:int}")
    async def edit(request: Request[Any, Any, Any], comment: FromPath[int]) -> Json:
        await host.allow(request)
        if comment not in host.comments:
            raise _missing()
        host.comments[comment] = (await request.json())["body"]
        return {"id": comment}

    @post(repo + "/statuses/{sha:str}")
    async def status(request: Request[Any, Any, Any], sha: FromPath[str]) -> Json:
        await host.allow(request)
        body = await request.json()
        if len(body["description"]) > 140:
            raise HTTPException(status_code=422, detail="description is too long (maximum is 140 characters)")
        host.statuses.append((sha, body["state"], body["description"]))
        return {"id": len(host.statuses)}

    return [pull, tree, blob, comment, edit, status]


def _gitlab(host: Host) -> list[Any]:
    project = "/projects/{project:str}"

    @get(project + "/merge_requests/{number:int}")
    async def pull(request: Request[Any, Any, Any], project: FromPath[str], number: FromPath[int]) -> Json:
        await host.allow(request)
        found = host.pulls.get(number)
        if found is None or project not in ("7", host.path.replace("/", "~")):
            raise _missing()
        return {
            "iid": number,
            "state": {"open": "opened"}.get(found.state, found.state),
            "merge_commit_sha": found.merge,
            "squash_commit_sha": None,
            "title": found.title,
            "web_url": f"https://gitlab.example.com/{host.path}/-/merge_requests/{number}",
            "author": {"username": "grace"},
            "target_branch": found.base,
            "sha": found.head,
            "source_project_id": 8 if found.fork else 7,
            "target_project_id": 7,
        }

    @get(project + "/repository/tree")
    async def tree(
        request: Request[Any, Any, Any],
        ref: FromQuery[str],
        page: FromQuery[int],
        per_page: FromQuery[int],
        path: FromQuery[str],
    ) -> Response[Any]:
        await host.allow(request)
        paths = [p for p in sorted(host.commits[ref]) if p.startswith(f"{path}/" if path else "")]
        part = paths[(page - 1) * host.page : page * host.page]
        entries = [{"path": p, "type": "blob", "mode": LINK if p in host.links else "100644"} for p in part]
        more = str(page + 1) if page * host.page < len(paths) else ""
        return Response(entries, headers={"X-Next-Page": more})

    @get(project + "/repository/files/{file:str}/raw")
    async def raw(request: Request[Any, Any, Any], file: FromPath[str], ref: FromQuery[str]) -> Response[bytes]:
        await host.allow(request)
        return Response(host.commits[ref][file.replace("~", "/")].encode(), media_type="text/plain")

    @post(project + "/merge_requests/{number:int}/notes")
    async def comment(request: Request[Any, Any, Any], number: FromPath[int]) -> Json:
        await host.allow(request)
        made = len(host.comments) + 1
        host.comments[made] = (await request.json())["body"]
        return {"id": made}

    @put(project + "/merge_requests/{number:int}/notes/{comment:int}")
    async def edit(request: Request[Any, Any, Any], comment: FromPath[int]) -> Json:
        await host.allow(request)
        if comment not in host.comments:
            raise _missing()
        host.comments[comment] = (await request.json())["body"]
        return {"id": comment}

    @post(project + "/statuses/{sha:str}")
    async def status(request: Request[Any, Any, Any], sha: FromPath[str]) -> Response[Json]:
        await host.allow(request)
        body = await request.json()
        answer, said = host.said.say(sha, body)
        if answer == 201:
            host.statuses.append((sha, {"failed": "failure"}.get(body["state"], body["state"]), body["description"]))
        return Response(said, status_code=answer)

    @get(project + "/repository/commits/{sha:str}/statuses")
    async def statuses(
        request: Request[Any, Any, Any], sha: FromPath[str], name: FromQuery[str | None] = None
    ) -> Response[Any]:
        await host.allow(request)
        answer, found = host.said.listing(sha, name)
        return Response(found, status_code=answer)

    return [pull, tree, raw, comment, edit, status, statuses]


class _Slashes(Litestar):
    """GitLab's paths hold encoded slashes, which a router must not see."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["path"] = scope["raw_path"].decode().partition("?")[0].replace("%2F", "~")
        await super().__call__(scope, receive, send)


@asynccontextmanager
async def git_host(system: Literal["github", "gitlab"]) -> AsyncIterator[Host]:
    """A host with one repository, on a free port."""
    host = Host(system)
    kind, routes = (Litestar, _github(host)) if system == "github" else (_Slashes, _gitlab(host))

    def instead(_: Request[Any, Any, Any]) -> Response[bytes] | None:
        return None if host.odd is None else Response(host.odd, media_type="application/json")

    app = kind(routes, logging_config=None, openapi_config=None, before_request=instead)
    stopping = asyncio.Event()
    sock = listen("127.0.0.1", 0)
    host.api = f"http://127.0.0.1:{sock.getsockname()[1]}"
    serving = asyncio.create_task(serve(app, sock, stopping))
    try:
        yield host
    finally:
        stopping.set()
        host.closing.set()
        await serving
