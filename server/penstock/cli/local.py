"""Runs what operators' commands do on this machine; what they can mend is one line, not a traceback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import asyncpg
import rich_click as click
from sqlalchemy.exc import DBAPIError

from penstock.domain.errors import PenstockError
from penstock.embedded import EmbeddedPostgresError

T = TypeVar("T")

_NOT_REACHED: Final = (ConnectionError, TimeoutError, socket.gaierror)


def run(work: Coroutine[Any, Any, T]) -> T:
    """What the work answers. Raises `click.ClickException` for what an operator can mend."""
    try:
        return asyncio.run(work)
    except (EmbeddedPostgresError, PenstockError) as error:
        raise click.ClickException(str(error)) from error
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise click.ClickException(_refused(_said(error))) from error
    except OSError as error:
        # Several addresses that nobody listens on are one error without a number; what files raise has one.
        away = isinstance(error, _NOT_REACHED) or error.errno is None
        raise click.ClickException(_refused(str(error)) if away else str(error)) from error


def _said(error: Exception) -> str:
    """What the server said, without what the layers above add to it."""
    below = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(below, "__cause__", None) or below)


def _refused(reason: str) -> str:
    return f"The metadata database does not let us in: {reason.rstrip('.')}. See PENSTOCK_DATABASE_URL."
