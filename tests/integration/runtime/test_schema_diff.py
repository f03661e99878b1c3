"""``penstock schema diff``: two real databases are compared, and the DDL that comes out makes them equal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import PROJECT, Target, World
from tests.command_line import Done, Shell, listening
from tests.integration.runtime.test_acceptance_sync import sync

OLD = "CREATE TABLE orders (id bigint PRIMARY KEY, total integer, note text)"
NEW = """
    CREATE TYPE mood AS ENUM ('fine', 'bad');
    CREATE TABLE orders (id bigserial PRIMARY KEY, total bigint, remark text, mood mood NOT NULL DEFAULT 'fine');
    CREATE VIEW totals AS SELECT 1 AS one;
"""


@dataclass
class Desk:
    """A person with a terminal, and two databases as last read."""

    world: World
    shell: Shell
    old: Target
    new: Target

    async def diff(self, *options: str) -> Done:
        """What differs between the two."""
        return await self.shell.run("schema", "diff", self.old.id, f"{self.new.instance}/{self.new.name}", *options)


@pytest.fixture
async def desk(world: World, tmp_path: Path) -> AsyncIterator[Desk]:
    old, new = await world.target(), await world.target()
    await old.execute(OLD)
    await new.execute(NEW)
    await sync(world, "pg-dev")
    async with listening(world.app) as url:
        yield Desk(world, Shell(tmp_path).as_(world.site.tokens["robot"], url), old, new)


async def test_a_diff_is_a_tree_of_what_has_to_change(desk: Desk) -> None:
    done = await desk.diff()
    assert done.code == 0, done.err
    [_, *lines] = done.out.splitlines()
    assert lines == [
        "  + enum public.mood",
        "  + sequence public.orders_id_seq",
        "  public.orders",
        "    ~ column id  default: nothing → nextval('public.orders_id_seq'::regclass)",
        "    + column mood  public.mood",
        "    - column note  text",
        "        ! drops_data",
        "    + column remark  text",
        "        ? perhaps renamed from note",
        "    ~ column total  type: integer → bigint",
        "        ! blocks_writes, rewrites_table",
        "  + view public.totals   SELECT 1 AS one;",
    ]


async def test_a_script_learns_whether_they_differ(desk: Desk) -> None:
    assert (await desk.diff("--exit-code")).code == 1
    assert (await desk.diff("--json", "--exit-code")).json["equal"] is False
    same = await desk.shell.run("schema", "diff", desk.old.id, desk.old.id, "--exit-code")
    assert same.code == 0 and same.out.endswith("are equal.\n")
    snapshot = (await desk.diff("--json")).json["left"]["snapshot"]
    assert (await desk.shell.run("schema", "diff", snapshot, desk.old.id, "--exit-code")).code == 0
    assert (await desk.shell.run("schema", "diff", "999999", desk.old.id)).code == 1


async def test_the_ddl_of_a_diff_makes_them_equal(desk: Desk) -> None:
    ddl = (await desk.diff("--ddl")).out
    issue = ("--project", PROJECT, "--title", "Catch up", "--statement", ddl, "--database", desk.old.id)
    await desk.shell.ok("issue", "create", *issue, "--wait")
    await sync(desk.world, "pg-dev")
    rest = (await desk.diff("--json")).json
    assert (rest["changes"], rest["equal"]) == ([], True)
