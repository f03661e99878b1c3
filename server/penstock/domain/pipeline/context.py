"""What a task is told of those before it: how they ended, and the outputs of those that succeeded.

A task follows the stages that its stage needs, every stage of a lower phase, and in a sequential stage the tasks before
it.  It is told the states of these, and the outputs of everything that it follows, also through others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from penstock.domain.errors import FieldError
from penstock.domain.pipeline.query import Scalar
from penstock.domain.pipeline.spec import PipelineSpec
from penstock.domain.pipeline.status import COUNTED, Counts, stage_passes, stage_status, total

MOST_STAGES: Final = 100
MOST_TASKS: Final = 200
MOST_EARLIER: Final = 20  # of a task's own stage
MOST_OUTPUTS: Final = 100

Relation = Literal["needs", "phase", "sequence"]


class Stage(Protocol):
    """A stage as far as its order is concerned."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def phase(self) -> int: ...
    @property
    def needs(self) -> Sequence[int]: ...
    @property
    def counts(self) -> Counts: ...


@dataclass(frozen=True, slots=True)
class Before:
    """What a stage follows.

    Args:
        told: whose states its tasks are told, with the reason.
        heard: ids of the stages whose outputs they see.
    """

    told: Sequence[tuple[Stage, Relation]]
    heard: frozenset[int]

    def seen(self) -> str:
        """A digest that changes whenever a task of these stages changes its state."""
        text = ";".join(f"{s.id}:{','.join(str(s.counts[c]) for c in COUNTED)}" for s, _ in self.told)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TaskState:
    """How a task before has ended."""

    stage_id: int
    name: str
    status: str
    skip_reason: str | None
    failure_class: str | None


def before(stage: Stage, stages: Sequence[Stage]) -> Before:
    """What a stage of a pipeline follows."""
    by_id = {s.id: s for s in stages}
    lower = {s.id for s in stages if s.phase < stage.phase}
    strong = [i for i in stage.needs if i in by_id]
    heard = set(lower)
    todo = list(strong)
    while todo:
        if (found := todo.pop()) not in heard:  # what a stage of a lower phase follows is of a lower phase, too
            heard.add(found)
            todo += [i for i in by_id[found].needs if i in by_id]
    told: list[tuple[Stage, Relation]] = [(by_id[i], "needs") for i in strong]
    told += [(s, "phase") for s in stages if s.id in lower and s.id not in strong]
    return Before(told, frozenset(heard))


def content(before: Before, tasks: Sequence[TaskState], outputs: Mapping[str, Scalar]) -> dict[str, Any]:
    """What is stored, and handed to the tasks: bounded, and what does not pass first.

    Args:
        tasks: of the stages that are told of, the first `MOST_TASKS`, those that did not pass first.
        outputs: the first `MOST_OUTPUTS`.
    """
    shown = sorted(before.told, key=lambda told: stage_passes(told[0].counts))[:MOST_STAGES]
    by_stage: dict[int, list[TaskState]] = {}
    for state in tasks:
        by_stage.setdefault(state.stage_id, []).append(state)
    return {
        "stages": [_of_stage(s.name, s.phase, s.counts, why, by_stage.get(s.id, ())) for s, why in shown],
        "omitted_stages": len(before.told) - len(shown),
        "outputs": dict(outputs),
    }


def in_sequence(
    content: Mapping[str, Any], name: str, phase: int, counts: Counts, earlier: Sequence[TaskState]
) -> dict[str, Any]:
    """The same with the tasks that stand before one in its own, sequential stage."""
    return {**content, "stages": [*content["stages"], _of_stage(name, phase, counts, "sequence", earlier)]}


def _of_stage(name: str, phase: int, counts: Counts, relation: Relation, tasks: Sequence[TaskState]) -> dict[str, Any]:
    return {
        "name": name,
        "relation": relation,
        "phase": phase,
        "status": stage_status(counts),
        "passes": stage_passes(counts),
        "task_count": total(counts),
        "tasks": [
            {"name": t.name, "status": t.status, "skip_reason": t.skip_reason, "failure_class": t.failure_class}
            for t in tasks
        ],
    }


def merged(found: Sequence[Mapping[str, Scalar]]) -> dict[str, Scalar]:
    """The outputs of several tasks as one; of two with one name the later one counts."""
    outputs: dict[str, Scalar] = {}
    for given in found:
        for name, value in given.items():
            if name in outputs or len(outputs) < MOST_OUTPUTS:
                outputs[name] = value
    return outputs


def unknown_outputs(spec: PipelineSpec, field: str) -> list[FieldError]:
    """Conditions on outputs that no task before declares, or that two do.

    Args:
        spec: has no mistakes by itself.
        field: where the stages stand in the request.
    """
    if not any(task.only_if for stage in spec.stages for task in stage.tasks):
        return []
    edges = spec.edges()
    given = {s.name: [name for task in s.tasks for name in task.output or ()] for s in spec.stages}
    found = []
    for n, stage in enumerate(spec.stages):
        if not any(task.only_if for task in stage.tasks):
            continue
        follows = _ancestors(stage.name, edges) | {s.name for s in spec.stages if s.phase < stage.phase}
        names = [name for s in follows for name in given[s]]
        for m, task in enumerate(stage.tasks):
            for k, condition in enumerate(task.only_if):
                where = f"{field}[{n}].tasks[{m}].only_if[{k}].output"
                declared = names.count(condition.output)
                if declared == 0:
                    message = f"No task before {stage.name} declares the output {condition.output}."
                    found.append(FieldError(where, message, "unknown_output"))
                elif declared > 1:
                    message = f"{declared} tasks before {stage.name} declare the output {condition.output}."
                    found.append(FieldError(where, message, "ambiguous_output"))
            if stage.task_order == "sequential":
                names += task.output or ()
    return found


def _ancestors(name: str, edges: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(edges[name])
    while todo:
        if (stage := todo.pop()) not in found:
            found.add(stage)
            todo += edges[stage]
    return found
