"""What review says of scripts that others run every day, those included that apply on a base that we do not have."""

from __future__ import annotations

import pytest

from penstock.review.inspect import inspect
from tests.inputs.histories import HISTORIES, KEA, KEA_MARIADB, ROUNDCUBE_MARIADB, ZONEMINDER, History

pytestmark = pytest.mark.inputs


@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_every_statement_is_known_and_only_transaction_control_blocks(history: History) -> None:
    for script in history.scripts():
        inspection = inspect(script.text.encode(), history.engine)

        assert all(said.parsed for said in inspection.classifications), script.version
        blocking = {finding.rule for finding in inspection.findings if finding.severity == "error"}
        assert blocking == ({"transaction-nesting"} if script.controls_transactions else set()), script.version


@pytest.mark.parametrize(
    ("history", "rule"),
    [
        (KEA, "transaction-nesting"),
        (KEA_MARIADB, "destructive"),
        (ZONEMINDER, "opaque-dynamic-sql"),
        (ZONEMINDER, "empty-change"),
        (ROUNDCUBE_MARIADB, "my-undecidable"),
    ],
    ids=str,
)
def test_what_they_are_known_to_hold_is_found(history: History, rule: str) -> None:
    found = [finding for s in history.scripts() for finding in inspect(s.text.encode(), history.engine).findings]

    assert any(finding.rule == rule for finding in found)
