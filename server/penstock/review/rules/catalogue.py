"""All rules, the most serious first."""

from __future__ import annotations

from typing import Final

from penstock.review.rule import Rule
from penstock.review.rules import (
    ambiguous_statement,
    destructive,
    ledger_tampering,
    my_session_tamper,
    my_undecidable,
    non_transactional,
    opaque_dynamic_sql,
    session_tampering,
    transaction_nesting,
    undecidable,
    unnamed_index,
    unparsable,
)

RULES: Final[tuple[Rule, ...]] = (
    transaction_nesting.RULE,
    session_tampering.RULE,
    my_session_tamper.RULE,
    ambiguous_statement.RULE,
    ledger_tampering.RULE,
    unnamed_index.RULE,
    unparsable.RULE,
    opaque_dynamic_sql.RULE,
    destructive.RULE,
    undecidable.RULE,
    my_undecidable.RULE,
    non_transactional.RULE,
)
