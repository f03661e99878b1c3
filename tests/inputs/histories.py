"""The migration histories that others wrote and Penstock must apply: which ones, pinned, and how to read them from the
cache.  Fetching them is ``fetch``'s business; nothing here goes to the network.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

# Alone on a line and with its semicolon: a block of PL/pgSQL begins with a bare BEGIN.
_TRANSACTION_CONTROL: Final = re.compile(r"^(?:START TRANSACTION|BEGIN|COMMIT);[ \t]*$", re.MULTILINE)


class NotFetched(Exception):
    """A history is not in the cache, or is not the one that is pinned."""


@dataclass(frozen=True)
class Script:
    """One file of a history.

    Args:
        version: unique in its history; the order of the list is the order to apply them in, not the order of names.
    """

    version: str
    text: str

    @property
    def controls_transactions(self) -> bool:
        """It has BEGIN or COMMIT lines of its own."""
        return _TRANSACTION_CONTROL.search(self.text) is not None

    def without_transaction_control(self) -> Script:
        """The same script with its own BEGIN and COMMIT lines emptied, so that line numbers stay."""
        return Script(self.version, _TRANSACTION_CONTROL.sub("", self.text))


@dataclass(frozen=True)
class History:
    """A pinned migration history.

    Args:
        name: of the package, in the registry named by ``client``.
        client: what fetches it: ``pip``, ``npm`` or ``apt``.
        engine: whose dialect its scripts are; a package may hold a history for each.
        archive: sha-256 of what is fetched; None where a distribution builds it anew under the same version.
        texts: sha-256 over versions and texts, in order; see ``fingerprint``.
        files: how many scripts there are.
        statements: how many statements are in them.
        applies: it makes one schema out of nothing. Others begin with their newest schema and go on with upgrades of
            older ones, so they are there to be read only.
    """

    name: str
    client: str
    engine: Literal["postgres", "mariadb"]
    version: str
    archive: str | None
    texts: str
    files: int
    statements: int
    applies: bool = True

    def __str__(self) -> str:
        return f"{self.name}-{self.engine}"

    def folder(self) -> Path:
        """Where its scripts are kept."""
        return cache() / f"{self.name}-{self.version}-{self.engine}"

    def scripts(self) -> list[Script]:
        """Read it from the cache.

        Raises:
            NotFetched: it is not there, or not what is pinned; the message says which command fetches it.
        """
        found = [Script(path.stem, path.read_text(encoding="utf-8")) for path in sorted(self.folder().glob("*.sql"))]
        if not found:
            raise NotFetched(f"{self} {self.version} is not in {cache()}: run python tests/inputs/fetch.py")
        if fingerprint(found) != self.texts:
            raise NotFetched(
                f"What is in {self.folder()} is not what is pinned: remove it and run python tests/inputs/fetch.py"
            )
        return found


PROCRASTINATE: Final = History(
    name="procrastinate",
    client="pip",
    engine="postgres",
    version="3.10.0",
    archive="949ad25b4377c30e03a9d0e053d15dfa47ef02b3f12ae8a7f3254686183c152c",
    texts="bf4e62b5f8958ad87cb64e550c3770efb9fc71ecb40a3dc09ad7906f7acce7f8",
    files=38,
    statements=180,
)
KEA: Final = History(
    name="kea-admin",
    client="apt",
    engine="postgres",
    version="2.2.0",
    archive=None,
    texts="98e1106113fe2684d9f0abbeda819b024cdb3f3bca3fecb521262528737f5b42",
    files=19,
    statements=537,
)
GRAPHILE: Final = History(
    name="graphile-worker",
    client="npm",
    engine="postgres",
    version="0.17.3",
    archive="e856732cba70f43083a2254dd79e5a659be80c2429bf922e6fa2acf78e6e52ea",
    texts="8d5fb6ebccbb0656ae61a27b4ccabb9634223507e8a1510f253cf1917ae7cfec",
    files=20,
    statements=141,
)
SYNAPSE: Final = History(
    name="matrix-synapse",
    client="pip",
    engine="postgres",
    version="1.163.2",
    archive="6cecae98b6e1b55dd68e689329cf1677cba103d4160c320f04b26bd081ff1558",
    texts="2777941aafef68fbc0da54643a425c9cefe933e62231d09bfe8d2c46c5827f4e",
    files=126,
    statements=708,
)
KEA_MARIADB: Final = History(
    name="kea-admin",
    client="apt",
    engine="mariadb",
    version="2.2.0",
    archive=None,
    texts="e5cf5e0810af602b9386480505c1d269dbae5d27af19a2291d14c8d0ae3e7350",
    files=25,
    statements=547,
)
ZONEMINDER: Final = History(
    name="zoneminder",
    client="apt",
    engine="mariadb",
    version="1.36.33+dfsg1",
    archive=None,
    texts="96605091582bbe32664679c48b4be72decbfd211ce67263bae3b985d3a83fcde",
    files=43,
    statements=897,
)
ROUNDCUBE: Final = History(
    name="roundcube-core",
    client="apt",
    engine="postgres",
    version="1.6.5+dfsg",
    archive=None,
    texts="fe4ed73439ee1d640f1cddd2940c6dc2fbc7f09dcc704135b3134c4cf1e5a8c6",
    files=33,
    statements=166,
    applies=False,
)
ROUNDCUBE_MARIADB: Final = History(
    name="roundcube-core",
    client="apt",
    engine="mariadb",
    version="1.6.5+dfsg",
    archive=None,
    texts="90c9aee2dd40f865a7f214d34f1dcc10a0d97f69f1b763e4b0940bccb3f52461",
    files=34,
    statements=198,
    applies=False,
)
ICINGA: Final = History(
    name="icinga2-ido-pgsql",
    client="apt",
    engine="postgres",
    version="2.13.6",
    archive=None,
    texts="dbf30e510663779b37b1af576c74f2b2814da5e1e8ad2a32d534119642395f47",
    files=10,
    statements=423,
    applies=False,
)
ICINGA_MARIADB: Final = History(
    name="icinga2-ido-mysql",
    client="apt",
    engine="mariadb",
    version="2.13.6",
    archive=None,
    texts="f02cbb10591989628a3d6128d392d6b2ca2cb20c8e2a108f6c790b9c06b169ac",
    files=14,
    statements=376,
    applies=False,
)
HISTORIES: Final = (
    PROCRASTINATE,
    KEA,
    GRAPHILE,
    SYNAPSE,
    KEA_MARIADB,
    ZONEMINDER,
    ROUNDCUBE,
    ROUNDCUBE_MARIADB,
    ICINGA,
    ICINGA_MARIADB,
)


def cache() -> Path:
    """The folder that keeps what was fetched: $PENSTOCK_INPUTS_CACHE, or one of the account's own."""
    named = os.environ.get("PENSTOCK_INPUTS_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "penstock-inputs"


def fingerprint(scripts: Sequence[Script]) -> str:
    """sha-256 over versions and texts, each behind its length."""
    state = hashlib.sha256()
    for script in scripts:
        for part in (script.version.encode(), script.text.encode()):
            state.update(b"%d:" % len(part) + part)
    return state.hexdigest()
