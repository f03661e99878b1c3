"""Orders things by what they depend on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

Key = TypeVar("Key")


def ordered(keys: Iterable[Key], needs: Mapping[Key, Collection[Key]]) -> list[Key]:
    """The keys, each after those that it needs, otherwise as they come. What needs itself comes where it is met."""
    found: dict[Key, None] = {}
    wanted = dict.fromkeys(keys)
    met: set[Key] = set()
    for start in wanted:
        todo = [(start, False)]
        while todo:
            key, done = todo.pop()
            if done:
                found[key] = None
            elif key not in met and key in wanted:
                met.add(key)
                todo.append((key, True))
                todo += [(need, False) for need in wanted if need in needs.get(key, ()) and need not in met]
    return list(found)


def closure(start: Iterable[Key], needs: Mapping[Key, Collection[Key]]) -> set[Key]:
    """What they are, and everything that needs one of them, however far away."""
    found = set(start)
    while more := {key for key, needed in needs.items() if key not in found and not found.isdisjoint(needed)}:
        found |= more
    return found
