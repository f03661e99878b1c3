"""Speaks to a Penstock server: JSON in, JSON out, problems as exceptions, an exit code for each."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from penstock import __version__
from penstock.cli.remote.profile import Profile

Json = dict[str, Any]

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
BLOCKED: Final = 3
UNAUTHENTICATED: Final = 4

_TIMEOUT: Final = httpx2.Timeout(30.0, connect=10.0)
_TRIES: Final = 4
_BUSY: Final = (429, 502, 503, 504)
_PASSING: Final = ("unreachable", "unavailable", "rate_limited")
_LONGEST_PAUSE: Final = 30.0


class RemoteError(Exception):
    """The server said no, or nothing.

    Args:
        problem: the problem document (RFC 9457), or what stands for it.
        exit_code: what the command ends with.
    """

    def __init__(self, problem: Json, exit_code: int = FAILED) -> None:
        self.problem = problem
        self.exit_code = exit_code
        super().__init__(str(problem.get("detail") or problem.get("title") or "The server said no."))

    @property
    def passing(self) -> bool:
        """Whether the same may succeed later: the server, or what stands before it, restarts or has much to do."""
        return self.problem.get("code") in _PASSING or self.problem.get("status") in _BUSY


class Remote:
    """One server, as one person or service account.

    Args:
        transport: instead of the network, for a server in this process.
        pause: waits between tries, seconds.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        transport: httpx2.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"User-Agent": f"penstock-cli/{__version__}", "Accept": "application/json"}
        if profile.token:
            headers["Authorization"] = f"Bearer {profile.token}"
        self.profile = profile
        self._pause = pause
        self._http = httpx2.Client(
            base_url=f"{profile.url}/api/v1", headers=headers, timeout=_TIMEOUT, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Json:
        """Read one resource. Raises `RemoteError`."""
        return self._call("GET", path, params=_said(params))

    def items(self, path: str, *, limit: int | None = None, **params: Any) -> Iterator[Json]:
        """What a list holds, page by page, at most ``limit``. Raises `RemoteError`."""
        size = 200 if limit is None else max(1, min(limit, 200))
        token, left = None, limit
        while left is None or left > 0:
            page = self.get(path, page_size=size, page_token=token, **params)
            found = page["items"] if left is None else page["items"][:left]
            yield from found
            left = None if left is None else left - len(found)
            token = page["next_page_token"]
            if token is None:
                return

    def create(self, path: str, body: Any, *, key: str | None = None, **params: Any) -> Json:
        """Create something once, also when an answer is lost: the try is repeated under the same ``Idempotency-Key``.

        Args:
            key: of the caller's own, so that a CI job that runs twice creates once.

        Raises:
            RemoteError: the server said no, or cannot be reached.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return self._call("POST", path, body=body, headers=headers, params=_said(params))

    def post(self, path: str, body: Any = None) -> Json:
        """Do something. Raises `RemoteError`, also when nobody knows whether it was done."""
        return self._call("POST", path, body=body)

    def put(self, path: str, body: Any) -> Json:
        """Replace something. Raises `RemoteError`."""
        return self._call("PUT", path, body=body)

    def patch(self, path: str, body: Any) -> Json:
        """Change something. Raises `RemoteError`."""
        return self._call("PATCH", path, body=body)

    def delete(self, path: str) -> None:
        """Remove something. Raises `RemoteError`."""
        self._call("DELETE", path)

    def stream(self, path: str, *, after: int | None, silence: float = 45.0) -> Iterator[tuple[str, str, Json]]:
        """Server-Sent Events until the server ends them or the line goes quiet: (id, name, data) each.

        Args:
            after: resume after this id.
            silence: seconds without even a heartbeat after which the line counts as dead.

        Raises:
            RemoteError: it could not begin. What ends it later just ends it: ask for the rest again.
        """
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        timeout = httpx2.Timeout(silence, connect=10.0)
        try:
            with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise _refusal(response)
                if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    raise _stranger(response)
                for event in httpx2.EventSource(response):
                    yield event.id, event.event, _event(event.data, response)
        except httpx2.ConnectError as error:
            raise _unreachable(self.profile, error) from error
        except httpx2.TransportError:
            return  # cut off in the middle: the caller resumes

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Json:
        repeatable = method in ("GET", "PUT", "DELETE") or "Idempotency-Key" in (headers or {})
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES or not repeatable
            try:
                response = self._http.request(method, path, json=body, headers=headers, params=params)
            except httpx2.TransportError as error:
                if attempt == _TRIES or not (repeatable or isinstance(error, httpx2.ConnectError)):
                    raise _unreachable(self.profile, error) from error
                self._pause(0.5 * 2**attempt)
                continue
            except httpx2.InvalidURL as error:
                raise RemoteError({"detail": f"{path!r} cannot be asked for: {error}"}, USAGE) from error
            if response.status_code in _BUSY and not last:
                self._pause(_retry_after(response) or 0.5 * 2**attempt)
                continue
            return _body(response)
        raise AssertionError("unreachable")


def _said(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _body(response: httpx2.Response) -> Json:
    if not response.is_success:  # a redirect, too: whoever sends us elsewhere has done nothing
        raise _refusal(response)
    if not response.content:
        return {}
    try:
        body = response.json()
    except ValueError as error:
        raise _stranger(response) from error
    if not isinstance(body, dict):
        raise _stranger(response)
    return body


def _event(data: str, response: httpx2.Response) -> Json:
    try:
        found = json.loads(data or "{}")
    except ValueError as error:
        raise _stranger(response) from error
    if not isinstance(found, dict):
        raise _stranger(response)
    return found


def _refusal(response: httpx2.Response) -> RemoteError:
    try:
        problem = response.json()
        if not isinstance(problem, dict) or "code" not in problem:
            raise ValueError
    except ValueError:
        return _stranger(response)
    codes = {"blocked": BLOCKED, "unauthenticated": UNAUTHENTICATED}
    return RemoteError(problem, codes.get(str(problem["code"]), FAILED))


def _stranger(response: httpx2.Response) -> RemoteError:
    detail = f"{response.url.copy_with(query=None)} answered {response.status_code}, and not as a Penstock server does."
    return RemoteError({"detail": detail, "code": "not_penstock", "status": response.status_code})


def _unreachable(profile: Profile, error: Exception) -> RemoteError:
    reason = str(error) or type(error).__name__
    return RemoteError({"detail": f"{profile.url} cannot be reached: {reason}", "code": "unreachable"})


def _retry_after(response: httpx2.Response) -> float | None:
    said = response.headers.get("Retry-After", "")
    return min(float(said), _LONGEST_PAUSE) if said.isascii() and said.isdigit() else None
