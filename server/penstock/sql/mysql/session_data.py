"""Finds what carries data of the database from step to step in a session, which ends when an attempt does.

The same decision, at run time, is `penstock.engines.mysql.script.resumable`.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.sql.classify import Classification
from penstock.sql.mysql.classify import MySqlClassification
from penstock.sql.steps import Step


def carried(classifications: Sequence[Classification], steps: Sequence[Step]) -> int | None:
    """The index of the first statement because of which a change cannot be gone on with in another session."""
    wrote = False
    for step in steps:
        of_step = [(index, classifications[index]) for index in step.statements]
        for index, found in of_step:
            if not isinstance(found, MySqlClassification) or not found.keeps_data:
                continue
            if step is not steps[-1] or (wrote and not found.session):
                return index
        wrote = wrote or any(found.transactional and not found.session for _, found in of_step)
    return None
