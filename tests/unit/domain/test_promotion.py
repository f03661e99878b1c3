"""Where a release may move, decided from who has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import PenstockError
from penstock.domain.pipeline.promotion import NotApplied, Place, Route, Wish, route, some

NAMES = ("dev", "test", "staging", "prod")
HAS, LACKS, NOBODY = "has", "lacks", "nobody"


def places(*states: str) -> list[Place]:
    """One environment after the other; with a database that has the release, is to get it, or neither."""
    return [
        Place(
            n,
            NAMES[n],
            n * 10,
            {n: f"pg/{NAMES[n]}"} if state == HAS else {},
            {n: f"pg/{NAMES[n]}"} if state == LACKS else {},
        )
        for n, state in enumerate(states)
    ]


def refusal(found: list[Place], wish: Wish, empty: list[tuple[int, str]] | None = None) -> str:
    with pytest.raises(PenstockError) as raised:
        route(found, wish, empty or ())
    return raised.value.code


def went(found: Route) -> tuple[str, str]:
    return found.source.slug, found.target.slug


def test_it_goes_on_from_the_highest_that_has_it() -> None:
    assert went(route(places(HAS, NOBODY, NOBODY), Wish())) == ("dev", "test")
    assert went(route(places(HAS, HAS, NOBODY), Wish())) == ("test", "staging")
    assert went(route(places(HAS, HAS, NOBODY), Wish(source="dev"))) == ("dev", "test")


def test_it_comes_from_just_below_what_is_named() -> None:
    assert went(route(places(HAS, HAS, NOBODY), Wish(target="test"))) == ("dev", "test")
    assert went(route(places(HAS, HAS, HAS), Wish(target="staging"))) == ("test", "staging")


def test_no_environment_is_skipped() -> None:
    assert refusal(places(HAS, NOBODY, NOBODY), Wish(target="staging")) == "environment_skipped"
    assert refusal(places(HAS, NOBODY, NOBODY), Wish(source="dev", target="staging")) == "environment_skipped"
    # Not skipped, only not done yet.
    assert refusal(places(HAS, LACKS, NOBODY), Wish(target="staging")) == "not_applied"


def test_it_only_goes_upwards() -> None:
    assert refusal(places(HAS, HAS), Wish(source="test", target="dev")) == "not_forward"
    assert refusal(places(HAS, HAS), Wish(source="dev", target="dev")) == "not_forward"
    assert refusal(places(HAS, HAS), Wish()) == "no_next_environment"


def test_an_environment_without_databases_is_only_passed_over_by_name() -> None:
    two = [places(HAS)[0], Place(2, "prod", 20)]
    assert refusal(two, Wish(), [(10, "staging")]) == "empty_environment"
    assert went(route(two, Wish(target="prod"), [(10, "staging")])) == ("dev", "prod")
    assert went(route(two, Wish(), [(30, "beyond")])) == ("dev", "prod")
    assert refusal(places(HAS), Wish(), [(10, "staging")]) == "empty_environment"


def test_what_is_not_done_does_not_move() -> None:
    assert refusal(places(NOBODY, NOBODY), Wish()) == "not_applied"
    assert refusal(places(NOBODY, NOBODY), Wish(source="dev")) == "not_applied"
    assert refusal(places(NOBODY, NOBODY), Wish(target="test")) == "not_applied"
    half = Place(0, "dev", 0, {1: "pg/a"}, {2: "pg/b"})
    after = Place(1, "test", 10)
    with pytest.raises(NotApplied, match="pg/b"):
        route([half, after], Wish())


def test_one_database_may_go_on_alone_when_it_is_named() -> None:
    half = Place(0, "dev", 0, {1: "pg/a"}, {2: "pg/b"})
    found = route([half, Place(1, "test", 10)], Wish(source="dev", databases=frozenset({1})))
    assert (went(found), found.sources) == (("dev", "test"), {1: "pg/a"})
    assert refusal([half, Place(1, "test", 10)], Wish(source="dev", databases=frozenset({2}))) == "not_applied"


@given(st.lists(st.sampled_from([HAS, LACKS, NOBODY]), min_size=1, max_size=4), st.data())
def test_a_route_is_always_one_step_up_from_where_it_is_done(states: list[str], data: st.DataObject) -> None:
    found = places(*states)
    slugs = st.none() | st.sampled_from([place.slug for place in found])
    wish = Wish(source=data.draw(slugs), target=data.draw(slugs))
    try:
        answer = route(found, wish)
    except PenstockError as error:
        assert error.status in (409, 422)
        return
    order = [place.slug for place in found]
    assert order.index(answer.target.slug) == order.index(answer.source.slug) + 1
    assert answer.sources == answer.source.holders != {}
    assert not answer.source.lacking
    assert wish.target in (None, answer.target.slug)


def test_many_names_are_a_few_and_a_number() -> None:
    assert some(["b", "a"]) == "a, b"
    assert some(str(n) for n in range(7)) == "0, 1, 2, 3, 4 and 2 more"
