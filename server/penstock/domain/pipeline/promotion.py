"""Where a release may move: from the environment that has it to the next one, never past one.

Pure: the services look up who has a release, this decides.  What a promotion moves is the release; credentials,
instances, tiers and schedules stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.domain.errors import Conflict, FieldError, ValidationFailed

NAMED = 5  # databases that a message names


class NotApplied(Conflict):
    """The release is not applied where it is to come from."""

    code = "not_applied"


class AlreadyPlanned(Conflict):
    """An open issue moves this release to one of these databases already."""

    code = "already_planned"


@dataclass(frozen=True, slots=True)
class Place:
    """An environment in which the project has databases.

    Args:
        holders: databases there that have the release, by id.
        lacking: databases there that an open issue means it for, and that do not have it yet, by id.
    """

    id: int
    slug: str
    position: int
    holders: Mapping[int, str] = field(default_factory=dict)
    lacking: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for, as far as it names places.

    Args:
        source: the environment that the release is to come from.
        databases: those of the source that were named, or empty: any that has it.
        target: the environment that it is to go to.
    """

    source: str | None = None
    databases: frozenset[int] = frozenset()
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where a release moves.

    Args:
        sources: databases of the source that have it.
    """

    source: Place
    target: Place
    sources: Mapping[int, str]


def route(places: Sequence[Place], wish: Wish, empty: Sequence[tuple[int, str]] = ()) -> Route:
    """Decide from where to where.

    Without a source it comes from the environment just below the target, or else from the highest that has it.  Without
    a target it goes to the next environment.

    Args:
        places: all in which the project has databases, in order.
        empty: position and slug of the environments in which it has none.

    Raises:
        ValidationFailed: there is no next environment, or one would be skipped.
        NotApplied: the source does not have it, or not on every database that it is meant for.
    """
    by_slug = {place.slug: place for place in places}
    target = by_slug[wish.target] if wish.target is not None else None
    source = _source(places, wish, target)
    if target is None:
        target = _next(places, source, empty)
    below = [place for place in places if place.position < target.position]
    if target.position <= source.position:
        raise _refusal("not_forward", f"{target.slug} is not above {source.slug}: a release is only promoted upwards.")
    if below and below[-1].id != source.id:
        if not below[-1].holders and not below[-1].lacking:
            message = (
                f"{below[-1].slug} comes before {target.slug} and does not have this release: promote it there first."
            )
            raise _refusal("environment_skipped", message)
        source = below[-1]
    return Route(source, target, _applied(source, wish))


def _source(places: Sequence[Place], wish: Wish, target: Place | None) -> Place:
    if wish.source is not None:
        return next(place for place in places if place.slug == wish.source)
    having = [place for place in places if place.holders]
    if target is not None and not having:
        below = [place for place in places if place.position < target.position]
        if below:
            return below[-1]
    if target is not None:
        # What is above the target already is no source for it.
        having = [place for place in having if place.position < target.position] or having
    if not having:
        raise NotApplied("No database of the project has this release: apply it in its first environment first.")
    return having[-1]


def _next(places: Sequence[Place], source: Place, empty: Sequence[tuple[int, str]]) -> Place:
    above = [place for place in places if place.position > source.position]
    between = [
        slug for position, slug in empty if position > source.position and (not above or position < above[0].position)
    ]
    if between:
        hint = f", or name {above[0].slug} as the target" if above else ""
        message = (
            f"The project has no database in {between[0]}, which comes after {source.slug}: assign one to it{hint}."
        )
        raise _refusal("empty_environment", message)
    if not above:
        raise _refusal(
            "no_next_environment", f"No environment comes after {source.slug}: the release is as far as it goes."
        )
    return above[0]


def _applied(source: Place, wish: Wish) -> Mapping[int, str]:
    """The databases of the source that have the release.

    Raises:
        NotApplied: none, not those that were named, or not all that an open issue means it for.
    """
    if wish.databases and wish.source == source.slug:
        named = {number: name for number, name in source.holders.items() if number in wish.databases}
        if len(named) < len(wish.databases):
            raise NotApplied(f"The database named as the source in {source.slug} does not have this release.")
        return named
    if not source.holders:
        raise NotApplied(f"No database in {source.slug} has this release yet: apply it there first.")
    if source.lacking:
        raise NotApplied(
            f"An open issue is still to apply this release in {source.slug} on {some(source.lacking.values())}:"
            " see it through, or cancel it."
        )
    return source.holders


def some(names: Iterable[str]) -> str:
    """A few of many names."""
    listed = sorted(names)
    more = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _refusal(code: str, message: str) -> ValidationFailed:
    return ValidationFailed(errors=[FieldError("targets", message, code)], code=code)
