"""How the scripts of a history are found in its package, and in which order they are meant to be applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from tests.inputs.histories import Script

_UNNAMEABLE: Final = re.compile(r"[^A-Za-z0-9.+-]+")
_HERE_DOCUMENT: Final = re.compile(r"<<\s*(['\"]?)EOF\1[^\n]*\n(.*?)\nEOF\n", re.DOTALL)
_FIRST_VERSION: Final = re.compile(r"INSERT INTO schema_version VALUES \(1, 0\);\s*(?:COMMIT;)?")
# ZoneMinder's creating script makes its database, and reads its triggers from a file.
_ITS_DATABASE: Final = re.compile(r"^(?:CREATE DATABASE .*|USE `zm`);$", re.MULTILINE)
_SOURCED: Final = re.compile(r"^source /usr/share/zoneminder/db/triggers\.sql$", re.MULTILINE)
_ZONEMINDER_FIRST: Final = (1, 34)
_SYNAPSE_BASE: Final = 72
_SYNAPSE_LAST: Final = 94


def unpack(name: str, engine: str, package: Path) -> list[Script]:
    """The scripts of a history in the order to apply them in.

    Args:
        name, engine: of the history.
        package: its unpacked archive.
    """
    return [
        Script(f"{number:03d}-{_UNNAMEABLE.sub('-', label).strip('-')}", text)
        for number, (label, text) in enumerate(_FINDERS[name, engine](package))
    ]


def _procrastinate(package: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((package / "procrastinate/sql/migrations").glob("*.sql")):
        yield path.stem, path.read_text(encoding="utf-8")


def _graphile(package: Path) -> Iterator[tuple[str, str]]:
    # The program makes the schema itself, before it reads its files.
    yield "schema", "CREATE SCHEMA graphile_worker;\n"
    for path in sorted((package / "package/sql").glob("*.sql")):
        yield path.stem, path.read_text(encoding="utf-8").replace(":GRAPHILE_WORKER_SCHEMA", "graphile_worker")


def _kea(package: Path, folder: str, commit: str) -> Iterator[tuple[str, str]]:
    """The creating script up to its first version, then what the upgrade scripts hand to the client."""
    scripts = package / "usr/share/kea/scripts" / folder
    create = (scripts / f"dhcpdb_create.{folder}").read_text(encoding="utf-8")
    first = _FIRST_VERSION.search(create)
    assert first is not None
    base = create[: first.end()]
    yield "base", base if base.endswith("COMMIT;") else f"{base}\n{commit}"
    for path in sorted(scripts.glob("upgrade_*.sh"), key=_kea_version):
        documents = _HERE_DOCUMENT.findall(path.read_text(encoding="utf-8"))
        yield path.stem, "\n".join(text if quoted else _unescaped(text) for quoted, text in documents) + "\n"


def _kea_version(path: Path) -> float:
    found = re.search(r"upgrade_0*([\d.]+)_", path.name)
    assert found is not None
    return float(found[1])


def _unescaped(text: str) -> str:
    """What a shell makes of a here-document whose end is not quoted; ``$$``, the shell's own number, is left alone."""
    return re.sub(r"\\([$`\\])|\\\n", r"\1", text)


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


def _zoneminder(package: Path) -> Iterator[tuple[str, str]]:
    """The creating script, in a database that is there already, and the upgrades that it has in it all the same."""
    folder = package / "usr/share/zoneminder/db"
    triggers = (folder / "triggers.sql").read_text(encoding="utf-8")
    recent = [path for path in folder.glob("zm_update-*.sql") if _version(path) >= _ZONEMINDER_FIRST]
    for path in [folder / "zm_create.sql", *sorted(recent, key=_version)]:
        text = _ITS_DATABASE.sub("", path.read_text(encoding="utf-8"))
        yield path.stem, _SOURCED.sub(lambda _: triggers, text)


def _roundcube(package: Path, folder: str) -> Iterator[tuple[str, str]]:
    """The newest schema, then the upgrades of older ones."""
    scripts = package / "usr/share/roundcube/SQL"
    for path in [scripts / f"{folder}.initial.sql", *sorted((scripts / folder).glob("*.sql"))]:
        yield path.stem, path.read_text(encoding="utf-8")


def _icinga(package: Path, folder: str) -> Iterator[tuple[str, str]]:
    """The newest schema, then the upgrades of older ones."""
    schema = package / f"usr/share/icinga2-ido-{folder}/schema"
    for path in [schema / f"{folder}.sql", *sorted((schema / "upgrade").glob("*.sql"), key=_version)]:
        yield path.stem, path.read_text(encoding="utf-8")


def _version(path: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", path.stem)))


_FINDERS: Final[dict[tuple[str, str], Callable[[Path], Iterator[tuple[str, str]]]]] = {
    ("procrastinate", "postgres"): _procrastinate,
    ("graphile-worker", "postgres"): _graphile,
    ("kea-admin", "postgres"): partial(_kea, folder="pgsql", commit="COMMIT;\n"),
    ("kea-admin", "mariadb"): partial(_kea, folder="mysql", commit=""),
    ("matrix-synapse", "postgres"): _synapse,
    ("zoneminder", "mariadb"): _zoneminder,
    ("roundcube-core", "postgres"): partial(_roundcube, folder="postgres"),
    ("roundcube-core", "mariadb"): partial(_roundcube, folder="mysql"),
    ("icinga2-ido-pgsql", "postgres"): partial(_icinga, folder="pgsql"),
    ("icinga2-ido-mysql", "mariadb"): partial(_icinga, folder="mysql"),
}
