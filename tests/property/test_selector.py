"""Label selectors of every shape: writing and reading them again changes nothing, and no text breaks the reader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain import selector
from penstock.domain.errors import ValidationFailed
from penstock.domain.selector import Requirement, Selector

WORDS = st.sampled_from(["env", "tier", "in", "notin", "a b", 'q"uote', "back\\slash", "x,y", "(z)", "=", "!", "ü"])
VALUES = WORDS | st.just("")
LISTS = st.lists(VALUES, min_size=1, max_size=4, unique=True).map(tuple)
REQUIREMENTS = st.builds(Requirement, WORDS, st.sampled_from(["exists", "absent"])) | st.builds(
    Requirement, WORDS, st.sampled_from(["in", "notin"]), LISTS
)
SELECTORS = st.lists(REQUIREMENTS, min_size=1, max_size=5, unique=True).map(lambda found: Selector(tuple(found)))
LABELS = st.dictionaries(WORDS, VALUES, max_size=5)


@given(SELECTORS)
def test_what_is_written_is_read_again(found: Selector) -> None:
    assert selector.parse(str(found)) == found


@given(SELECTORS, LABELS)
def test_a_selector_is_the_conjunction_of_its_requirements(found: Selector, labels: dict[str, str]) -> None:
    alone = [selector.parse(str(r)).matches(labels) for r in found.requirements]
    assert found.matches(labels) is all(alone)


@given(WORDS, LISTS, LABELS)
def test_in_and_notin_are_opposites(key: str, values: tuple[str, ...], labels: dict[str, str]) -> None:
    inside, outside = Requirement(key, "in", values), Requirement(key, "notin", values)
    assert inside.matches(labels) is not outside.matches(labels)
    assert inside.matches(labels) is (labels.get(key) in values)


@given(st.text(alphabet='abin ot,()=!"\\', max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = selector.parse(text)
    except ValidationFailed as error:
        assert error.code == "bad_selector"
    else:
        assert selector.parse(str(found)) == found
