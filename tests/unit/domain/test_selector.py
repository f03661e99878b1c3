"""Label selectors: what they choose, how they are written, and what is said of a mistake."""

from __future__ import annotations

import pytest

from penstock.domain import selector
from penstock.domain.errors import ValidationFailed

GOLD = {"env": "prod", "tier": "gold", "region": ""}


@pytest.mark.parametrize(
    ("text", "chooses"),
    [
        ("env=prod", True),
        ("env==prod", True),
        ("env = prod , tier = gold", True),
        ("env=dev", False),
        ("env!=dev", True),
        ("env!=prod", False),
        ("owner!=ana", True),  # also where the label is missing, as in Kubernetes
        ("owner notin (ana,bo)", True),
        ("tier in (gold,silver)", True),
        ("tier in (silver, bronze)", False),
        ("tier notin (gold)", False),
        ("env", True),
        ("owner", False),
        ("!owner", True),
        ("!env", False),
        ("env=prod,tier in (gold,silver),!owner", True),
        ("env=prod,tier in (silver),!owner", False),
        ("region=", True),
        ("tier=", False),
        ('env="prod"', True),
        ('"in" in (x)', False),
    ],
)
def test_what_a_selector_chooses(text: str, chooses: bool) -> None:
    assert selector.parse(text).matches(GOLD) is chooses


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (" env == prod ,tier  in ( a , b ), ! x ", "env=prod,tier in (a,b),!x"),
        ("a in (b)", "a=b"),
        ("a notin (b)", "a!=b"),
        ("a in (b,b,c)", "a in (b,c)"),
        ("a=1,a=1", "a=1"),
        ('team="data platform"', 'team="data platform"'),
        ('say="\\"hi\\""', 'say="\\"hi\\""'),
        ("region=", 'region=""'),
        ('"notin" notin (in)', '"notin"!=in'),
    ],
)
def test_there_is_one_way_to_write_it(text: str, written: str) -> None:
    found = selector.parse(text)
    assert str(found) == written
    assert selector.parse(written) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Character 1: expected the name of a label, found the end."),
        ("  ", "Character 3: expected the name of a label, found the end."),
        ("env=prod,", "Character 10: expected the name of a label, found the end."),
        ("=prod", "Character 1: expected the name of a label, found “=”."),
        ("env prod", "Character 5: expected a comma, found “prod”."),
        ("env in prod", "Character 8: expected an opening bracket, found “prod”."),
        ("env in (a", "Character 10: expected a comma or a closing bracket, found the end."),
        ("env in (a b)", "Character 11: expected a comma or a closing bracket, found “b”."),
        ('env="prod', "Character 5: expected a closing double quote, found the end."),
        ("!!env", "Character 2: expected the name of a label, found “!”."),
        ('""=x', "Character 1: expected the name of a label, found “”."),
    ],
)
def test_a_mistake_says_where_and_what_was_expected(text: str, says: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        selector.parse(text, "targets.group")
    [error] = caught.value.errors
    assert (error.field, error.code) == ("targets.group", "bad_selector")
    assert error.message.startswith(says)
