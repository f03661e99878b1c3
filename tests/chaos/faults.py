"""What is done to runners, servers and the network between them, and in which order: a pure draw from the seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """One thing that goes wrong."""

    KILL = "kill -9"
    STOP = "stop"  # SIGSTOP until another runner has taken its tasks over, then SIGCONT
    TARGET_RESTART = "target restart"  # at once: what was not committed is gone
    METADATA_RESTART = "metadata restart"
    CUT = "cut"
    STALL = "stall"  # nothing passes for longer than a lease, and nobody is told
    DELAY = "delay"
    COMMIT_LOST = "commit lost"  # the connection ends when COMMIT was asked, before it is forwarded
    ANSWER_LOST = "answer lost"  # the connection ends when COMMIT was done, before that is answered
    METADATA_CUT = "metadata cut"
    METADATA_STALL = "metadata stall"
    METADATA_ANSWER_LOST = "metadata answer lost"


RESTARTS: Final = (Fault.TARGET_RESTART, Fault.METADATA_RESTART)
NETWORK: Final = (Fault.CUT, Fault.STALL, Fault.DELAY, Fault.COMMIT_LOST, Fault.ANSWER_LOST)
METADATA: Final = (Fault.METADATA_CUT, Fault.METADATA_STALL, Fault.METADATA_ANSWER_LOST)


@dataclass(frozen=True)
class Chaos:
    """How much goes wrong, and which: the n-th fault of a seed is drawn alike, wherever a run begins.

    Args:
        kills: runner processes that are killed.
        stops: runner processes that sleep for longer than their leases.
        restarts: of the target server and of the metadata database, by turns.
        cuts: of connections, and what else a network does.
        lease: seconds that a runner keeps its tasks without a sign of life.
        first: the number of the fault to begin with.
    """

    kills: int
    stops: int
    restarts: int
    cuts: int
    lease: float
    seed: int
    first: int

    def draw(self, number: int) -> random.Random:
        """The choices of one fault."""
        return random.Random(f"{self.seed}:{number}")

    def faults(self) -> list[Fault]:
        """All of them, mixed by the seed."""
        drawn = [Fault.KILL] * self.kills + [Fault.STOP] * self.stops
        drawn += [RESTARTS[n % len(RESTARTS)] for n in range(self.restarts)]
        network = (*NETWORK, *METADATA)
        drawn += [network[n % len(network)] for n in range(self.cuts)]
        random.Random(f"{self.seed}:faults").shuffle(drawn)
        return drawn

    def __str__(self) -> str:
        """The options that repeat it."""
        amounts = f"--kills {self.kills} --stops {self.stops} --restarts {self.restarts} --cuts {self.cuts}"
        return f"{amounts} --seed {self.seed} --from {self.first}"


def histogram(struck: Mapping[tuple[Fault, str], int], phases: tuple[str, ...]) -> str:
    """A table: what tasks were at (columns) when something went wrong (rows)."""
    rows = [f"  {'':22}" + "".join(f"{phase:>12}" for phase in phases) + f"{'together':>12}"]
    for fault in Fault:
        numbers = [struck.get((fault, phase), 0) for phase in phases]
        rows.append(f"  {fault:22}" + "".join(f"{n:12}" for n in (*numbers, sum(numbers))))
    sums = [sum(n for (_, at), n in struck.items() if at == phase) for phase in phases]
    rows.append(f"  {'together':22}" + "".join(f"{n:12}" for n in (*sums, sum(sums))))
    return "\n".join(rows)


@dataclass
class Tally:
    """What was found in the end.

    Args:
        twice: changes that took effect more often than once.
        lost: changes that are said to be applied and are not, or not as a whole.
        stuck: tasks that kept a dead lease for longer than two leases.
        unlabelled: unknown outcomes that nothing had warned of before approval.
        unknown: unknown outcomes that a person settled, by what had been said of them before.
    """

    twice: list[str]
    lost: list[str]
    stuck: list[str]
    unlabelled: list[str]
    other: list[str]
    unknown: Counter[str]

    @property
    def wrong(self) -> list[str]:
        """Everything that is not as it must be."""
        return [*self.twice, *self.lost, *self.stuck, *self.unlabelled, *self.other]

    def __str__(self) -> str:
        counts = f"applied twice {len(self.twice)}, lost {len(self.lost)}, stuck {len(self.stuck)}"
        counts += f" ({'; '.join(self.stuck[:3])})" if self.stuck else ""
        return f"{counts}, unknown and not labelled {len(self.unlabelled)}, unknown {dict(self.unknown)}"
