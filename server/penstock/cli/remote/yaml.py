"""YAML 1.2's core schema, of hostile files: bounded, without aliases, tags or keys that are said twice.

PyYAML alone reads YAML 1.1, in which ``no`` is false and ``12:30`` is 750, takes the last of two equal keys, and
expands aliases, with which a file of a kilobyte fills the memory ("billion laughs").
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any, Final

import yaml

LARGEST: Final = 20_000_000  # bytes
_DEEPEST: Final = 50


class YamlError(ValueError):
    """The text cannot be read; the message says where."""


class _Loader(yaml.SafeLoader):
    """Reads JSON's types and nothing else."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # as the base class has it
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: yaml.NodeEvent = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        if isinstance(event, yaml.AliasEvent):
            raise _refused("aliases are not allowed", event)
        if getattr(event, "anchor", None) is not None:
            raise _refused("anchors are not allowed", event)
        if getattr(event, "tag", None) is not None:
            raise _refused("tags are not allowed", event)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _refused(f"nested deeper than {_DEEPEST} levels", event)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise _refused("a key must be text; put it in quotes", key)
            if name in seen:
                raise _refused(f"{name!r} is there twice", key)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _refused(problem: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(node.value))


class _Dumper(yaml.SafeDumper):
    """Writes what `loads` reads back: texts of several lines as blocks, what looks like another type in quotes."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    is_block = "\n" in value and all(line == line.rstrip() for line in value.split("\n"))
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if is_block else None)


_Dumper.add_representer(str, _text)


def loads(text: str) -> Any:
    """What a YAML or JSON text says, in JSON's types. Raises `YamlError`."""
    if len(text) > LARGEST:
        raise YamlError(f"The text is longer than {LARGEST // 1_000_000} MB.")
    if text.lstrip().startswith(("{", "[")):
        return _json(text)
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise YamlError(f"{where}{error.problem or error.context}.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlError(f"This is no YAML: {error}.") from error


def dumps(document: Any) -> str:
    """A document of JSON's types as YAML, keys in their order."""
    written: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return written


def _json(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in pairs:
            if name in made:
                raise YamlError(f"{name!r} is there twice.")
            made[name] = value
        return made

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise YamlError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except RecursionError as error:
        raise YamlError("Nested too deeply.") from error
