"""The commands of ``penstock`` as Markdown, from what the commands themselves say."""

from __future__ import annotations

from collections.abc import Iterator

import click

from penstock.cli.main import main as root

_EVERYWHERE = ("server", "as_json")  # told once, above


def markdown() -> str:
    """Every command with its arguments and options."""
    return "\n".join(_sections("penstock", root))


def _sections(name: str, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for word in sorted(command.commands):
            yield from _sections(f"{name} {word}", command.commands[word])
        return
    yield f"### `{name}`\n"
    yield " ".join((command.help or "").replace("``", "`").split()) + "\n"
    usage = " ".join(part for p in command.params if isinstance(p, click.Argument) if (part := _argument(p)))
    if usage:
        yield f"Arguments: `{usage}`\n"
    rows = [_row(p) for p in command.params if isinstance(p, click.Option) and p.name not in _EVERYWHERE]
    if rows:
        yield "| option | meaning |\n|---|---|\n" + "".join(rows)


def _argument(argument: click.Argument) -> str:
    return argument.make_metavar(click.Context(click.Command("penstock")))


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    kind = "" if option.is_flag else f" {_kind(option)}"
    default = f" Default: `{option.default}`." if option.show_default and not option.is_flag else ""
    required = " Required." if option.required else ""
    said = (option.help or "").replace("|", "\\|").rstrip(".")
    return f"| {names}{kind} | {said}{'.' if said else ''}{default}{required} |\n".replace("  ", " ")


def _kind(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "\\|".join(f"`{each}`" for each in option.type.choices)
    return (option.metavar or option.type.name).upper().replace(" RANGE", "")
