"""A script that changes whose session it runs in."""

from __future__ import annotations

from penstock.review.rule import POSTGRES, Rule

RULE = Rule(
    id="session-tampering",
    engines=POSTGRES,
    severity="error",
    message="The statement changes the session's user, or how the rest of the script is read.",
    instead="Remove SET ROLE, SET SESSION AUTHORIZATION and DISCARD; give the instance a login with the right role.",
    check=lambda _, found: found.session_tampering,
    finds=("SET ROLE admin", "RESET ROLE", "SET SESSION AUTHORIZATION admin", "DISCARD ALL"),
    passes=("SET search_path TO shop", "SET lock_timeout = '1s'"),
)
