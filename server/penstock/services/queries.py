"""What is wrong with the query tasks of a pipeline, and how they, and conditions on their outputs, are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.domain.errors import FieldError
from penstock.domain.pipeline.query import Query
from penstock.domain.pipeline.spec import QUERY, PipelineSpec, TaskSpec
from penstock.sql.reading import NotAQuery, the_query

MOST_BYTES: Final = 65_536


def mistakes(spec: PipelineSpec, engines: Mapping[tuple[str, int | str], str], field: str) -> list[FieldError]:
    """Everything that is wrong with what tasks ask, or with what is written for tasks that ask nothing.

    Args:
        engines: (instance, database) -> engine, of the databases that are known.
        field: where the stages stand in the request.
    """
    found = []
    for n, stage in enumerate(spec.stages):
        for m, task in enumerate(stage.tasks):
            where = f"{field}[{n}].tasks[{m}]"
            if task.type != QUERY:
                if task.expect is not None or task.output is not None:
                    message = "Only a query task has an expectation and outputs."
                    found.append(FieldError(where, message, "not_a_query_task"))
                continue
            if task.release_id is not None:
                message = "A query task has a statement, and no release."
                found.append(FieldError(f"{where}.release", message, "query_release"))
            if task.statement is None:
                message = "Say what is asked: one SELECT."
                found.append(FieldError(f"{where}.statement", message, "required"))
            elif (mistake := _mistake(task.statement, engines.get((task.instance, task.database or "")))) is not None:
                found.append(FieldError(f"{where}.statement", mistake.message, mistake.code))
    return found


def _mistake(statement: str, engine: str | None) -> NotAQuery | None:
    if len(statement.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return NotAQuery("query_too_long", f"A query has at most {MOST_BYTES:,} bytes.")
    if engine is None:
        return None  # that its database is unknown is said elsewhere
    try:
        the_query(statement, engine)
    except NotAQuery as error:
        return error
    return None


def options(task: TaskSpec) -> dict[str, Any]:
    """What a task is told to do beyond its release: stored with it, and covered by its digest."""
    found: dict[str, Any] = {}
    if task.type == QUERY and task.statement is not None:
        found |= Query(task.statement, task.expect, task.output).as_options()
    if task.only_if:
        found["only_if"] = msgspec.to_builtins(task.only_if)
    return found
