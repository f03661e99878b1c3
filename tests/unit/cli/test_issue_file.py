"""Issues as files: what may be left out, what stands for what, and what a file must not reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from penstock.cli.issue_schema import issue_schema
from penstock.cli.remote import issue_file
from penstock.cli.remote.issue_file import IssueFileError, body_of, read


def test_stages_by_name_and_steps_are_what_the_api_takes(tmp_path: Path) -> None:
    written = {
        "version": "1",
        "project": "shop",
        "order": "parallel",
        "stages": {"a": {"environment": "dev", "steps": [{"instance": "pg"}]}, "b": {"needs": ["a"], "tasks": []}},
    }
    assert body_of(written, tmp_path) == {
        "project": "shop",
        "pipeline": {
            "order": "parallel",
            "stages": [
                {"name": "a", "environment": "dev", "tasks": [{"instance": "pg"}]},
                {"name": "b", "needs": ["a"], "tasks": []},
            ],
        },
    }


def test_a_body_that_is_complete_stays_as_it_is(tmp_path: Path) -> None:
    body = {
        "title": "x",
        "release": {"changes": [{"statement": "SELECT 1"}]},
        "pipeline": {"tasks": [{"instance": "i"}]},
    }
    assert body_of(body, tmp_path) == body
    assert body_of(body_of(body, tmp_path), tmp_path) == body


def test_a_file_stands_for_a_statement_wherever_one_may_stand(tmp_path: Path) -> None:
    (tmp_path / "up.sql").write_text("SELECT 'ä';\n")
    written = {
        "release": {"changes": [{"version": "1", "file": "up.sql"}]},
        "stages": [{"name": "a", "tasks": [{"file": "./up.sql"}]}],
    }
    body = body_of(written, tmp_path)
    assert body["release"]["changes"] == [{"version": "1", "statement": "SELECT 'ä';\n"}]
    assert body["pipeline"]["stages"][0]["tasks"] == [{"statement": "SELECT 'ä';\n"}]
    assert body_of({"file": "up.sql"}, tmp_path) == {"statement": "SELECT 'ä';\n"}


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "link"])
def test_a_file_does_not_lead_out_of_its_folder(path: str, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    (tmp_path / "secret").write_text("hush")
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(IssueFileError, match="leads out of the folder"):
        body_of({"file": path}, folder)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "The file must be a mapping"),
        ({"stages": 3}, "stages must be a list"),
        ({"stages": [3]}, r"stages\[0\] must be a mapping"),
        ({"stages": {"a": []}}, "stages.a must be a mapping"),
        ({"stages": [{"name": "a", "tasks": [], "steps": []}]}, "both steps and tasks"),
        ({"stages": [], "pipeline": {}}, "stands beside pipeline"),
        ({"statement": "x", "file": "y"}, "both file and statement"),
        ({"file": 3}, "must be a path"),
        ({"file": "missing.sql"}, "cannot be read"),
    ],
)
def test_a_mistake_is_named_with_its_place(document: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(IssueFileError, match=says):
        body_of(document, tmp_path)


def test_a_file_that_is_no_text_or_no_yaml_says_which_it_was(tmp_path: Path) -> None:
    binary, broken = tmp_path / "binary.yaml", tmp_path / "broken.yaml"
    binary.write_bytes(b"\xff\xfe")
    broken.write_text("a: [")
    with pytest.raises(IssueFileError, match=r"binary\.yaml is not UTF-8"):
        read(binary)
    with pytest.raises(IssueFileError, match=r"broken\.yaml: Line 1"):
        read(broken)


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issue_file, "LARGEST", 20)
    (tmp_path / "up.sql").write_text("x" * 21)
    (tmp_path / "issue.yaml").write_text("file: up.sql")
    with pytest.raises(IssueFileError, match=r"up\.sql is larger"):
        read(tmp_path / "issue.yaml")
    (tmp_path / "up.sql").write_text("x" * 20)
    assert read(tmp_path / "issue.yaml") == {"statement": "x" * 20}


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ({"project": "shop", "title": "x", "statement": "SELECT 1", "targets": {"environments": ["dev"]}}, True),
        (
            {"version": "1", "stages": {"a": {"environment": "dev", "steps": [{"instance": "i", "file": "a.sql"}]}}},
            True,
        ),
        ({"stages": [{"name": "a", "environment": "dev", "tasks": [{"instance": "i"}], "batch": [1, "10%"]}]}, True),
        ({"release": {"changes": [{"version": "1", "file": "a.sql"}]}}, True),
        ({"tasks": [{"type": "database.create", "instance": "i", "database": "d", "encoding": "UTF8"}]}, True),
        ({"tasks": [{"type": "database.drop", "instance": "i", "database": "d"}]}, False),
        ({"titel": "x"}, False),
        ({"stages": {"a": {"environment": "dev", "tasks": [{"instanz": "i"}]}}}, False),
        ({"stages": [{"name": "a", "environment": "dev", "batch": ["200%"], "tasks": []}]}, False),
    ],
)
def test_an_editor_knows_what_may_stand_in_a_file(document: Any, valid: bool) -> None:
    assert jsonschema_rs.validator_for(issue_schema()).is_valid(document) is valid
