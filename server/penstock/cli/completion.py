"""``penstock completion``: what a shell loads to complete our commands."""

from __future__ import annotations

import rich_click as click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what SHELL loads to complete commands: eval "$(penstock completion bash)"."""
    made = get_completion_class(shell)
    assert made is not None  # the choices are what click has
    root = ctx.find_root()
    click.echo(made(root.command, {}, "penstock", "_PENSTOCK_COMPLETE").source())
