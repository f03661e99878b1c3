"""What a task follows, and what it is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from penstock.domain.pipeline.context import (
    MOST_OUTPUTS,
    MOST_STAGES,
    Before,
    TaskState,
    before,
    content,
    in_sequence,
    merged,
    unknown_outputs,
)
from penstock.domain.pipeline.query import Condition
from penstock.domain.pipeline.spec import QUERY, PipelineSpec, StageSpec, TaskSpec
from penstock.domain.pipeline.status import COUNTED


@dataclass(frozen=True)
class Stage:
    id: int
    name: str
    phase: int = 0
    needs: tuple[int, ...] = ()
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))


def counted(**some: int) -> dict[str, int]:
    return dict.fromkeys(COUNTED, 0) | some


A = Stage(1, "a")
B = Stage(2, "b", needs=(1,))
C = Stage(3, "c", needs=(2,))
SIDE = Stage(4, "side")
LATE = Stage(5, "late", phase=2, needs=(3,))
LATER = Stage(6, "later", phase=3, needs=(5,))
ALL = (A, B, C, SIDE, LATE, LATER)


@pytest.mark.parametrize(
    ("stage", "told", "heard"),
    [
        (A, "", ""),
        (B, "a needs", "a"),
        (C, "b needs", "a b"),  # of a it sees the outputs, for it follows it; of side nothing
        (LATE, "c needs, a phase, b phase, side phase", "a b c side"),
        (LATER, "late needs, a phase, b phase, c phase, side phase", "a b c late side"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_a_stage_follows(stage: Stage, told: str, heard: str) -> None:
    found = before(stage, ALL)
    assert ", ".join(f"{s.name} {why}" for s, why in found.told) == told
    names = {s.id: s.name for s in ALL}
    assert " ".join(sorted(names[i] for i in found.heard)) == heard


def test_a_digest_changes_with_every_move_before() -> None:
    def seen(**counts: int) -> str:
        moved = Stage(1, "a", counts=counted(**counts))
        return before(B, (moved, B)).seen()

    found = [seen(running=1), seen(succeeded=1), seen(failed=1), seen(error=1), seen(absorbed=1), seen(passed_over=1)]
    assert len(set(found)) == len(found)
    assert seen(running=1) == seen(running=1)


def test_what_does_not_pass_comes_first_and_the_rest_is_counted() -> None:
    good = [(Stage(n, f"good{n}", counts=counted(succeeded=1)), "phase") for n in range(MOST_STAGES + 5)]
    bad = (Stage(999, "bad", counts=counted(failed=1)), "needs")
    task = TaskState(999, "t", "failed", None, "failed")
    found = content(Before([*good, bad], frozenset()), [task], {"k": 1})  # type: ignore[list-item]
    first = found["stages"][0]
    assert (first["name"], first["relation"], first["passes"], first["status"]) == ("bad", "needs", False, "failed")
    assert [t["failure_class"] for t in first["tasks"]] == ["failed"]
    assert (len(found["stages"]), found["omitted_stages"], found["outputs"]) == (MOST_STAGES, 6, {"k": 1})


def test_in_a_sequence_the_own_stage_comes_last() -> None:
    earlier = [TaskState(2, "first", "skipped", "condition", None)]
    found = in_sequence({"stages": [{"name": "x"}]}, "own", 1, counted(running=1, succeeded=1), earlier)
    assert [s["name"] for s in found["stages"]] == ["x", "own"]
    assert found["stages"][1]["relation"] == "sequence"


def test_of_two_outputs_with_one_name_the_later_counts() -> None:
    assert merged([{"k": 1, "j": 2}, {"k": 3}]) == {"k": 3, "j": 2}
    assert len(merged([{f"k{n}": n for n in range(200)}])) == MOST_OUTPUTS


def asking(name: str, *outputs: str, **more: object) -> StageSpec:
    """A stage whose task declares outputs."""
    tasks = tuple(TaskSpec("pg", "d", f"{name}{n}", type=QUERY, output={o: "c"}) for n, o in enumerate(outputs))
    return StageSpec(name, "dev", tasks, **more)  # type: ignore[arg-type]


def hanging(name: str, *on: str, **more: object) -> StageSpec:
    """A stage whose task hangs on outputs."""
    task = TaskSpec("pg", "d", name, only_if=tuple(Condition(output, 1) for output in on))
    return StageSpec(name, "dev", (task,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stages", "codes"),
    [
        ((asking("a", "k"), hanging("b", "k", needs=("a",))), []),
        ((asking("a", "k"), asking("b", needs=("a",)), hanging("c", "k", needs=("b",))), []),  # by way of another
        ((asking("a", "k"), hanging("b", "k", phase=1)), []),
        ((asking("a", "k"), hanging("b", "k")), ["unknown_output"]),  # beside it, so nobody knows which comes first
        ((hanging("b", "k"),), ["unknown_output"]),
        ((asking("a", "k"), asking("c", "k"), hanging("b", "k", phase=1)), ["ambiguous_output"]),
        ((asking("a", "k"), hanging("b", "k", "j", "i", phase=1)), ["unknown_output"] * 2),
    ],
)
def test_a_condition_hangs_on_one_output_before_it(stages: tuple[StageSpec, ...], codes: list[str]) -> None:
    assert [e.code for e in unknown_outputs(PipelineSpec(stages), "stages")] == codes


def test_in_a_sequential_stage_the_tasks_before_give_outputs_too() -> None:
    ask = TaskSpec("pg", "d", "ask", type=QUERY, output={"k": "c"})
    act = TaskSpec("pg", "d", "act", only_if=(Condition("k", 1),))

    def codes(order: str, *tasks: TaskSpec) -> list[str]:
        stage = StageSpec("s", "dev", tasks, task_order=order)  # type: ignore[arg-type]
        return [e.code for e in unknown_outputs(PipelineSpec((stage,)), "stages")]

    assert codes("sequential", ask, act) == []
    assert codes("sequential", act, ask) == codes("parallel", ask, act) == ["unknown_output"]
