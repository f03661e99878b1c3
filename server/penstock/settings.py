"""What an operator may set, read once from ``PENSTOCK_*`` environment variables and handed down by bootstrap.

Nothing below bootstrap reads the environment. Rules that people decide in the product (tiers, windows, roles)
are no settings; they live in the metadata database.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

PREFIX = "PENSTOCK_"


class SettingsError(ValueError):
    """One or more ``PENSTOCK_*`` variables are not valid; the message names each."""


def default_data_dir() -> Path:
    """Answer ``var/`` of a checkout, else the place where this kind of account keeps its data.

    Root does not use a checkout below a closed directory: the embedded PostgreSQL runs as another account,
    which could not reach it.
    """
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "scripts" / "serve").exists():
        if os.geteuid() or all(parent.stat().st_mode & 0o001 for parent in (checkout, *checkout.parents)):
            return checkout / "var"
    elif os.geteuid():
        home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        return Path(home).expanduser() / "penstock"
    return Path("/var/lib/penstock")


def _said(description: str, **limits: Any) -> Meta:
    return Meta(description=description, **limits)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set; `from_environment` reads it, tests pass it by name."""

    database_url: Annotated[
        str | None,
        _said("PostgreSQL URL of Penstock's own data. Without it, one is started in the data directory."),
    ] = field(default=None, repr=False)
    database_pool_size: Annotated[
        int, _said("Connections to the metadata database that each process keeps.", ge=1, le=1000)
    ] = 10
    data_dir: Annotated[Path, _said("Directory of the embedded PostgreSQL and of the master key.")] = field(
        default_factory=default_data_dir
    )
    host: Annotated[str, _said("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _said("TCP port to listen on; 0 takes any free one.", ge=0, le=65535)] = 8080
    secure_cookies: Annotated[bool, _said("Send the session cookie over HTTPS only. Set it in production.")] = False
    trusted_proxies: Annotated[
        tuple[str, ...],
        _said("Addresses or networks, separated by commas, whose X-Forwarded-* headers are believed."),
    ] = ()
    session_hours: Annotated[
        float, _said("Hours without a request after which people sign in again.", gt=0, le=24 * 7)
    ] = 12.0
    admin_email: Annotated[str | None, _said("E-mail address of the administrator made at the first start.")] = None
    admin_password: Annotated[
        str | None, _said("That administrator's password; without it one is made up and printed.")
    ] = field(default=None, repr=False)
    runner_concurrency: Annotated[
        int, _said("Tasks that one runner process works on at the same time.", ge=1, le=1000)
    ] = 8
    lease_seconds: Annotated[
        float, _said("Seconds after which a runner that gave no sign of life loses its tasks.", gt=0)
    ] = 30.0
    heartbeat_seconds: Annotated[float, _said("Seconds between two signs of life of a runner.", gt=0)] = 5.0
    max_statement_bytes: Annotated[int, _said("Size of the largest script that is accepted.", ge=1024)] = (
        10 * 1024 * 1024
    )
    public_url: Annotated[
        str | None, _said("Where people reach Penstock, for links in chats and mails: https://penstock.example.com.")
    ] = None
    private_plugins: Annotated[
        bool, _said("Plugins may send to addresses of the inner network, and over plain http.")
    ] = False
    log_format: Annotated[
        Literal["auto", "console", "json"],
        _said("Log lines for people (console) or machines (json); auto: console on a terminal."),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _said("The least severe lines that are logged.")
    ] = "info"

    def __post_init__(self) -> None:
        if self.lease_seconds < 3 * self.heartbeat_seconds:
            raise SettingsError(
                f"{PREFIX}LEASE_SECONDS must be at least three times {PREFIX}HEARTBEAT_SECONDS,"
                " or one late heartbeat costs a runner its tasks."
            )
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise SettingsError(f"{PREFIX}TRUSTED_PROXIES: {error}") from error

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
        """Read settings from environment variables.

        Args:
            environment: variables by name; an empty value counts as not set.
            overrides: values from the command line; None counts as not given.
        Raises:
            SettingsError: values are not valid; all of them are named at once.
        """
        types = get_type_hints(cls, include_extras=True)
        values = {name: value for name, value in overrides.items() if value is not None}
        mistakes = []
        for entry in fields(cls):
            text = environment.get(variable(entry), "").strip()
            if text and entry.name not in values:
                try:
                    values[entry.name] = _parse(text, types[entry.name])
                except msgspec.ValidationError as error:
                    mistakes.append(f"{variable(entry)}: {error}")
        if mistakes:
            raise SettingsError("; ".join(mistakes))
        return cls(**values)


def variable(entry: Field[Any]) -> str:
    """Answer the name of the environment variable of a field of `Settings`."""
    return PREFIX + entry.name.upper()


def describe() -> list[tuple[str, str, str]]:
    """Answer (variable, default, meaning) of every setting, for documentation."""
    types = get_type_hints(Settings, include_extras=True)
    rows = []
    for entry in fields(Settings):
        default = "" if entry.default in (None, (), MISSING) else str(entry.default)
        rows.append((variable(entry), default, str(types[entry.name].__metadata__[0].description)))
    return rows


def _parse(text: str, kind: Any) -> Any:
    is_list = kind.__origin__ == tuple[str, ...]
    raw = [part.strip() for part in text.split(",")] if is_list else text
    return msgspec.convert(raw, kind, strict=False, dec_hook=_decode)


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value).expanduser()
    raise NotImplementedError(kind)
