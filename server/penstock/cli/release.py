"""``penstock release``: releases from a directory of migrations, whatever tool they were written for."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penstock.cli.remote.client import Json, Remote
from penstock.cli.remote.command import Session, asks_server
from penstock.cli.remote.directory import changes_in
from penstock.domain import digest
from penstock.domain.layouts.recognise import LAYOUTS
from penstock.domain.layouts.source import LayoutError
from penstock.engines.registry import ENGINES


@click.group()
def release() -> None:
    """Releases: immutable lists of changes, which are promoted as they are."""


@release.command()
@click.option("--project", required=True, help="Slug of the project.")
@click.option(
    "--dir",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of the migrations.",
)
@click.option("--layout", type=click.Choice(list(LAYOUTS)), help="How files are named; recognised if absent.")
@click.option("--pattern", help='Names of your own: "V{version}__{name}.sql".')
@click.option("--engine", type=click.Choice(list(ENGINES)), help="For which the scripts are; else for every one.")
@click.option("--commit", help="Commit of the repository; status checks of the release are sent on for it.")
@asks_server
def create(
    session: Session,
    project: str,
    folder: Path,
    layout: str | None,
    pattern: str | None,
    engine: str | None,
    commit: str | None,
) -> None:
    """Make a release of a directory. The same content again gives the same release."""
    try:
        found, changes = changes_in(folder, layout=layout, pattern=pattern, engine=engine)
    except LayoutError as error:
        _refuse(session, folder, error)
    made, is_new = ensure(session.remote, project, changes, commit)
    what = f"{len(changes)} change(s), {found}"
    word = "Made release" if is_new else "It is release"
    session.say(made, f"[green]✓[/green] {word} {made['id']} of {escape(project)}: {what} [dim]{made['digest']}[/dim]")


def ensure(remote: Remote, project: str, changes: list[Json], commit: str | None = None) -> tuple[Json, bool]:
    """The project's release with this content and commit, and whether it is new. Raises `RemoteError`."""
    lines = [(c["version"], c["name"], digest.of_bytes(c["statement"].encode())) for c in changes]
    wanted = digest.of_release(lines)
    for each in remote.items("/releases", project=project, digest=wanted, limit=50):
        if each["commit"] == commit:
            return each, False
    key = f"{project}/{wanted}/{commit or ''}"
    body = {"project": project, "changes": changes, **({"commit": commit} if commit else {})}
    return remote.create("/releases", body, key=digest.of_bytes(key.encode())), True


def _refuse(session: Session, folder: Path, error: LayoutError) -> NoReturn:
    mistakes = [{"file": m.path, "code": m.code, "message": m.message} for m in error.mistakes]

    def lines(console: Console) -> None:
        for mistake in error.mistakes:
            place = folder if mistake.path == "." else folder / mistake.path
            console.print(f"[red]✗[/red] {escape(str(place))}: {escape(mistake.message)}")

    session.show({"code": "bad_directory", "errors": mistakes}, lines)
    raise SystemExit(1)


@release.command("list")
@click.option("--project", help="Slug of the project.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@asks_server
def list_releases(session: Session, project: str | None, limit: int) -> None:
    """List releases, newest first."""
    found = list(session.remote.items("/releases", project=project, limit=limit))

    def lines(console: Console) -> None:
        if not found:
            console.print("No releases here. Make one: penstock release create --help")
            return
        table = Table("", "project", "changes", "digest", "made", box=None, header_style="dim")
        for each in found:
            cells = (each["id"], each["project"], each["change_count"], each["digest"][:19], each["created_at"])
            table.add_row(*(escape(str(cell)) for cell in cells))
        console.print(table)

    session.show(found, lines)


@release.command()
@click.argument("number", type=int)
@asks_server
def show(session: Session, number: int) -> None:
    """Show a release with its changes."""
    found = session.remote.get(f"/releases/{number}")

    def lines(console: Console) -> None:
        console.print(f"[bold]Release {found['id']}[/bold] of {escape(found['project'])} [dim]{found['digest']}[/dim]")
        for change in found["changes"]:
            worst = [f["severity"] for f in change["findings"]]
            mark = "[red]✗[/red]" if "error" in worst else "[yellow]![/yellow]" if "warning" in worst else " "
            console.print(f"  {mark} {escape(change['version'])}  {escape(change['name'])}")

    session.show(found, lines)
