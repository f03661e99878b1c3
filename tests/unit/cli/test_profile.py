"""Which server the command line speaks to, and with which token."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.cli.remote.profile import Profile, ProfileError, find, forget, keep, normal, path_of

A, B = "https://a.example.com", "https://b.example.com"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who logged in at two servers, at b last."""
    environment = {"HOME": str(tmp_path)}
    keep(Profile(A, "pst_a"), environment)
    keep(Profile(B, "pst_b"), environment)
    return environment


def test_where_one_logged_in_last_is_the_current_server(home: dict[str, str]) -> None:
    assert find(None, home) == Profile(B, "pst_b")
    assert find("a.example.com", home) == Profile(A, "pst_a")
    assert find("https://other.example.com", home).token is None


def test_variables_beat_what_was_kept_and_an_option_beats_variables(home: dict[str, str]) -> None:
    ci = {**home, "PENSTOCK_SERVER": "https://ci.example.com", "PENSTOCK_TOKEN": "pst_ci"}
    assert find(None, ci) == Profile("https://ci.example.com", "pst_ci")
    assert find(A, ci).url == A


def test_forgetting_the_current_server_leaves_the_other(home: dict[str, str]) -> None:
    assert forget(B, home) and not forget(B, home)
    assert find(None, home).url == A


def test_what_is_kept_is_for_its_owner_alone(home: dict[str, str]) -> None:
    file = path_of(home)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in file.parent.iterdir()] == ["credentials.json"]
    assert "pst_" not in repr(find(None, home))


@pytest.mark.parametrize("written", ["", "{", "[]", '{"current": 3, "tokens": {}}', '{"current": null, "tokens": []}'])
def test_a_file_that_login_did_not_write_is_an_error_and_not_overwritten(written: str, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    file = path_of(environment)
    file.parent.mkdir(parents=True)
    file.write_text(written)
    with pytest.raises(ProfileError, match="cannot be read"):
        keep(Profile(A, "pst_a"), environment)
    assert file.read_text() == written


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("penstock.example.com", "https://penstock.example.com"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("https://x.example.com/penstock/api/v1/", "https://x.example.com/penstock"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_urls_are_made_normal(said: str, meant: str) -> None:
    assert normal(said) == meant


@pytest.mark.parametrize(
    "said", ["", "ftp://x", "https://", "http://user:pw@x", "https://x?y=1", "http://x:99999", "a b:c"]
)
def test_what_is_no_server_is_refused(said: str) -> None:
    with pytest.raises(ProfileError):
        normal(said)


@pytest.mark.parametrize(("url", "exposed"), [(A, False), ("http://127.0.0.1:8080", False), ("http://x.example", True)])
def test_a_token_in_clear_text_is_worth_a_warning(url: str, exposed: bool) -> None:
    assert Profile(url, "t").exposed is exposed
