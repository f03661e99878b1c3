"""Metrics of HTTP itself; what the services and the runtime count is theirs.  All are read from one
registry."""

from __future__ import annotations

from prometheus_client import Histogram

REQUEST_SECONDS = Histogram(
    "penstock_http_request_seconds",
    "Time from a request's arrival to the end of its answer; streams are not counted.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one request.

    Args:
        route: the route's template, never the path itself: its values would make endless series.
    """
    known = method if method in _METHODS else "other"
    REQUEST_SECONDS.labels(known, route or "unmatched", str(status)).observe(seconds)
