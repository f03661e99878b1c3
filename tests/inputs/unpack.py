"""How the scripts of a history are found in its package, and in which order they are meant to be applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.inputs.histories import Script

_UNNAMEABLE: Final = re.compile(r"[^A-Za-z0-9.+-]+")
_HERE_DOCUMENT: Final = re.compile(r"<<\s*(['\"]?)EOF\1[^\n]*\n(.*?)\nEOF\n", re.DOTALL)
_FIRST_VERSION: Final = re.compile(r"INSERT INTO schema_version VALUES \(1, 0\);\s*(?:COMMIT;)?")
_SYNAPSE_BASE: Final = 72
_SYNAPSE_LAST: Final = 94


def unpack(name: str, package: Path) -> list[Script]:
    """The scripts of a history in the order to apply them in.

    Args:
        name: of the history.
        package: its unpacked archive.
    """
    return [
        Script(f"{number:03d}-{_UNNAMEABLE.sub('-', label).strip('-')}", text)
        for number, (label, text) in enumerate(_FINDERS[name](package))
    ]


def _procrastinate(package: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((package / "procrastinate/sql/migrations").glob("*.sql")):
        yield path.stem, path.read_text(encoding="utf-8")


def _graphile(package: Path) -> Iterator[tuple[str, str]]:
    # The program makes the schema itself, before it reads its files.
    yield "schema", "CREATE SCHEMA graphile_worker;\n"
    for path in sorted((package / "package/sql").glob("*.sql")):
        yield path.stem, path.read_text(encoding="utf-8").replace(":GRAPHILE_WORKER_SCHEMA", "graphile_worker")


def _kea(package: Path) -> Iterator[tuple[str, str]]:
    """The creating script up to its first version, then what the upgrade scripts hand to psql."""
    scripts = package / "usr/share/kea/scripts/pgsql"
    create = (scripts / "dhcpdb_create.pgsql").read_text(encoding="utf-8")
    first = _FIRST_VERSION.search(create)
    assert first is not None
    base = create[: first.end()]
    yield "base", base if base.endswith("COMMIT;") else f"{base}\nCOMMIT;\n"
    for path in sorted(scripts.glob("upgrade_*.sh"), key=_kea_version):
        documents = _HERE_DOCUMENT.findall(path.read_text(encoding="utf-8"))
        yield path.stem, "\n".join(text if quoted else _unescaped(text) for quoted, text in documents) + "\n"


def _kea_version(path: Path) -> float:
    found = re.search(r"upgrade_0*([\d.]+)_", path.name)
    assert found is not None
    return float(found[1])


def _unescaped(text: str) -> str:
    """What a shell makes of a here-document whose end is not quoted."""
    return re.sub(r"\\([$`\\])", r"\1", text)


def _synapse(package: Path) -> Iterator[tuple[str, str]]:
    """The full schema of one version, then every delta since that is plain SQL for PostgreSQL."""
    schema = package / "synapse/storage/schema"
    for part in ("common", "main", "state"):
        path = schema / part / "full_schemas" / str(_SYNAPSE_BASE) / "full.sql.postgres"
        yield f"{_SYNAPSE_BASE}-{part}", _synapse_text(path)
    for version in range(_SYNAPSE_BASE + 1, _SYNAPSE_LAST + 1):
        paths = [path for path in schema.glob(f"*/delta/{version}/*") if path.name.endswith((".sql", ".sql.postgres"))]
        for path in sorted(paths, key=lambda path: (path.name, str(path))):
            yield f"{version}-{path.parents[2].name}-{path.name.split('.sql')[0]}", _synapse_text(path)


def _synapse_text(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace(
        "$%AUTO_INCREMENT_PRIMARY_KEY%$", "BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY"
    )


_FINDERS: Final[dict[str, Callable[[Path], Iterator[tuple[str, str]]]]] = {
    "procrastinate": _procrastinate,
    "graphile-worker": _graphile,
    "kea-admin": _kea,
    "matrix-synapse": _synapse,
}
