"""What goes wrong, drawn from the seed, for as long as faults last."""

from __future__ import annotations

import random
from typing import Literal

import asyncpg

from tests.simulation.target import EFFECT

Fate = Literal["arrives", "request lost", "reply lost", "swallowed"]


class Faults:
    """Chances of one world; each world is bad in its own way."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.last = True
        self.metadata = chance.choice((0.0, 0.01, 0.05))
        self.target = chance.choice((0.0, 0.01, 0.04))
        self.slow = chance.choice((0.0, 0.02, 0.1))
        self.statements = chance.choice((0.0, 0.02, 0.1))
        self.long = chance.choice((0.05, 0.3, 0.6))  # statements that outlive a lease

    def network_seconds(self) -> float:
        """How long one message takes."""
        draw = self._chance.random
        if self.last and draw() < self.slow:
            return 3.0 * draw()
        return 0.001 + 0.004 * draw()

    def server_seconds(self, text: str) -> float:
        """How long the target works on a message."""
        draw = self._chance.random
        if text.startswith(EFFECT) and draw() < self.long:
            return 5.0 * draw()
        if text == "COMMIT" and self.last and draw() < self.long / 2:
            return 4.0 * draw()  # deferred constraints
        return 0.0005

    def fate_of_a_message(self, text: str) -> Fate:
        """To the target."""
        if not self.last or not self.target:
            return "arrives"
        bad = self.target * (4 if text == "COMMIT" else 1)
        draw = self._chance.random()
        if draw > bad:
            return "arrives"
        return ("request lost", "reply lost", "swallowed")[int(3 * draw / bad) % 3]

    def fate_of_a_transaction(self) -> Fate:
        """In the metadata database."""
        if not self.last or self._chance.random() >= self.metadata:
            return "arrives"
        return "request lost" if self._chance.random() < 0.5 else "reply lost"

    def refuses_connection(self) -> bool:
        """The target does not let us in this time."""
        return self.last and self._chance.random() < self.target

    def statement_error(self) -> asyncpg.PostgresError | None:
        """What a statement of a change ends with, if not well."""
        if not self.last or self._chance.random() >= self.statements:
            return None
        return self._chance.choice(
            (
                asyncpg.exceptions.DeadlockDetectedError("deadlock detected"),
                asyncpg.exceptions.LockNotAvailableError("canceling statement due to lock timeout"),
                asyncpg.exceptions.UniqueViolationError("duplicate key value violates unique constraint"),
            )
        )

    def crowded(self) -> bool:
        """Another runner is claiming at this moment."""
        return self.last and self._chance.random() < 0.1
