"""Scripts to split and classify: what a growing product would file, and what somebody would who means harm."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Final

_COMMON: Final = (
    "CREATE TABLE {t} (id bigint NOT NULL PRIMARY KEY, customer bigint NOT NULL, state varchar(20) DEFAULT 'new')",
    "ALTER TABLE {t} ADD COLUMN total numeric(12, 2) NOT NULL DEFAULT 0",
    "CREATE INDEX {t}_customer ON {t} (customer, state)",
    "INSERT INTO {t} (id, customer, state) VALUES (1, 7, 'new'), (2, 8, 'it''s paid'), (3, 9, 'a;b')",
    "-- What was paid; see \"orders\".\nUPDATE {t} SET state = 'paid', total = customer * 10 WHERE customer % 2 = 0",
    "ALTER TABLE {t} ADD CONSTRAINT {t}_total CHECK (total >= 0)",
    (
        "CREATE VIEW {t}_paid AS SELECT o.id, sum(o.total) AS total FROM {t} o JOIN customer c ON c.id = o.customer"
        " WHERE o.state = 'paid' AND EXISTS (SELECT 1 FROM invoice i WHERE i.order_id = o.id) GROUP BY o.id"
    ),
    "DELETE FROM {t} WHERE customer > 15 AND id IN (SELECT order_id FROM refund /* all; of them */)",
    "DROP VIEW {t}_paid",
)
_ROUTINES: Final = {
    "postgres": "CREATE FUNCTION {t}_touch() RETURNS trigger LANGUAGE plpgsql AS $body$\nBEGIN\n  NEW.total := 0;\n"
    "  RETURN NEW; -- done; \n END;\n$body$;\n",
    "mariadb": "DELIMITER //\nCREATE PROCEDURE {t}_touch()\nBEGIN\n"
    "  UPDATE {t} SET total = 0; -- done;\n  SELECT 1;\nEND//\n"
    "DELIMITER ;\n",
}
# Each is repeated until it is as long as wanted.
HARD: Final = (
    "'", '"', "`", ";", "/*", "/*/**/", "*/", "$", "$$", "$a ", "\\", "E'\\'", "BEGIN ", "BEGIN;", "(", "()", "(;",
    "--\n", "#\n", "é", "/*!", "/*!1*/", "/*! 1*/;", "DELIMITER //\n", "DELIMITER //\n;//\nDELIMITER ;\n", "e'a'\n",
    "CREATE FUNCTION f() BEGIN ATOMIC ", "CREATE PROCEDURE p() BEGIN ", "SELECT 1;", "COPY ", "\r", "(/*", "('",
)  # fmt: skip


def script(engine: str, statements: int) -> str:
    """That many statements, every tenth a routine with semicolons in its body."""
    return "".join(islice(_statements(engine), statements))


def of_size(engine: str, size: int) -> str:
    """Statements of that many bytes, or a little more."""
    found, length = list[str](), 0
    for text in _statements(engine):
        found.append(text)
        length += len(text)
        if length >= size:
            break
    return "".join(found)


def hard(piece: str, size: int) -> bytes:
    """A text of about that many bytes that repeats itself."""
    return (piece * (size // len(piece))).encode()


def _statements(engine: str) -> Iterator[str]:
    for number in count():
        for text in _COMMON:
            yield text.format(t=f"orders_{number}") + ";\n"
        yield _ROUTINES[engine].format(t=f"orders_{number}")
