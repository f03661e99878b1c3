"""The order of stages: which edges the words ``needs``, ``phase`` and ``order`` mean, and whether they run in a circle.

Strong edges come from ``needs``; with ``order: sequential`` a stage without the key ``needs`` also follows the stage
declared
before it in the same phase.  Weak edges, from every stage of every lower phase, are derived where they are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Order: TypeAlias = Literal["sequential", "parallel"]


@dataclass(frozen=True, slots=True)
class Node:
    """A stage as far as order is concerned.

    Args:
        needs: names of stages; None when the key was not given, which is not the same as none.
    """

    name: str
    phase: int
    needs: tuple[str, ...] | None


def strong_edges(nodes: Sequence[Node], order: Order) -> dict[str, tuple[str, ...]]:
    """What each stage needs, by name, in declared order."""
    before: dict[int, str] = {}
    edges: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        if node.needs is not None:
            edges[node.name] = tuple(dict.fromkeys(node.needs))
        elif order == "sequential" and node.phase in before:
            edges[node.name] = (before[node.phase],)
        else:
            edges[node.name] = ()
        before[node.phase] = node.name
    return edges


def find_cycle(edges: Mapping[str, Sequence[str]]) -> list[str] | None:
    """A circle in which every stage needs the next, the first named again at its end; None when there is none.

    Depth-first search with three colours, without recursion: linear in stages and edges.
    """
    done: set[str] = set()
    for start in edges:
        if start in done:
            continue
        path = [start]
        on_path = {start: 0}
        todo = [iter(edges[start])]
        while todo:
            for needed in todo[-1]:
                if needed in on_path:
                    return [*path[on_path[needed] :], needed]
                if needed in edges and needed not in done:
                    on_path[needed] = len(path)
                    path.append(needed)
                    todo.append(iter(edges[needed]))
                    break
            else:
                todo.pop()
                done.add(path[-1])
                del on_path[path.pop()]
    return None
