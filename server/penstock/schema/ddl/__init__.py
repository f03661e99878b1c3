"""Renders a diff as DDL of its engine."""

from __future__ import annotations

from penstock.schema.changes import Diff, Script
from penstock.schema.ddl import mysql, postgres
from penstock.schema.model import ONE_NAMESPACE


def render(diff: Diff) -> Script:
    """The statements that make the left side like the right one, ordered by what depends on what.

    Nothing is dropped with CASCADE: what a schema holds beyond this model stops a script rather than vanishing with it.
    A change that the model cannot render has a reason in the script's changes, and no statement.
    """
    if diff.left.engine in ONE_NAMESPACE:
        return mysql.render(diff)
    return postgres.render(diff)
