"""The jobs for CI in the documentation: their steps run as they stand there, as a CI system would run them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.conftest import Shell
from tests.docs.pages import DOCS, examples

PAGE = DOCS / "guide" / "ci.md"
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"


def job(mark: str) -> Any:
    """The YAML block that has this in it."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return yaml.safe_load(next(block for block in blocks if mark in block))


def github_steps() -> list[str]:
    """What the steps of the workflow run, but for the installation."""
    steps = job("runs-on")["jobs"]["deploy"]["steps"]
    return [step["run"] for step in steps if "run" in step and step["name"] != "Install"]


def gitlab_script() -> list[str]:
    """One shell for all lines, as GitLab's runner does."""
    return ["\n".join(job("before_script")["database"]["script"])]


@pytest.mark.parametrize(
    ("steps", "commit"), [(github_steps(), {"GITHUB_SHA": SHA}), (gitlab_script(), {"CI_COMMIT_SHA": SHA})]
)
def test_the_steps_of_a_job(
    steps: list[str], commit: dict[str, str], shell: tuple[Shell, dict[int, str]], tmp_path: Path
) -> None:
    known, _ = shell
    first = examples(PAGE)[0]
    script = re.sub(r"^(mkdir|echo|RELEASE=|penstock).*\n", "", first.script, flags=re.MULTILINE)
    tell = '\nprintf \'%s %s\\n\' "$PENSTOCK_SERVER" "$PENSTOCK_TOKEN"'
    made = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", known.known + "\n" + script + tell],
        env=known.environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=known.directory,
    )
    server, token = made.stdout.splitlines()[-1].split()
    kept = tmp_path / "env"
    kept.touch()
    (tmp_path / "migrations").mkdir()
    table = next(iter(commit)).lower()
    (tmp_path / "migrations" / f"V1_{len(table)}__job.sql").write_text(f"CREATE TABLE {table} (id bigint PRIMARY KEY);")
    env = {**known.environment, **commit, "PENSTOCK_SERVER": server, "PENSTOCK_TOKEN": token, "GITHUB_ENV": str(kept)}
    env["CI_COMMIT_SHORT_SHA"] = SHA[:8]
    printed = ""
    for step in steps:
        more = dict(line.partition("=")[::2] for line in kept.read_text().splitlines())
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step], env=env | more, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout
    assert printed.endswith("dev (dev): succeeded 1 succeeded\n")
