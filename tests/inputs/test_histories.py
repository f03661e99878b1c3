"""Whole migration histories that others wrote: Penstock must make of them what ``psql`` does, file by file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from penstock.sql.splitter import split
from tests.inputs.conftest import Twins
from tests.inputs.histories import GRAPHILE, HISTORIES, KEA, PROCRASTINATE, SYNAPSE, History, Script
from tests.inputs.twins import by_psql, schema_of
from tests.installation import API, Installation, rows
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.inputs

STATEMENTS = {PROCRASTINATE: 180, KEA: 537, GRAPHILE: 141, SYNAPSE: 708}
LEDGER = "SELECT version FROM penstock.ledger ORDER BY applied_at, version"


def histories() -> list[object]:
    return [pytest.param(history, id=history.name) for history in HISTORIES]


def issue(twins: Twins, scripts: Sequence[Script]) -> dict[str, object]:
    """An issue that applies the scripts, one change each, as one release."""
    changes = [{"version": s.version, "name": s.version, "statement": s.text} for s in scripts]
    return {
        "project": "shop",
        "title": "A history",
        "release": {"changes": changes},
        "targets": {"databases": [f"target/{twins.by_penstock}"]},
    }


async def applied(penstock: Installation, twins: Twins, scripts: Sequence[Script]) -> dict[str, Any]:
    """File the scripts and return their pipeline when it has succeeded."""
    filed = await penstock.call("POST", "/issues", **issue(twins, scripts))
    pipeline = await penstock.ended(filed["pipeline"]["id"])
    assert pipeline["result"] == "succeeded", await penstock.explain(pipeline["id"])
    return pipeline


@pytest.mark.parametrize("history", histories())
def test_every_file_is_there_and_cut_into_statements(history: History) -> None:
    scripts = history.scripts()

    assert len(scripts) == history.files
    assert sum(len(split(script.text.encode(), "postgres")) for script in scripts) == STATEMENTS[history]


@pytest.mark.parametrize("history", histories())
async def test_a_history_becomes_the_same_schema_as_by_psql(
    history: History, penstock: Installation, twins: Twins, postgres_server: PostgresServer
) -> None:
    scripts = [script.without_transaction_control() for script in history.scripts()]

    await applied(penstock, twins, scripts)

    ledger = await rows(postgres_server.url(twins.by_penstock), LEDGER)
    assert [row["version"] for row in ledger] == [script.version for script in scripts]
    await by_psql(postgres_server, twins.by_psql, history.scripts())
    assert await schema_of(postgres_server, twins.by_penstock) == await schema_of(postgres_server, twins.by_psql)


async def test_a_history_that_controls_its_transactions_is_refused_as_it_stands(
    penstock: Installation, twins: Twins, postgres_server: PostgresServer
) -> None:
    answer = await penstock.client.post(f"{API}/issues", json=issue(twins, KEA.scripts()))

    assert answer.status_code == 422
    problem = answer.json()
    assert {error["code"] for error in problem["errors"]} == {"transaction_control"}
    assert len(problem["errors"]) == KEA.files
    ledger = await rows(postgres_server.url(twins.by_penstock), "SELECT to_regclass('penstock.ledger') AS there")
    assert ledger[0]["there"] is None


async def test_a_history_filed_again_is_found_applied(
    penstock: Installation, twins: Twins, postgres_server: PostgresServer
) -> None:
    scripts = GRAPHILE.scripts()
    await applied(penstock, twins, scripts)

    again = await applied(penstock, twins, scripts)

    tasks = await penstock.call("GET", f"/pipelines/{again['id']}/tasks")
    task = await penstock.call("GET", f"/tasks/{tasks['items'][0]['id']}")

    assert {change["state"] for change in task["changes"]} == {"already_applied"}
    assert len(await rows(postgres_server.url(twins.by_penstock), LEDGER)) == GRAPHILE.files
