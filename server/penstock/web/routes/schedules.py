"""Schedules of syncs."""

from __future__ import annotations

from typing import Final

from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from penstock.domain.access.decide import Principal
from penstock.services.container import Services
from penstock.web.guards import needs
from penstock.web.paging import PageSize, PageToken, cut, page_of
from penstock.web.present import changes, present
from penstock.web.schemas.catalog import NewSchedule, PatchSchedule, ScheduleOut, SlotOut
from penstock.web.schemas.common import Page

_TAGS: Final = ["schedules"]


@get("/schedules", opt=needs("instance.read"), tags=_TAGS)
async def list_schedules(
    services: NamedDependency[Services], page_size: PageSize = 50, page_token: PageToken = None
) -> Page[ScheduleOut]:
    """Schedules, oldest first."""
    return page_of(ScheduleOut, await services.schedules.listing(cut(page_size, page_token)))


@post("/schedules", opt=needs("schedule.edit", idempotent=True), tags=_TAGS)
async def create_schedule(
    data: JSONBody[NewSchedule], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> ScheduleOut:
    """Add a schedule; an instance has at most one of a kind."""
    record = await services.schedules.create(
        caller,
        instance=data.instance,
        kind=data.kind,
        cron=data.cron,
        time_zone=data.time_zone,
        jitter_seconds=data.jitter_seconds,
        enabled=data.enabled,
    )
    return present(ScheduleOut, record)


@get("/schedules/{schedule_id:int}", opt=needs("instance.read"), tags=_TAGS)
async def get_schedule(schedule_id: FromPath[int], services: NamedDependency[Services]) -> ScheduleOut:
    """One schedule."""
    return present(ScheduleOut, await services.schedules.get(schedule_id))


@get("/schedules/{schedule_id:int}/slots", opt=needs("instance.read"), tags=_TAGS)
async def list_slots(
    schedule_id: FromPath[int],
    services: NamedDependency[Services],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Page[SlotOut]:
    """The slots that a schedule came to, the newest first; of 30 days, and the last 20 however old they are."""
    return page_of(SlotOut, await services.schedules.slots(schedule_id, cut(page_size, page_token)))


@patch("/schedules/{schedule_id:int}", opt=needs("schedule.edit"), tags=_TAGS)
async def update_schedule(
    schedule_id: FromPath[int],
    data: JSONBody[PatchSchedule],
    services: NamedDependency[Services],
    caller: NamedDependency[Principal],
) -> ScheduleOut:
    """Change when a schedule fires, or switch it on or off."""
    return present(ScheduleOut, await services.schedules.update(caller, schedule_id, changes(data)))


@delete("/schedules/{schedule_id:int}", opt=needs("schedule.edit"), tags=_TAGS)
async def delete_schedule(
    schedule_id: FromPath[int], services: NamedDependency[Services], caller: NamedDependency[Principal]
) -> None:
    """Remove a schedule; the pipelines that it filed stay."""
    await services.schedules.delete(caller, schedule_id)


SCHEDULE_ROUTES: Final[list[ControllerRouterHandler]] = [
    list_schedules,
    create_schedule,
    get_schedule,
    list_slots,
    update_schedule,
    delete_schedule,
]
