"""A pipeline as somebody writes it, stages and all, and everything that can be wrong with it, found at once.

Pure: whether the names of environments, instances and databases exist is for the services to look up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.domain.errors import FieldError
from penstock.domain.pipeline.graph import Node, Order, find_cycle, strong_edges

SHOWN_IN_CYCLE: Final = 20


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One operation on one database, as written.

    Args:
        name: ``instance/database`` when it is not given.
        database: an id or a name on the instance.
    """

    instance: str
    database: int | str
    name: str | None = None
    release_id: int | None = None
    statement: str | None = None


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage, as written; ``needs`` is None when the key is absent."""

    name: str
    environment: str
    tasks: tuple[TaskSpec, ...]
    needs: tuple[str, ...] | None = None
    phase: int = 0
    task_order: Order = "sequential"
    advance: str = "auto"


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """Stages run in parallel unless ``needs``, ``phase`` or ``order: sequential`` relates them.

    Args:
        implicit: only tasks were written: the one stage takes name and environment from where its tasks are.
    """

    stages: tuple[StageSpec, ...]
    order: Order = "parallel"
    implicit: bool = False

    def edges(self) -> dict[str, tuple[str, ...]]:
        """What each stage needs, resolved."""
        return strong_edges([Node(s.name, s.phase, s.needs) for s in self.stages], self.order)


def mistakes(spec: PipelineSpec, field: str = "pipeline.stages") -> list[FieldError]:
    """Everything that is wrong with a pipeline by itself.

    Args:
        field: where the stages stand in the request, for messages.
    """
    return [*_names(spec.stages, field), *_needs(spec, field)]


def _names(stages: Sequence[StageSpec], field: str) -> Iterator[FieldError]:
    if not stages:
        yield FieldError(field, "A pipeline needs at least one stage.", "no_stages")
    for name, n in Counter(s.name for s in stages).items():
        if n > 1:
            yield FieldError(f"{field}.name", f"{n} stages are named {name}: a name is unique.", "duplicate_stage")
    for n, stage in enumerate(stages):
        if not stage.tasks:
            yield FieldError(f"{field}[{n}].tasks", f"The stage {stage.name} has no task.", "empty_stage")
        for name, times in Counter(t.name for t in stage.tasks if t.name is not None).items():
            if times > 1:
                message = f"{times} tasks of {stage.name} are named {name}: a name is unique in its stage."
                yield FieldError(f"{field}[{n}].tasks", message, "duplicate_task")


def _needs(spec: PipelineSpec, field: str) -> Iterator[FieldError]:
    phases = {s.name: s.phase for s in spec.stages}
    for n, stage in enumerate(spec.stages):
        for needed in stage.needs or ():
            where = f"{field}[{n}].needs"
            if needed not in phases:
                yield FieldError(where, f"{stage.name} needs {needed}, which is no stage here.", "unknown_need")
            elif needed == stage.name:
                yield FieldError(where, f"{stage.name} needs itself.", "self_need")
            elif phases[needed] > stage.phase:
                message = (
                    f"{stage.name} (phase {stage.phase}) needs {needed}, which comes later (phase {phases[needed]})."
                )
                yield FieldError(where, message, "need_in_later_phase")
    edges = {name: [x for x in needs if x != name] for name, needs in spec.edges().items()}
    if cycle := find_cycle(edges):
        shown = cycle if len(cycle) <= SHOWN_IN_CYCLE else [*cycle[: SHOWN_IN_CYCLE - 1], "…", cycle[-1]]
        message = f"These stages need each other in a circle of {len(cycle) - 1}: {' needs '.join(shown)}."
        yield FieldError(field, message, "cyclic_needs")
