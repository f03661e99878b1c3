"""Serves the built user interface: its page for every address that is not the API's, its hashed files for
good."""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from litestar import HttpMethod, Request, Response, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from penstock.domain.errors import NotFound
from penstock.web.guards import PUBLIC, needs

_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_COMPRESSED: Final = ("text/", "application/json", "application/javascript", "image/svg")


@dataclass(slots=True)
class Page:
    """One file of the interface, in memory.

    Args:
        headers: how long it may be kept, and what it may load.
    """

    body: bytes
    media_type: str
    headers: Mapping[str, str]
    etag: str = ""
    _small: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.etag = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    def compressed(self) -> bytes | None:
        """The file in gzip, made once; None when that would gain nothing."""
        if self._small is None and self.media_type.startswith(_COMPRESSED):
            self._small = gzip.compress(self.body, mtime=0)
        return self._small


def spa(dist: Path) -> HTTPRouteHandler:
    """The route of a built interface.

    Args:
        dist: what the frontend's build wrote; read once, now.
    """
    pages = _load(dist)

    @route(
        ["/", "/{path:path}"],
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        include_in_schema=False,
        opt=needs(PUBLIC),
        sync_to_thread=False,
    )
    def page(request: Request[Any, Any, Any], path: FromPath[str] = "/") -> Response[bytes]:
        name = path.strip("/")
        if name.startswith("assets/") and name not in pages:
            raise NotFound(f"There is no file {name}.")
        found = pages.get(name, pages["index.html"])
        headers = {**found.headers, "ETag": found.etag, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(b"", status_code=304, headers=headers)
        body, small = found.body, found.compressed()
        if small is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body = small
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=found.media_type, headers=headers)

    return page


def _load(dist: Path) -> dict[str, Page]:
    pages: dict[str, Page] = {}
    for file in sorted(dist.rglob("*")):
        if not file.is_file():
            continue
        name = file.relative_to(dist).as_posix()
        body = file.read_bytes()
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        immutable = name.startswith("assets/")  # the build puts a hash into these names
        headers = {"Cache-Control": "public, max-age=31536000, immutable" if immutable else "no-cache"}
        if name.endswith(".html"):
            headers["Content-Security-Policy"] = content_security_policy(body)
        pages[name] = Page(body, media_type, headers)
    return pages


def content_security_policy(html: bytes) -> str:
    """A policy under which a page loads only our own files and the inline scripts that it was built with."""
    digests = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _SCRIPT.findall(html))
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
