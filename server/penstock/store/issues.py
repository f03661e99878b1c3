"""Issues: rows, lists and activity.  Their pipelines are `penstock.store.pipelines`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.domain import events
from penstock.domain.pipeline.plan import TargetDatabase
from penstock.store.rows import Cut, Record, Slice, contains, fetch, fetch_one, page, person
from penstock.store.tables.accounts import account, project
from penstock.store.tables.catalog import database, environment, instance
from penstock.store.tables.changes import comment, issue, promotion, release
from penstock.store.tables.pipelines import approval, stage, task
from penstock.store.tables.records import event

# Too many and too small for a page that people read: the task table shows them.
NOT_ACTIVITY: Final = (events.TASK_START, events.TASK_COMPLETE, events.TASK_SUCCESS, events.STAGE_CLOSED)


def _base() -> sa.Select[Any]:
    author, editor = account.alias("author"), account.alias("editor")
    return (
        sa.select(
            issue,
            project.c.slug.label("project"),
            release.c.digest.label("release_digest"),
            environment.c.slug.label("promoted_from"),
            person(author).label("author"),
            person(editor).label("last_editor"),
        )
        .join(project, project.c.id == issue.c.project_id)
        .outerjoin(release, release.c.id == issue.c.release_id)
        .outerjoin(promotion, promotion.c.issue_id == issue.c.id)
        .outerjoin(environment, environment.c.id == promotion.c.source_environment_id)
        .join(author, author.c.id == issue.c.author_id)
        .join(editor, editor.c.id == issue.c.last_editor_id)
    )


async def by_id(conn: AsyncConnection, issue_id: int) -> Record | None:
    """One issue with its people."""
    return await fetch_one(conn, _base().where(issue.c.id == issue_id))


async def listing(conn: AsyncConnection, cut: Cut, conditions: Sequence[sa.ColumnElement[bool]]) -> Slice:
    """Issues that meet the conditions, newest first."""
    return await page(conn, _base().where(*conditions), [issue.c.id], cut, descending=True)


def visible(project_ids: Sequence[int]) -> sa.ColumnElement[bool]:
    """Issues of these projects."""
    return issue.c.project_id == sa.any_(sa.cast(list(project_ids), ARRAY(sa.BigInteger)))


def in_environment(slug: str) -> sa.ColumnElement[bool]:
    """Issues with a stage in an environment."""
    return sa.exists(
        sa.select(stage.c.id)
        .join(environment, environment.c.id == stage.c.environment_id)
        .where(stage.c.pipeline_id == issue.c.pipeline_id, environment.c.slug == slug)
    )


def matches(text: str) -> sa.ColumnElement[bool]:
    """Issues whose title or description holds a text, or whose number it is."""
    found = contains(issue.c.title, text) | contains(issue.c.description, text)
    number = text.removeprefix("#")
    return found | (issue.c.id == int(number)) if number.isdecimal() and len(number) < 18 else found


def labelled(key: str, value: str) -> sa.ColumnElement[bool]:
    """Issues that carry a label."""
    return issue.c.labels.contains({key: value})


def waiting_for(
    account_id: int,
    labels: Sequence[str],
    project_roles: Mapping[str, Sequence[int]],
    may_run: sa.ColumnElement[bool],
) -> sa.ColumnElement[bool]:
    """Open issues in which it is this person's turn.

    Args:
        labels: what blockers call this person everywhere, for example ``role:workspace:dba``.
        project_roles: project role -> projects in which she has it.
        may_run: she may run stages in the issue's project.
    """
    blocker = sa.func.jsonb_array_elements(stage.c.blockers).table_valued(sa.column("value", JSONB), name="blocker")
    waits: sa.ColumnElement[Any] = sa.type_coerce(blocker.c.value["waiting_for"], JSONB)
    named = waits.has_any(sa.cast(list(labels), ARRAY(sa.Text)))
    for role, ids in project_roles.items():
        named |= visible(ids) & waits.has_key(f"role:project:{role}")
    approved = sa.exists(
        sa.select(approval.c.id).where(
            approval.c.stage_id == stage.c.id,
            approval.c.digest == stage.c.digest,
            approval.c.account_id == account_id,
            approval.c.decision == "approve",
        )
    )
    gate, code = blocker.c.value["gate"].astext, blocker.c.value["code"].astext
    mine = sa.or_(issue.c.author_id == account_id, issue.c.last_editor_id == account_id)
    turn = sa.or_(
        sa.and_(gate == "approval", code == "required", named, ~mine, ~approved),
        sa.and_(gate == "approval", code == "changes_requested", issue.c.author_id == account_id),
        sa.and_(gate == "advance", sa.func.jsonb_array_length(stage.c.blockers) == 1, may_run),
    )
    own = stage.c.pipeline_id == issue.c.pipeline_id
    asked = sa.exists(sa.select(stage.c.id).select_from(stage.join(blocker, sa.true())).where(own, turn))
    failed = sa.exists(sa.select(stage.c.id).where(own, stage.c.n_failed + stage.c.n_error > 0))
    return (issue.c.status == "open") & (asked | (failed & (issue.c.author_id == account_id)))


async def targets(
    conn: AsyncConnection, condition: sa.ColumnElement[bool], *, held: bool = False
) -> list[tuple[TargetDatabase, int | None]]:
    """Databases that meet a condition, with the project that each belongs to.

    Args:
        held: keep their instances where they are until this transaction ends, for what is approved is bound to that:
            whoever moves one writes the digests of all tasks there that it sees. Before any lock on a pipeline.
            The databases stay in their projects, too; one that is being moved is left out.
    """
    query = (
        sa.select(
            database.c.id,
            database.c.name,
            database.c.project_id,
            instance.c.id.label("instance_id"),
            instance.c.slug.label("instance"),
            instance.c.engine,
            instance.c.host,
            instance.c.port,
            instance.c.identity,
            environment.c.id.label("environment_id"),
            environment.c.slug.label("environment"),
            environment.c.position.label("environment_position"),
        )
        .join(instance, instance.c.id == database.c.instance_id)
        .join(environment, environment.c.id == instance.c.environment_id)
        .where(database.c.vanished_at.is_(None), condition)
        .order_by(environment.c.position, instance.c.slug, database.c.name)
    )
    rows = (await conn.execute(query.with_for_update(read=True, of=instance) if held else query)).all()
    if held:
        projects = await _hold_databases(
            conn, database.c.id == sa.any_(sa.cast([r.id for r in rows], ARRAY(sa.BigInteger)))
        )
        rows = [r for r in rows if r.id in projects and projects[r.id] == r.project_id]
    return [
        (
            TargetDatabase(
                id=r.id,
                name=r.name,
                instance_id=r.instance_id,
                instance=r.instance,
                engine=r.engine,
                host=r.host,
                port=r.port,
                server_identity=r.identity,
                environment_id=r.environment_id,
                environment=r.environment,
                environment_position=r.environment_position,
            ),
            r.project_id,
        )
        for r in rows
    ]


async def _hold_databases(conn: AsyncConnection, which: sa.ColumnElement[bool]) -> dict[int, int | None]:
    """Keep databases in their projects until this transaction ends, see `store.databases.lock`; answers which those
    are."""
    own = sa.select(database.c.id, database.c.project_id).where(which).order_by(database.c.id)
    rows = await conn.execute(own.with_for_update(read=True, key_share=True))
    return {r.id: r.project_id for r in rows}


async def moved_away(conn: AsyncConnection, pipeline_id: int, project_id: int) -> bool:
    """Whether a database of a pipeline is no longer in its project; if not, all stay there until this transaction
    ends."""
    targets_of = sa.select(task.c.database_id).where(task.c.pipeline_id == pipeline_id)
    projects = await _hold_databases(conn, database.c.id.in_(targets_of))
    return any(project != project_id for project in projects.values())


async def environment_ids(conn: AsyncConnection, slugs: Sequence[str]) -> dict[str, int]:
    """Environments by slug, those that exist."""
    rows = await conn.execute(sa.select(environment.c.slug, environment.c.id).where(environment.c.slug.in_(slugs)))
    return {r.slug: r.id for r in rows}


async def hold_instances(conn: AsyncConnection, slugs: Sequence[str]) -> None:
    """Keep instances where they are; see `targets`."""
    own = sa.select(instance.c.id).where(instance.c.slug.in_(slugs)).order_by(instance.c.id)
    await conn.execute(own.with_for_update(read=True))


async def instances_by_slug(conn: AsyncConnection, slugs: Sequence[str]) -> dict[str, Record]:
    """Where each of these instances is, those that exist, and which projects have a database there."""
    rows = await fetch(
        conn,
        sa.select(
            instance.c.id,
            instance.c.slug,
            instance.c.engine,
            instance.c.host,
            instance.c.port,
            instance.c.identity,
            environment.c.slug.label("environment"),
            sa.func.array_agg(sa.distinct(database.c.project_id)).label("projects"),
        )
        .join(environment, environment.c.id == instance.c.environment_id)
        .outerjoin(database, database.c.instance_id == instance.c.id)
        .where(instance.c.slug.in_(slugs))
        .group_by(instance.c.id, environment.c.slug),
    )
    return {row["slug"]: row for row in rows}


async def activity(conn: AsyncConnection, issue_id: int, cut: Cut) -> Slice:
    """Comments and events of an issue, oldest first; every comment is an event, so one key orders both."""
    about = sa.cast(event.c.data["comment_id"].astext, sa.BigInteger)
    query = (
        sa.select(
            sa.cast(event.c.id, sa.Text).label("id"),
            sa.case((event.c.type == events.COMMENTED, "comment"), else_="event").label("kind"),
            event.c.created_at.label("at"),
            person().label("actor"),
            event.c.type,
            comment.c.body,
            event.c.data,
        )
        .outerjoin(account, account.c.id == event.c.actor_id)
        .outerjoin(comment, sa.and_(event.c.type == events.COMMENTED, comment.c.id == about))
        .where(event.c.issue_id == issue_id, event.c.type.not_in(NOT_ACTIVITY))
    )
    return await page(conn, query, [event.c.id], cut)


def by_author(email: str) -> sa.ColumnElement[bool]:
    """Issues that a person filed."""
    return issue.c.author_id.in_(sa.select(account.c.id).where(sa.func.lower(account.c.email) == email.lower()))


async def last_comment(conn: AsyncConnection, issue_id: int, author_id: int) -> Record:
    """The newest comment of a person on an issue, as an activity."""
    found = await fetch_one(
        conn,
        sa.select(
            sa.cast(event.c.id, sa.Text).label("id"),
            sa.literal("comment").label("kind"),
            comment.c.created_at.label("at"),
            person().label("actor"),
            event.c.type,
            comment.c.body,
            event.c.data,
        )
        .select_from(event)
        .join(comment, comment.c.id == sa.cast(event.c.data["comment_id"].astext, sa.BigInteger))
        .join(account, account.c.id == comment.c.author_id)
        .where(event.c.issue_id == issue_id, event.c.type == events.COMMENTED, comment.c.author_id == author_id)
        .order_by(comment.c.id.desc())
        .limit(1),
    )
    assert found is not None
    return found
