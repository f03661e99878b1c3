"""From a release and its targets to stages and tasks: one stage per environment, in order, one task per database.

Pure: the services look the names up, this decides.  All mistakes are reported at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.errors import FieldError, ValidationFailed


@dataclass(frozen=True, slots=True)
class TargetDatabase:
    """A database that a release is meant for, with where it lives."""

    id: int
    name: str
    instance_id: int
    instance: str
    engine: str
    host: str
    port: int
    server_identity: str | None
    environment_id: int
    environment: str
    environment_position: int


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One operation on one database."""

    name: str
    database: TargetDatabase


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One environment's part; ``needs`` are indices of earlier stages."""

    name: str
    environment_id: int
    tasks: tuple[PlannedTask, ...]
    needs: tuple[int, ...]


def plan(engines: Sequence[str | None], targets: Sequence[TargetDatabase]) -> tuple[PlannedStage, ...]:
    """Build the stages of an issue that names no stages.

    Args:
        engines: the engine of each change of the release, None where it does not say.
        targets: every database, each at most once.

    Returns:
        One stage per environment in environment order, each needing the one before.

    Raises:
        ValidationFailed: no targets, or a change that is meant for another engine.
    """
    if not targets:
        raise ValidationFailed(
            errors=[
                FieldError(
                    "targets",
                    "There is no database to apply this to: name databases or environments.",
                    "no_targets",
                )
            ],
            code="no_targets",
        )
    wrong = [
        FieldError(
            f"release.changes[{i}].engine",
            f"This change is meant for {engine}, but {t.instance}/{t.name} is {t.engine}.",
            "engine_mismatch",
        )
        for i, engine in enumerate(engines)
        for t in targets
        if engine is not None and engine != t.engine
    ]
    if wrong:
        raise ValidationFailed(errors=wrong[:100], code="engine_mismatch")
    stages: list[PlannedStage] = []
    for environment in sorted({(t.environment_position, t.environment_id, t.environment) for t in targets}):
        own = sorted((t for t in targets if t.environment_id == environment[1]), key=lambda t: (t.instance, t.name))
        tasks = tuple(PlannedTask(f"{t.instance}/{t.name}", t) for t in own)
        needs = (len(stages) - 1,) if stages else ()
        stages.append(PlannedStage(environment[2], environment[1], tasks, needs))
    return tuple(stages)
