"""Settings come from the environment, and mistakes in them are named all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.settings import Settings, SettingsError, describe


def test_defaults_need_no_environment() -> None:
    settings = Settings.from_environment({})

    assert settings.database_url is None
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.lease_seconds == 30
    assert settings.max_statement_bytes == 10 * 1024 * 1024


def test_values_are_read_as_what_they_are() -> None:
    settings = Settings.from_environment(
        {
            "PENSTOCK_PORT": " 8443 ",
            "PENSTOCK_SECURE_COOKIES": "true",
            "PENSTOCK_DATA_DIR": "/srv/penstock",
            "PENSTOCK_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "PENSTOCK_SESSION_HOURS": "1.5",
        }
    )

    assert settings.port == 8443
    assert settings.secure_cookies is True
    assert settings.data_dir == Path("/srv/penstock")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.session_hours == 1.5


def test_an_empty_variable_is_not_set() -> None:
    assert Settings.from_environment({"PENSTOCK_PORT": ""}).port == 8080


def test_the_command_line_wins_over_the_environment() -> None:
    environment = {"PENSTOCK_PORT": "1000", "PENSTOCK_HOST": "::1"}

    settings = Settings.from_environment(environment, port=2000, host=None)

    assert (settings.port, settings.host) == (2000, "::1")


def test_every_mistake_is_named() -> None:
    environment = {"PENSTOCK_PORT": "eighty", "PENSTOCK_LOG_FORMAT": "xml"}

    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environment)

    message = str(caught.value)
    assert all(name in message for name in environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PENSTOCK_PORT", "65536"),
        ("PENSTOCK_PORT", "-1"),
        ("PENSTOCK_RUNNER_CONCURRENCY", "0"),
        ("PENSTOCK_MAX_STATEMENT_BYTES", "10"),
        ("PENSTOCK_TRUSTED_PROXIES", "everyone"),
        ("PENSTOCK_SECURE_COOKIES", "perhaps"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})


def test_one_late_heartbeat_must_not_cost_the_lease() -> None:
    with pytest.raises(SettingsError, match="three times"):
        Settings(lease_seconds=10, heartbeat_seconds=5)


def test_secrets_stay_out_of_the_representation() -> None:
    shown = repr(Settings(admin_password="hunter2", database_url="postgresql://u:hunter2@db/penstock"))

    assert "hunter2" not in shown


def test_every_setting_says_what_it_is_for() -> None:
    assert all(name.startswith("PENSTOCK_") and meaning.endswith(".") for name, _, meaning in describe())
