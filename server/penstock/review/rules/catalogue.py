"""All rules, the most serious first."""

from __future__ import annotations

from typing import Final

from penstock.review.rule import Rule
from penstock.review.rules import (
    ambiguous_statement,
    destructive,
    my_session_tamper,
    my_undecidable,
    non_transactional,
    opaque_dynamic_sql,
    session_tampering,
    transaction_nesting,
    unparsable,
)

RULES: Final[tuple[Rule, ...]] = (
    transaction_nesting.RULE,
    session_tampering.RULE,
    my_session_tamper.RULE,
    ambiguous_statement.RULE,
    non_transactional.RULE,
    unparsable.RULE,
    opaque_dynamic_sql.RULE,
    destructive.RULE,
    my_undecidable.RULE,
)
