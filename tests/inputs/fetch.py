"""Fetches the migration histories that the tests in this folder apply: pinned, checked, kept outside of the repository.

    python tests/inputs/fetch.py [--npm COMMAND]

Every package comes through its registry's ordinary client.  What is in the cache already is only checked.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.inputs.histories import HISTORIES, History, NotFetched, Script, cache, fingerprint
from tests.inputs.unpack import unpack


class FetchFailed(Exception):
    """A package cannot be had, or is not what is pinned."""


def main() -> int:
    """Fetch what is missing; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--npm", default="npm", help="the command that npm is, split as a shell would")
    npm = shlex.split(parser.parse_args().npm)
    failed = 0
    for history in HISTORIES:
        try:
            how = bring(history, npm)
        except (FetchFailed, NotFetched) as error:
            print(f"✗ {history} {history.version}: {error}", file=sys.stderr)
            failed += 1
        else:
            print(f"✓ {history} {history.version}: {how}", flush=True)
    return 1 if failed else 0


def bring(history: History, npm: list[str]) -> str:
    """Make sure that a history is in the cache, and say what was done.

    Raises:
        FetchFailed: it cannot be fetched, or is not what is pinned.
        NotFetched: what the cache has is not what is pinned.
    """
    if history.folder().exists():
        return f"{len(history.scripts())} files are there"
    with tempfile.TemporaryDirectory(prefix="penstock-inputs-") as directory:
        archive = download(history, Path(directory), npm)
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if history.archive not in (None, found):
            raise FetchFailed(f"the archive's sha-256 is {found}, pinned is {history.archive}")
        package = Path(directory, "package")
        extract(archive, package)
        scripts = unpack(history.name, history.engine, package)
    if (found := fingerprint(scripts)) != history.texts:
        raise FetchFailed(f"the sha-256 of its {len(scripts)} scripts is {found}, pinned is {history.texts}")
    keep(history, scripts)
    return f"{len(scripts)} files fetched"


def download(history: History, into: Path, npm: list[str]) -> Path:
    """Have the registry's client fetch the archive. Raises `FetchFailed`."""
    name, version = history.name, history.version
    if history.client == "pip":
        # One platform's wheel everywhere, so that there is one checksum; nothing of it is executed.
        platform = ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--only-binary", ":all:"]
        run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *platform, f"{name}=={version}"], into)
    elif history.client == "npm":
        run([*npm, "pack", "--silent", f"{name}@{version}"], into)
    else:
        run(["apt-get", "download", "--quiet", apt_version(name, version)], into)
    found = [path for path in into.iterdir() if path.is_file()]
    if len(found) != 1:
        raise FetchFailed(f"{history.client} brought {len(found)} files")
    return found[0]


def apt_version(name: str, version: str) -> str:
    """The package with the newest of the distribution's revisions of a version. Raises `FetchFailed`."""
    if shutil.which("apt-get") is None:
        raise FetchFailed("it is a package of Debian, and there is no apt-get here")
    offered = apt_revisions(name)
    if not offered:
        run(["apt-get", "update", "--quiet"], Path.cwd())
        offered = apt_revisions(name)
    for revision in offered:
        if revision.rpartition("-")[0] == version:
            return f"{name}={revision}"
    raise FetchFailed(f"the distribution offers {', '.join(offered) or 'none'}, pinned is {version}")


def apt_revisions(name: str) -> list[str]:
    """The versions that the distribution offers, newest first; none before its lists were fetched."""
    listed = subprocess.run(["apt-cache", "madison", name], capture_output=True, text=True, check=False).stdout
    return [line.split("|")[1].strip() for line in listed.splitlines() if line.count("|") >= 2]


def extract(archive: Path, into: Path) -> None:
    """Unpack a wheel, an npm package or a Debian package. Raises `FetchFailed`."""
    into.mkdir()
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if "/sql/" in name or "/schema/" in name:
                    wheel.extract(name, into)
    elif archive.suffix == ".tgz":
        with tarfile.open(archive) as tar:
            tar.extractall(into, filter="data")  # the filter refuses what would leave the folder
    else:
        run(["dpkg-deb", "--extract", str(archive), str(into)], into)


def keep(history: History, scripts: list[Script]) -> None:
    """Write the scripts into the cache, all or none."""
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as directory:
        fresh = Path(directory, "fresh")
        fresh.mkdir()
        for script in scripts:
            Path(fresh, f"{script.version}.sql").write_text(script.text, encoding="utf-8")
        fresh.rename(history.folder())


def run(command: list[str], where: Path) -> None:
    """Run a client. Raises `FetchFailed` with the end of what it said."""
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FetchFailed(f"{shlex.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
