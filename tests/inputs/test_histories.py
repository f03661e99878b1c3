"""Whole migration histories that others wrote: Penstock must make of them what the server's own client does, file by
file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from penstock.sql.splitter import split
from tests.inputs.histories import GRAPHILE, HISTORIES, KEA, KEA_MARIADB, ZONEMINDER, History, Script
from tests.inputs.twins import Twins
from tests.installation import API, Installation

pytestmark = pytest.mark.inputs

APPLICABLE = [history for history in HISTORIES if history.applies]


def issue(database: str, scripts: Sequence[Script]) -> dict[str, object]:
    """An issue that applies the scripts, one change each, as one release."""
    changes = [{"version": s.version, "name": s.version, "statement": s.text} for s in scripts]
    return {
        "project": "shop",
        "title": "A history",
        "release": {"changes": changes},
        "targets": {"databases": [f"target/{database}"]},
    }


async def applied(penstock: Installation, database: str, scripts: Sequence[Script]) -> dict[str, Any]:
    """File the scripts and return their pipeline when it has succeeded."""
    filed = await penstock.call("POST", "/issues", **issue(database, scripts))
    pipeline = await penstock.ended(filed["pipeline"]["id"], timeout=240)
    assert pipeline["result"] == "succeeded", await penstock.explain(pipeline["id"])
    return pipeline


async def schema_by_client(twins: Twins, history: History) -> str:
    """What the server's own client makes of the history, in a database that is gone afterwards: ZoneMinder asks whether
    *any* database of the server has its tables.
    """
    database = await twins.create()
    try:
        # With comments, the client misses a DELIMITER of ZoneMinder's that comes after blank lines.
        await twins.by_client(database, history.scripts(), comments=history != ZONEMINDER)
        return await twins.schema_of(database)
    finally:
        await twins.drop(database)


@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_every_file_is_there_and_cut_into_statements(history: History) -> None:
    scripts = history.scripts()

    assert len(scripts) == history.files
    assert sum(len(split(script.text.encode(), history.engine)) for script in scripts) == history.statements


@pytest.mark.parametrize("history", APPLICABLE, ids=str)
async def test_a_history_becomes_the_same_schema_as_by_the_servers_own_client(
    history: History, penstock: Installation, database: str, twins: Twins
) -> None:
    expected = await schema_by_client(twins, history)
    scripts = [script.without_transaction_control() for script in history.scripts()]

    await applied(penstock, database, scripts)

    assert await twins.ledger(database) == [script.version for script in scripts]
    assert await twins.schema_of(database) == expected


@pytest.mark.parametrize("history", [KEA, KEA_MARIADB], ids=str)
async def test_a_history_that_controls_its_transactions_is_refused_as_it_stands(
    history: History, penstock: Installation, database: str, twins: Twins
) -> None:
    answer = await penstock.client.post(f"{API}/issues", json=issue(database, history.scripts()))

    assert answer.status_code == 422
    problem = answer.json()
    assert {error["code"] for error in problem["errors"]} == {"transaction_control"}
    assert len(problem["errors"]) == sum(script.controls_transactions for script in history.scripts())
    assert await twins.ledger(database) == []


@pytest.mark.parametrize("history", [GRAPHILE, ZONEMINDER], ids=str)
async def test_a_history_filed_again_is_found_applied(
    history: History, penstock: Installation, database: str, twins: Twins
) -> None:
    scripts = history.scripts()
    await applied(penstock, database, scripts)

    again = await applied(penstock, database, scripts)

    tasks = await penstock.call("GET", f"/pipelines/{again['id']}/tasks")
    task = await penstock.call("GET", f"/tasks/{tasks['items'][0]['id']}")

    assert {change["state"] for change in task["changes"]} == {"already_applied"}
    assert len(await twins.ledger(database)) == history.files
