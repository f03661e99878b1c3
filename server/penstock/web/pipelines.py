"""Pipelines as requests write them, in the words of the services."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.domain.errors import FieldError, ValidationFailed
from penstock.domain.pipeline.fan_out import NONE, FanOut
from penstock.domain.pipeline.query import Condition, Expectation
from penstock.domain.pipeline.spec import PipelineSpec, StageSpec, TaskSpec
from penstock.services.issues import Adoption
from penstock.web.schemas import issues as schemas


def pipeline_from(written: schemas.NewPipeline) -> PipelineSpec:
    """An explicit pipeline of a request as the services take it.

    Raises:
        ValidationFailed: both stages and tasks, or neither.
    """
    if (written.stages is None) == (written.tasks is None):
        message = "Give either stages, or tasks that make one stage."
        raise ValidationFailed(errors=[FieldError("pipeline", message, "stages_or_tasks")], code="stages_or_tasks")
    if written.stages is None:
        only = StageSpec("", "", _tasks(written.tasks or []))
        return PipelineSpec((only,), written.order, implicit=True, fail_fast=written.fail_fast)
    stages = tuple(
        StageSpec(
            name=s.name,
            environment=s.environment,
            tasks=_tasks(s.tasks),
            needs=tuple(s.needs) if s.needs is not None else None,
            phase=s.phase,
            task_order=s.task_order,
            advance=s.advance,
            not_before=s.not_before,
            fan_out=fan_out_from(s),
            allow_failure=s.allow_failure,
            independent=s.independent,
        )
        for s in written.stages
    )
    return PipelineSpec(stages, written.order, fail_fast=written.fail_fast)


def fan_out_from(written: schemas.NewStage | schemas.FanOut | None) -> FanOut:
    """Limits of a request as the services take them."""
    if written is None:
        return NONE
    batch = tuple(written.batch) if written.batch is not None else None
    return FanOut(batch, written.max_parallel, written.max_failures)


def _tasks(written: Sequence[schemas.NewTask]) -> tuple[TaskSpec, ...]:
    return tuple(
        TaskSpec(
            instance=t.instance,
            database=t.database,
            name=t.name,
            release_id=t.release,
            statement=t.statement,
            type=t.type,
            when=t.when,
            allow_failure=t.allow_failure,
            expect=_expectation(t.expect),
            output=t.output,
            only_if=tuple(Condition(c.output, c.value, c.op) for c in t.only_if),
            timeout=t.timeout,
            owner=t.owner,
            encoding=t.encoding,
        )
        for t in written
    )


def _expectation(written: Expectation | bool | None) -> Expectation | None:
    """The word of an expectation, which may be written as the value itself.

    Raises:
        ValidationFailed: false, which nobody can mean.
    """
    if written is False:
        message = "Expect true or no_rows. Turn the query round, so that true is what you want."
        raise ValidationFailed(errors=[FieldError("pipeline.expect", message, "bad_expectation")])
    return "true" if written is True else written


def adoption_from(written: schemas.NewIssue, pipeline_id: int) -> Adoption:
    """An issue for a pipeline that has none yet.

    Raises:
        ValidationFailed: it says what to apply, or where, which the pipeline has said already.
    """
    pipeline = written.pipeline
    more = (written.release, written.statement, written.targets, written.fan_out)
    inside = (pipeline.stages, pipeline.tasks) if pipeline is not None else ()
    if any(part is not None for part in (*more, *inside)):
        message = "A pipeline that is there says what it applies and where: give its id alone."
        raise ValidationFailed(errors=[FieldError("pipeline", message, "pipeline_id_alone")], code="pipeline_id_alone")
    return Adoption(written.project, written.title, pipeline_id, written.description, written.labels)
