"""What happened: events as pages and as a live stream, and the audit log."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.domain.errors import BadRequest
from penstock.services.container import Services
from penstock.web.auth import Credential
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import present
from penstock.web.schemas.catalog import AuditOut, AuditVerification, EventOut, EventPage
from penstock.web.schemas.common import Page
from penstock.web.stream import EventStream

_TAGS: Final = ["events"]

_MAX_POSITION: Final = 2**63 - 1
Position = Annotated[int, QueryParameter(ge=0, le=_MAX_POSITION, description="Events after this position.")]


@get("/events", opt=needs("event.read"), tags=_TAGS)
async def list_events(
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    after: Position = 0,
    project: FromQuery[str | None] = None,
    types: FromQuery[str | None] = None,
    page_size: PageSize = 50,
) -> EventPage:
    """Events that the caller may see, oldest first; ``types`` is a list with commas.

    Go on from ``next_after``.
    """
    wanted = [word for word in (types or "").split(",") if word]
    found, next_after = await services.events.page(caller, after=after, limit=page_size, project=project, types=wanted)
    return EventPage(items=[present(EventOut, record) for record in found], next_after=next_after)


@get("/events/stream", opt=needs("event.read"), tags=_TAGS, media_type="text/event-stream")
async def stream_events(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
    credential: NamedDependency[Credential],
    after: Annotated[int | None, QueryParameter(ge=0, le=_MAX_POSITION)] = None,
) -> Stream:
    """The same as Server-Sent Events; ``Last-Event-ID`` or ``after`` resumes, neither begins with the next
    event."""
    state = request.app.state
    events = EventStream(
        services,
        caller,
        credential,
        after=_last_event_id(request, after),
        stopping=state.stopping,
        policy=state.web.stream,
    )
    return Stream(
        aiter(events),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@get("/audit", opt=needs("audit.read"), tags=_TAGS)
async def list_audit(
    services: NamedDependency[Services],
    actor: Annotated[int | None, QueryParameter(ge=1, le=_MAX_POSITION)] = None,
    action: FromQuery[str | None] = None,
    resource: FromQuery[str | None] = None,
    since: Annotated[dt.datetime | None, QueryParameter(name="from", description="Entries from this time on.")] = None,
    until: Annotated[dt.datetime | None, QueryParameter(name="to", description="Entries before this time.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[AuditOut]:
    """The audit log, newest first; times are RFC 3339 with an offset."""
    for name, at in (("from", since), ("to", until)):
        if at is not None and at.tzinfo is None:
            raise BadRequest(f"{name} needs an offset, for example 2026-11-21T06:00:00Z.")
    found = await services.audit.page(
        cut(page_size, page_token), actor_id=actor, action=action, resource=resource, since=since, until=until
    )
    return page_of(AuditOut, found)


@get("/audit/verify", opt=needs("audit.read"), tags=_TAGS)
async def verify_audit(services: NamedDependency[Services]) -> AuditVerification:
    """Whether the audit log is what was written: every seal is computed again."""
    return present(AuditVerification, await services.audit.verify())


def _last_event_id(request: Request[Any, Any, Any], after: int | None) -> int | None:
    header = request.headers.get("last-event-id")
    if header is None or header == "":
        return after
    if not (header.isascii() and header.isdigit() and int(header) <= _MAX_POSITION):
        raise BadRequest("Last-Event-ID is a position, as an event's id gave it.")
    return int(header)


EVENT_ROUTES: Final[list[ControllerRouterHandler]] = [list_events, stream_events, list_audit, verify_audit]
