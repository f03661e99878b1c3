"""What an operator or a test may set about the web layer."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.web.stream import StreamPolicy


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of the web layer.

    Args:
        secure_cookies: session cookies for https alone; None decides by the request's own scheme.
        stream: heartbeat and re-check of live streams.
    """

    secure_cookies: bool | None = None
    stream: StreamPolicy = field(default_factory=StreamPolicy)
