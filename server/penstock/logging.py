"""Configures structlog once per process; everything logged, also by libraries, takes the same way out.

Secrets are taken out here as the last line of defence. Code does not log them in the first place.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_KEY = re.compile(r"(^|[_\-. ])(password|passwd|secret|token|dsn|authorization|cookie)s?($|[_\-. ])", re.I)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s@]+@")
_OWN_TOKEN = re.compile(r"\bpst_[A-Za-z0-9_\-]+")


def configure(
    *,
    format: Literal["auto", "console", "json"] = "auto",
    level: str = "info",
    stream: TextIO = sys.stderr,
) -> None:
    """Send all log lines of this process to a stream.

    Args:
        format: ``console`` for people, ``json`` for machines, ``auto`` to look at the stream.
        level: the least severe that is shown.
        stream: where lines go.
    """
    for_people = format == "console" or (format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(for_people, colours=stream.isatty() and not os.environ.get("NO_COLOR")),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries that say at "info" what is our business to say.
    for name in ("alembic", "uvicorn.error", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what must not be logged: values under telling keys, passwords inside URLs, our own tokens."""
    return {key: _clean(value) for key, value in event.items() if not _is_secret(key)}


def _is_secret(key: object) -> bool:
    # "token_id" names a token, it is not one.
    return isinstance(key, str) and bool(_SECRET_KEY.search(key)) and not key.lower().endswith("_id")


def _clean(value: object) -> object:
    if isinstance(value, str):
        return _OWN_TOKEN.sub("pst_***", _URL_PASSWORD.sub(r"\1:***@", value))
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items() if not _is_secret(key)}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def _renderers(for_people: bool, *, colours: bool) -> list[Processor]:
    # Tracebacks without local variables: those hold passwords.
    if for_people:
        console = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
        return [redact, console]
    return [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer(default=str)]
