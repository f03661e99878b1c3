"""The phase design: weaker dependencies between steps, and what a step is told of those before it.

Its job is translated mechanically: a step becomes a stage of that name with one task, ``dependency.steps`` becomes
``needs``, ``dependency.phase`` becomes ``phase``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import PROJECT, Json, Target, World, stage, task
from tests.hand import Hand, Word

# The sample of the design, as it stands there.
JOB = """
{
  "jobName": "dag",
  "steps": [
    {"stepName": "A"},
    {"stepName": "B", "dependency": {"steps": ["A"]}},
    {"stepName": "C", "dependency": {"steps": ["A"]}},
    {"stepName": "D", "dependency": {"steps": ["B", "C"]}},
    {"stepName": "E", "dependency": {"steps": ["C"]}},
    {"stepName": "F", "dependency": {"phase": 1}},
    {"stepName": "G", "dependency": {"phase": 1, "steps": ["E"]}},
    {"stepName": "H", "dependency": {"phase": 1, "steps": ["F"]}},
    {"stepName": "I", "dependency": {"phase": 1, "steps": ["F", "G"]}}
  ]
}
"""


def steps(job: str = JOB) -> dict[str, Json]:
    """The steps of a job: name -> what a stage says of its order."""
    found: dict[str, Any] = {s["stepName"]: s.get("dependency", {}) for s in json.loads(job)["steps"]}
    return {
        name: {
            **({"needs": said["steps"]} if "steps" in said else {}),
            **({"phase": said["phase"]} if "phase" in said else {}),
        }
        for name, said in found.items()
    }


async def file(world: World, said: dict[str, Json], **tasks: list[Json]) -> Json:
    """File a job: each step does nothing, on a database of its own, unless tasks are given for it."""
    stages = [
        stage(name, "dev", *(tasks.get(name) or [task(await world.target(), "SELECT 1", name=name)]), **order)
        for name, order in said.items()
    ]
    await world.sql("UPDATE instance SET max_running_tasks = 64")
    return await world.file_stages(None, *stages)


async def states(world: World, issue: Json) -> dict[str, str]:
    """Task -> its status, or why it was skipped."""
    return {t["name"]: t["skip_reason"] or t["status"] for t in await world.tasks(issue)}


async def steps_of(world: World, said: dict[str, Json], ends: list[dict[str, Word]]) -> tuple[Json, list[str]]:
    """File a job and move it by hand; answers the issue, and what began at each turn."""
    issue = await file(world, said)
    hand = await Hand(world.database).register()
    began = [" ".join(await hand.take())]
    for words in ends:
        await hand.end(words)
        began.append(" ".join(await hand.take()))
    return issue, began


async def test_the_sample_runs_phase_by_phase(calm: World) -> None:
    issue, began = await steps_of(
        calm,
        steps(),
        [
            {"A": "succeeded"},
            {"B": "succeeded", "C": "succeeded"},
            {"D": "succeeded"},
            {"E": "succeeded"},
            {"F": "succeeded"},
            {"G": "succeeded"},
            {"H": "succeeded"},
            {"I": "succeeded"},
        ],
    )
    # "The steps in phase 1 will start only after all the steps in phase 0 are done": F and G wait for E as well as D.
    assert began == ["A", "B C", "D E", "", "F G", "H", "I", "", ""]
    assert (await calm.issue(issue))["status"] == "done"
    # "If phase not set, it is in phase 0 by default."
    assert {s["name"]: s["phase"] for s in issue["pipeline"]["stages"]} == dict.fromkeys("ABCDE", 0) | dict.fromkeys(
        "FGHI", 1
    )


async def test_18_the_sample_when_c_fails(calm: World) -> None:
    issue, began = await steps_of(
        calm,
        steps(),
        [{"A": "succeeded"}, {"B": "succeeded", "C": "failed"}, {"F": "succeeded"}, {"H": "succeeded"}],
    )
    # "The result state of E will impact G as well. That is the main difference": F only waits, and so runs.
    assert began == ["A", "B C", "F", "H", ""]
    assert await states(calm, issue) == {
        **dict.fromkeys("ABFH", "succeeded"),
        "C": "failed",
        **dict.fromkeys("DEGI", "upstream_failed"),
    }
    assert (await calm.issue(issue))["pipeline"]["result"] == "failed"


async def test_a_step_that_may_fail_skips_nobody(calm: World) -> None:
    said = steps()
    said["C"]["allow_failure"] = True  # "D will be SKIP_BY_FAILED if it can not fail"
    _, began = await steps_of(calm, said, [{"A": "succeeded"}, {"B": "succeeded", "C": "failed"}])
    assert began[-1] == "D E"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"B": {"needs": ["H"]}}, ["B", "H"]),  # the design's own example of an implicit circle
        ({"F": {"phase": -1}}, ["phase"]),  # "it should not be negative number"
        ({"F": {"phase": 1.5}}, ["phase"]),
    ],
)
async def test_22_what_fails_the_validation(calm: World, changes: dict[str, Json], words: list[str]) -> None:
    dev = await calm.target()
    said = steps() | changes
    stages = [stage(name, "dev", task(dev, "SELECT 1"), **order) for name, order in said.items()]
    status, _, problem = await calm.ana.refused(
        "POST", "/issues", project=PROJECT, title="Wrong", pipeline={"stages": stages}
    )
    assert status == 422 and all(word in json.dumps(problem) for word in words), problem
    assert await calm.sql("SELECT count(*) FROM pipeline") == [(0,)]


async def test_21_phases_3_and_5(calm: World) -> None:
    _, began = await steps_of(calm, {"five": {"phase": 5}, "three": {"phase": 3}}, [{"three": "succeeded"}])
    assert began == ["three", "five"]


@pytest.mark.parametrize("word", ["failed", "error"])
async def test_19_a_final_step_is_not_skipped_and_a_preparation_decides_nothing(calm: World, word: Word) -> None:
    said: dict[str, Json] = {"prepare": {}, "work": {"phase": 1}, "mail": {"phase": 2}}
    issue, began = await steps_of(calm, said, [{"prepare": word}, {"work": word}, {"mail": "succeeded"}])
    assert began == ["prepare", "work", "mail", ""]
    assert (await calm.issue(issue))["pipeline"]["result"] == word


async def test_26_a_task_is_told_the_states_of_those_before_it(calm: World) -> None:
    issue, _ = await steps_of(
        calm, steps(), [{"A": "succeeded"}, {"B": "succeeded", "C": "failed"}, {"F": "succeeded"}]
    )
    by_name = {t["name"]: t for t in await calm.tasks(issue)}

    def told(name: str) -> dict[str, tuple[str, str]]:
        return {s["name"]: (s["relation"], s["status"]) for s in by_name[name]["context"]["stages"]}

    assert told("A") == {}
    assert told("C") == {"A": ("needs", "succeeded")}
    lower = {"A": "succeeded", "B": "succeeded", "C": "failed", "D": "skipped", "E": "skipped"}
    # "The result state of the explicit dependent and phase dependent steps will be passed to the tasks."
    assert told("F") == {name: ("phase", status) for name, status in lower.items()}
    assert told("H") == {"F": ("needs", "succeeded")} | told("F")
    skipped = next(s for s in by_name["F"]["context"]["stages"] if s["name"] == "D")
    assert skipped["tasks"] == [
        {"name": "D", "status": "skipped", "skip_reason": "upstream_failed", "failure_class": None}
    ]
    failed = next(s for s in by_name["F"]["context"]["stages"] if s["name"] == "C")
    assert (failed["passes"], failed["tasks"][0]["failure_class"]) == (False, "failed")
    assert [s["name"] for s in by_name["F"]["context"]["stages"]][:3] == ["C", "D", "E"]  # first what did not pass


async def test_if_and_else_by_the_result_of_the_step_before(calm: World) -> None:
    dev = await calm.target()

    def branches() -> list[Json]:
        return [
            task(dev, "SELECT 1", name="else", when="on_failure"),
            task(dev, "SELECT 1", name="if", when="on_success"),
        ]

    said: dict[str, Json] = {"test": {}, "branch": {"needs": ["test"], "task_order": "parallel"}}
    hand = await Hand(calm.database).register()
    well = await file(calm, said, branch=branches())
    await hand.take()
    await hand.end({"test": "succeeded"})
    assert await hand.take() == ["if"]
    assert (await states(calm, well))["else"] == "condition"
    badly = await file(calm, said, branch=branches())
    await hand.end({"if": "succeeded"})
    await hand.take()
    await hand.end({"test": "failed"})
    assert await hand.take() == ["else"]
    assert (await states(calm, badly))["if"] == "upstream_failed"


def query(target: Target, statement: str, **more: Any) -> Json:
    """A task that asks."""
    return task(target, statement, type="database.query", **more)


async def test_a_branch_by_a_number_that_an_earlier_step_found(world: World) -> None:
    """ "If the condition needs to check the result in numeric or string format": a value that any later task sees."""
    dev = await world.target()
    await dev.execute("CREATE TABLE orders (id int, state text); INSERT INTO orders VALUES (1, 'old'), (2, 'new')")
    count = query(
        dev,
        "SELECT count(*) AS n, min(state) AS first FROM orders",
        output={"orders": "n", "state": "first"},
        name="count",
    )
    issue = await file(
        world,
        {"look": {}, "between": {"needs": ["look"]}, "act": {"needs": ["between"], "task_order": "parallel"}},
        look=[count],
        act=[
            task(dev, "SELECT 1", name="few", only_if=[{"output": "orders", "op": "lt", "value": 10}]),
            task(dev, "SELECT 1", name="many", only_if=[{"output": "orders", "op": "ge", "value": 10}]),
            task(dev, "SELECT 1", name="new", only_if=[{"output": "state", "value": "new"}]),
            task(dev, "SELECT 1", name="not new", only_if=[{"output": "state", "op": "ne", "value": "new"}]),
        ],
    )
    done = await world.until(issue, "succeeded")
    assert done["status"] == "done"
    found = await states(world, issue)
    assert {n: found[n] for n in ("few", "many", "new", "not new")} == {
        "few": "succeeded",
        "many": "condition",
        "new": "succeeded",
        "not new": "condition",
    }
    [few] = [t for t in await world.tasks(issue) if t["name"] == "few"]
    assert few["context"]["outputs"] == {"orders": 2, "state": "new"}
    assert few["only_if"] == [{"output": "orders", "op": "lt", "value": 10}]


async def test_27_only_what_succeeded_gives_outputs(world: World) -> None:
    dev = await world.target()
    issue = await file(
        world,
        {"good": {}, "bad": {}, "later": {"phase": 1}},
        good=[query(dev, "SELECT 1 AS k", name="good")],
        bad=[query(dev, "SELECT 2 AS j", expect="no_rows", name="bad")],
    )
    await world.until(issue, "failed")
    good, bad, later = await world.tasks(issue)
    assert (good["status"], good["outputs"]) == ("succeeded", {"k": 1})
    assert (bad["status"], bad["outputs"]) == ("failed", {})
    assert (later["status"], later["context"]["outputs"]) == ("succeeded", {"k": 1})


async def test_what_a_failed_giver_leaves_open_is_asked_anew_when_it_succeeds(world: World) -> None:
    dev = await world.target()
    issue = await file(
        world,
        {"s": {}},
        s=[
            query(dev, "SELECT count(*) AS n FROM missing", output={"n": "n"}, allow_failure=True, name="count"),
            task(dev, "SELECT 1", name="act", only_if=[{"output": "n", "value": 0}]),
        ],
    )
    await world.until(issue, "succeeded")
    assert await states(world, issue) == {"count": "failed", "act": "condition"}
    other = await file(
        world,
        {"s": {}, "t": {}},
        s=[
            query(dev, "SELECT count(*) AS n FROM missing", output={"n": "n"}, allow_failure=True, name="count"),
            task(dev, "SELECT 1", name="act", only_if=[{"output": "n", "value": 0}]),
        ],
        t=[task(await world.target(), "SELECT 1/0", name="keeps it open")],
    )
    await world.until(other, "failed")
    await dev.execute("CREATE TABLE missing (id int)")
    [count] = [t for t in await world.tasks(other) if t["name"] == "count"]
    await world.rita.ok("POST", f"/tasks/{count['id']}/retry")
    await world.until_task(count["id"] + 1, "succeeded")
    [act] = [t for t in await world.tasks(other) if t["name"] == "act"]
    assert act["context"]["outputs"] == {"n": 0}
    assert [s["relation"] for s in act["context"]["stages"]] == ["sequence"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([], "unknown_output"),
        (["k", "k"], "ambiguous_output"),
    ],
)
async def test_a_condition_names_one_output_of_a_task_before(calm: World, given: list[str], code: str) -> None:
    dev = await calm.target()
    before = [query(dev, "SELECT 1 AS n", output={name: "n"}, name=f"q{i}") for i, name in enumerate(given)]
    stages = [
        stage("before", "dev", *(before or [task(dev, "SELECT 1", name="x")])),
        stage("beside", "dev", query(dev, "SELECT 1 AS n", output={"beside": "n"}, name="y")),
        stage("after", "dev", task(dev, "SELECT 1", only_if=[{"output": "k", "value": 1}]), needs=["before"]),
    ]
    body = {"project": PROJECT, "title": "x", "pipeline": {"stages": stages}}
    status, _, problem = await calm.ana.refused("POST", "/issues", **body)
    assert (status, [e["code"] for e in problem["errors"]]) == (422, [code]), problem
