"""Tasks that make a database: what is wrong with them as they are written, and what they are as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import digest
from penstock.domain.errors import FieldError
from penstock.domain.pipeline import creation
from penstock.domain.pipeline.creation import NewDatabase
from penstock.domain.pipeline.spec import CREATE, PipelineSpec, TaskSpec
from penstock.store import creations
from penstock.store.rows import Record


async def mistakes(
    conn: AsyncConnection, project_id: int, spec: PipelineSpec, instances: Mapping[str, Record], field: str
) -> list[FieldError]:
    """Everything that is wrong with the databases that a pipeline is to make.

    Args:
        instances: by slug, those that are known.
        field: where the stages stand in the request.
    """
    found: list[FieldError] = []
    asked: dict[tuple[str, str], list[str]] = {}
    for n, stage in enumerate(spec.stages):
        for m, task in enumerate(stage.tasks):
            where = f"{field}[{n}].tasks[{m}]"
            if task.type != CREATE:
                if task.owner is not None or task.encoding is not None:
                    message = "Only a task that makes a database gives it an owner and an encoding."
                    found.append(FieldError(where, message, "not_a_create_task"))
                continue
            if task.statement is not None or task.release_id is not None:
                message = "A new database is empty: change it with an issue of its own, when it is there."
                found.append(FieldError(where, message, "create_statement"))
            if task.database is None or task.instance not in instances:
                continue  # which is said elsewhere
            if isinstance(task.database, int):
                message = "A database that is to be made has a name, and no id yet."
                found.append(FieldError(f"{where}.database", message, "bad_database_name"))
                continue
            wrong = list(creation.mistakes(_of(task), instances[task.instance]["engine"], where))
            found += wrong
            if not wrong:
                asked.setdefault((task.instance, task.database), []).append(f"{where}.database")
    found += [
        FieldError(wheres[1], f"{place}/{name} is made by two tasks.", "duplicate_database")
        for (place, name), wheres in asked.items()
        if len(wheres) > 1
    ]
    for row in await creations.known(conn, list(asked)):
        if row["vanished_at"] is None or row["project_id"] not in (None, project_id):
            place, name = row["slug"], row["name"]
            message = f"There is a database {name} on {place} already, or the catalog keeps what is known of one."
            found.append(FieldError(asked[place, name][0], message, "database_exists"))
    return found


def _of(task: TaskSpec) -> NewDatabase:
    assert isinstance(task.database, str)
    return NewDatabase(task.database, task.owner, task.encoding)


def options(task: TaskSpec) -> dict[str, Any]:
    """What is to be made, as it is stored with its task."""
    return _of(task).as_options()


def task_digest(options: Mapping[str, Any], place: Mapping[str, Any]) -> str:
    """Digest of what is made, and where.

    Args:
        place: the instance's engine, host, port and identity.
    """
    target = {
        "engine": place["engine"],
        "host": place["host"],
        "port": place["port"],
        "database": options["database"],
        "server": place["identity"],
    }
    return digest.of_task(CREATE, None, options, target)
