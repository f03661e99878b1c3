"""A MySQL or MariaDB script that changes how it is read, or the locks that keep two runs of it apart."""

from __future__ import annotations

from penstock.review.rule import MYSQL, Rule

RULE = Rule(
    id="my-session-tamper",
    engines=MYSQL,
    severity="error",
    message="The statement changes its session's role, locks, character set or SQL mode, and so how the rest is read.",
    instead="Remove SET ROLE, GET_LOCK and RELEASE_LOCK, and modes like ANSI_QUOTES or NO_BACKSLASH_ESCAPES.",
    check=lambda _, found: found.session_tampering,
    finds=("SET ROLE admin", "SET NAMES gbk", "SET sql_mode = 'ANSI_QUOTES'", "DO RELEASE_ALL_LOCKS()"),
    passes=("SET NAMES utf8mb4", "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", "SET FOREIGN_KEY_CHECKS = 0"),
)
