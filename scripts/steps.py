"""The steps of the test run: what each needs and runs, and how its tests are counted."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import provision

TESTS = provision.ROOT / "tests"
STEP_SECONDS = 1800


@dataclass
class Count:
    """How many tests, or checks that are one command each, went well or not."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


# Where a thread's commands print, if not in the open.
_shown = threading.local()


@contextmanager
def kept() -> Iterator[Callable[[], str]]:
    """Keep what this thread's commands print, while others print too; what it yields answers it."""
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        _shown.file = file
        try:
            yield lambda: (file.seek(0), file.read())[1]
        finally:
            del _shown.file


def _say(line: str) -> None:
    print(line, file=getattr(_shown, "file", None), flush=True)


def lint() -> Count:
    """Style, and that every file is formatted."""
    return _check("ruff", "check", ".") + _check("ruff", "format", "--check", ".")


def types() -> Count:
    """Types."""
    return _check("mypy")


def imports() -> Count:
    """Which layer may import which."""
    return _check("lint-imports")


def suite(*paths: str, marks: str = "not inputs", without: str | None = None) -> Callable[[list[str]], Count]:
    """Answer a step that runs pytest over directories or files of tests, without one of these."""
    less = [f"--ignore={without}"] if without else []

    def step(extra: list[str]) -> Count:
        existing = [path for path in paths if Path(provision.ROOT, path.split("::")[0]).exists()]
        # Whoever asks for more than is usual gets the time that it takes.
        seconds = None if extra else STEP_SECONDS
        return _pytest([*existing, *less, "-m", marks, *extra], seconds) if existing else Count()

    return step


def fetch() -> Count:
    """Packages that serve as inputs of tests, through the clients of their registries; pinned and checked."""
    environment, npm = provision.node()
    return _command([str(provision.PYTHON), "tests/inputs/fetch.py", "--npm", shlex.join(npm)], environment=environment)


def frontend() -> Count:
    """The UI: style, types, unit tests, the API description, the build and its size."""
    environment = _build()  # first: it also writes the tree of routes, which all others read
    count = _command(["node", "scripts/size.mjs"], cwd=provision.UI, environment=environment)
    count += _npx("biome", "check")
    count += _npx("tsc", "--noEmit")
    count += _command([str(provision.PYTHON), "scripts/check_openapi.py"])
    return count + _vitest()


def browser() -> Count:
    """Flows through the real server in a real browser."""
    _build()
    return _vitest("--config", "e2e/vitest.config.ts") if (provision.UI / "e2e").exists() else Count()


def chromium() -> str | None:
    """Answer the path of a Chromium, if there is one."""
    named = os.environ.get("CHROMIUM")
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return named or next(filter(None, found), None)


def _build() -> dict[str, str]:
    with provision.alone():
        provision.ui_build()
        return provision.node()[0]


def _check(program: str, *arguments: str) -> Count:
    return _command([str(provision.VENV / "bin" / program), *arguments])


def _pytest(arguments: list[str], seconds: float | None) -> Count:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "report.xml")
        slowest = ["--durations=15", "--durations-min=2"]
        command = [str(provision.PYTHON), "-m", "pytest", f"--junit-xml={report}", *slowest, *arguments]
        code = _execute(command, seconds=seconds)
        if code == 5:  # nothing was selected
            return Count()
        if not report.exists():
            return Count(failed=1)
        count = Count()
        for result in ElementTree.parse(report).iter("testsuite"):
            tests, skipped = int(result.get("tests", 0)), int(result.get("skipped", 0))
            failed = int(result.get("failures", 0)) + int(result.get("errors", 0))
            count += Count(max(0, tests - failed - skipped), failed, skipped)
    return count if count.failed or not code else count + Count(failed=1)


def _vitest(*arguments: str) -> Count:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "report.json")
        reporters = ["--reporter=default", "--reporter=json", f"--outputFile.json={report}"]
        command, environment = _npx_command("vitest", "run", *reporters, *arguments)
        if binary := chromium():
            environment["CHROMIUM"] = binary
        code = _execute(command, cwd=provision.UI, environment=environment)
        if not report.exists():
            return Count(failed=1)
        result = json.loads(report.read_text())
    count = Count(
        passed=result["numPassedTests"],
        failed=result["numFailedTests"],
        skipped=result["numPendingTests"] + result["numTodoTests"],
    )
    return count if count.failed or not code else count + Count(failed=1)


def _npx(*arguments: str) -> Count:
    command, environment = _npx_command(*arguments)
    return _command(command, cwd=provision.UI, environment=environment)


def _npx_command(program: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    environment, _ = provision.node()
    return [f"node_modules/.bin/{program}", *arguments], environment


def _command(command: list[str], cwd: Path = provision.ROOT, environment: dict[str, str] | None = None) -> Count:
    return Count(failed=1) if _execute(command, cwd, environment) else Count(passed=1)


def _execute(
    command: list[str],
    cwd: Path = provision.ROOT,
    environment: dict[str, str] | None = None,
    seconds: float | None = STEP_SECONDS,
) -> int:
    """Run a command and answer its exit code; whatever takes too long is ended."""
    _say(f"$ {shlex.join(command)}")
    out = getattr(_shown, "file", None)
    environment = dict(environment or os.environ)
    # Tests start hundreds of processes that load Penstock; each would compile all of it where no bytecode is kept.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=out, stderr=out)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        _say(f"Not done after {seconds} s: ended.")
        return 1
    finally:
        process.terminate()
        process.wait()
