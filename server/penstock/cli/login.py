"""``penstock login`` and ``logout``: keep a token for a server, or forget it."""

from __future__ import annotations

import os
import sys

import rich_click as click
from rich.markup import escape

from penstock.cli.remote import browser_login
from penstock.cli.remote.client import Remote
from penstock.cli.remote.command import Session, reported, usage, warn
from penstock.cli.remote.profile import Profile, ProfileError, find, forget, keep, normal


@click.command()
@click.argument("server")
@click.option("--with-token", is_flag=True, help="Read a token from the standard input.")
@click.option("--paste", is_flag=True, help="Ask for a token that you made in the web UI, and use no browser.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines for people.")
def login(server: str, with_token: bool, paste: bool, as_json: bool) -> None:
    """Keep a token for SERVER, which is from then on the one that commands speak to.

    Shows a code and opens the page of the web UI where you allow this login; its token is valid for 90 days. In a CI
    job set PENSTOCK_SERVER and PENSTOCK_TOKEN, with a token of a service account, instead of logging in.
    """
    if with_token and paste:
        raise usage("Either --with-token or --paste.")
    try:
        url = normal(server)
    except ProfileError as error:
        raise usage(str(error)) from error
    if Profile(url, None).exposed:
        warn(f"{url} is not encrypted: the token can be read on the way.")
    with reported(as_json=as_json):
        if with_token:
            token = sys.stdin.readline().strip()
        elif paste:
            token = _pasted(url)
        else:
            token = _by_browser(url) or _pasted(url)
        if not token.isascii() or not token.isprintable() or not token:
            raise usage("That is no token: it begins with pst_ and is one word.")
        _keep(Profile(url, token), as_json=as_json)


def _pasted(url: str) -> str:
    click.echo(f"Make an access token at {url}/settings/tokens and paste it here.", err=True)
    return str(click.prompt("Token", hide_input=True, err=True)).strip()


def _by_browser(url: str) -> str | None:
    with Remote(Profile(url, None)) as remote:
        waiting = browser_login.start(remote)
        if waiting is None:
            warn(f"{url} is too old to log in by browser.")
            return None
        click.echo(f"Your code is {waiting.user_code}. Allow it at {waiting.address}", err=True)
        if browser_login.open_page(waiting.address):
            click.echo("The page was opened in your browser.", err=True)
        click.echo("Waiting until you have. Ctrl-C gives up.", err=True)
        return browser_login.fetch(remote, waiting)


def _keep(profile: Profile, *, as_json: bool) -> None:
    with Remote(profile) as remote:
        me = remote.get("/auth/me")
        try:
            file = keep(profile, os.environ)
        except ProfileError as error:
            raise usage(str(error)) from error
        session = Session(remote, as_json=as_json)
        who = {"id": me["id"], "name": me["name"], "email": me["email"], "kind": me["kind"]}
        document = {"server": profile.url, "user": who, "file": str(file)}
        session.say(document, f"[green]✓[/green] {escape(who['name'])} at {profile.url}")


@click.command()
@click.option("--server", help="URL of the server; else the one where you logged in last.")
def logout(server: str | None) -> None:
    """Forget the token of a server. It stays valid until it is revoked: see ``penstock token revoke``."""
    try:
        profile = find(server, os.environ)
        had = forget(profile.url, os.environ)
    except ProfileError as error:
        raise usage(str(error)) from error
    click.echo(f"Forgot the token of {profile.url}." if had else f"There was no token of {profile.url}.")
