"""A pipeline as somebody writes it, stages and all, and everything that can be wrong with it, found at once.

Pure: whether the names of environments, instances and databases exist is for the services to look up.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.domain.errors import FieldError
from penstock.domain.pipeline.fan_out import MOST_SIZES, NONE, FanOut, is_size
from penstock.domain.pipeline.graph import Node, Order, find_cycle, strong_edges
from penstock.domain.pipeline.query import Condition, Expectation
from penstock.domain.pipeline.query import mistakes as query_mistakes

SHOWN_IN_CYCLE: Final = 20
MOST_TASKS: Final = 1_000_000
MOST_STAGES: Final = 1_000
MOST_STATEMENTS: Final = 300  # of tasks, each of which is a release of its own
CHANGE: Final = "database.change"
CREATE: Final = "database.create"
BASELINE: Final = "schema.baseline"
SYNC: Final = "schema.sync"
QUERY: Final = "database.query"
READ_ONLY: Final = frozenset({SYNC, QUERY})


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One operation on one database, as written.

    Args:
        name: ``instance/database`` when it is not given.
        database: an id or a name on the instance; None for what reads a whole instance.
        type: ``database.change``; ``database.create``, which makes the database; ``schema.baseline``, which records
            what is there; ``schema.sync``; or ``database.query``, whose statement is one SELECT.
        expect: what the answer of a query must be.
        output: name -> column of a query's first row.
        only_if: all of these must hold, or the task is passed over.
        timeout: seconds that an attempt may take.
        owner, encoding: of a database that is to be made.
    """

    instance: str
    database: int | str | None
    name: str | None = None
    release_id: int | None = None
    statement: str | None = None
    type: str = CHANGE
    when: str = "on_success"
    allow_failure: bool = False
    expect: Expectation | None = None
    output: Mapping[str, str] | None = None
    only_if: tuple[Condition, ...] = ()
    timeout: int | None = None
    owner: str | None = None
    encoding: str | None = None


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
    not_before: dt.datetime | None = None
    fan_out: FanOut = NONE
    allow_failure: bool = False
    independent: bool = False


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """Stages run in parallel unless ``needs``, ``phase`` or ``order: sequential`` relates them.

    Args:
        implicit: only tasks were written: the one stage takes name and environment from where its tasks are.
    """

    stages: tuple[StageSpec, ...]
    order: Order = "parallel"
    implicit: bool = False
    fail_fast: bool = False

    def edges(self) -> dict[str, tuple[str, ...]]:
        """What each stage needs, resolved."""
        return strong_edges([Node(s.name, s.phase, s.needs) for s in self.stages], self.order)


def mistakes(spec: PipelineSpec, field: str = "pipeline.stages") -> list[FieldError]:
    """Everything that is wrong with a pipeline by itself.

    Args:
        field: where the stages stand in the request, for messages.
    """
    if len(spec.stages) > MOST_STAGES:
        message = f"A pipeline has at most {MOST_STAGES:,} stages, not {len(spec.stages):,}."
        return [FieldError(field, message, "too_many_stages")]
    found = [*_names(spec.stages, field), *_needs(spec, field)]
    for n, stage in enumerate(spec.stages):
        found += fan_out_mistakes(stage.fan_out, f"{field}[{n}]", parallel=stage.task_order == "parallel")
        for m, task in enumerate(stage.tasks):
            found += query_mistakes(task.output, task.only_if, f"{field}[{n}].tasks[{m}]")
    return found


def fan_out_mistakes(fan_out: FanOut, field: str, *, parallel: bool = True) -> list[FieldError]:
    """What is wrong with a stage's limits.

    Args:
        field: where they stand in the request.
        parallel: its tasks may run at the same time.
    """
    found = []
    if fan_out.batch is not None:
        if not 1 <= len(fan_out.batch) <= MOST_SIZES:
            message = f"Give between 1 and {MOST_SIZES} sizes of batches."
            found.append(FieldError(f"{field}.batch", message, "bad_batch"))
        for n, size in enumerate(fan_out.batch):
            if not is_size(size):
                message = f'A batch has a size like 5 or "10%", not {size!r}.'
                found.append(FieldError(f"{field}.batch[{n}]", message, "bad_batch"))
    for name, limit in (("max_parallel", fan_out.max_parallel), ("max_failures", fan_out.max_failures)):
        if limit is not None and not 1 <= limit <= MOST_TASKS:
            message = f"{name} is between 1 and {MOST_TASKS:,}."
            found.append(FieldError(f"{field}.{name}", message, "bad_limit"))
    if fan_out != NONE and not parallel:
        message = "Tasks run one after the other here, so limits mean nothing: add task_order: parallel."
        found.append(FieldError(field, message, "fan_out_needs_parallel"))
    return found


def _names(stages: Sequence[StageSpec], field: str) -> Iterator[FieldError]:
    if not stages:
        yield FieldError(field, "A pipeline needs at least one stage.", "no_stages")
    if sum(t.statement is not None and t.type == CHANGE for s in stages for t in s.tasks) > MOST_STATEMENTS:
        message = f"At most {MOST_STATEMENTS} tasks bring a statement of their own: make releases, and name these."
        yield FieldError(field, message, "too_many_statements")
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
        yield _circle(cycle, field)


def circles(spec: PipelineSpec, lower: Mapping[str, Collection[str]], field: str) -> list[FieldError]:
    """Whether stages wait for each other once approval tiers have their say: a stage whose environment wants lower
    ones first waits for the stages there.

    Args:
        spec: has no mistakes by itself.
        lower: environment -> the lower environments that its tier looks at.
    """
    if not any(s.environment in lower for s in spec.stages):
        return []
    places: dict[str, list[str]] = {}
    phases: dict[int, list[str]] = {}
    for stage in spec.stages:
        places.setdefault(stage.environment, []).append(stage.name)
        phases.setdefault(stage.phase, []).append(stage.name)
    edges = {name: list(needs) for name, needs in spec.edges().items()}
    # The end of a phase, and all the stages of an environment, are nodes of their own: else edges would be squared.
    before: str | None = None
    ends: dict[int, str] = {}
    for phase in sorted(phases):
        end = f"/phase {phase}"
        edges[end] = [*phases[phase], *([before] if before is not None else [])]
        if before is not None:
            ends[phase] = before
        before = end
    edges |= {f"/environment {place}": names for place, names in places.items()}
    for stage in spec.stages:
        if stage.phase in ends:
            edges[stage.name].append(ends[stage.phase])
        edges[stage.name] += [f"/environment {e}" for e in lower.get(stage.environment, ()) if e in places]
    found = find_cycle(edges)
    return [_circle([name for name in found if not name.startswith("/")], field)] if found else []


def _circle(cycle: Sequence[str], field: str) -> FieldError:
    names = list(cycle) if cycle[0] == cycle[-1] else [*cycle, cycle[0]]
    shown = names if len(names) <= SHOWN_IN_CYCLE else [*names[: SHOWN_IN_CYCLE - 1], "…", names[-1]]
    message = f"These stages need each other in a circle of {len(names) - 1}: {' needs '.join(shown)}."
    return FieldError(field, message, "cyclic_needs")
