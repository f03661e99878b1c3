"""Statements of PostgreSQL on their way to become a script: each is said in a phase, and phases run in their order."""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum, auto

from penstock.schema.names import literal


class Phase(IntEnum):
    """In which order statements run."""

    DROP_FOREIGN_KEYS = auto()
    DROP_VIEWS = auto()
    DISOWN_SEQUENCES = auto()
    DETACH = auto()
    DROP_CONSTRAINTS = auto()
    DROP_INDEXES = auto()
    DROP_TABLES = auto()
    DROP_COLUMNS = auto()
    CREATE_SCHEMAS = auto()
    MAKE_ROOM = auto()
    ENUMS = auto()
    SEQUENCES = auto()
    CREATE_TABLES = auto()
    LOOSEN_COLUMNS = auto()
    CONVERT_COLUMNS = auto()
    TIGHTEN_COLUMNS = auto()
    ADD_COLUMNS = auto()
    ADD_GENERATED_COLUMNS = auto()
    KEYS = auto()
    INDEXES = auto()
    CHECKS = auto()
    ATTACH = auto()
    ATTACH_INDEXES = auto()
    FOREIGN_KEYS = auto()
    VALIDATE = auto()
    DROP_SEQUENCES = auto()
    DROP_ENUMS = auto()
    OWN_SEQUENCES = auto()
    VIEWS = auto()
    COMMENTS = auto()
    DROP_SCHEMAS = auto()


class Statements:
    """What has been said so far."""

    def __init__(self) -> None:
        self._phases: defaultdict[Phase, dict[str, None]] = defaultdict(dict)

    def emit(self, phase: Phase, statement: str, *, first: bool = False) -> None:
        """Say something, once; before what the phase has already if it must come first."""
        said = self._phases[phase]
        if statement in said:
            return
        self._phases[phase] = {statement: None, **said} if first else {**said, statement: None}

    def comment(self, kind: str, name: str, comment: str | None) -> None:
        """Say what something's comment is to be."""
        text = "NULL" if comment is None else literal(comment)
        self.emit(Phase.COMMENTS, f"COMMENT ON {kind} {name} IS {text}")

    def all(self) -> tuple[str, ...]:
        """In the order in which they run."""
        return tuple(statement for phase in Phase for statement in self._phases[phase])
