"""A directory as it lies on a disk: what is read of it, and what a checkout of somebody else's cannot reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.cli.remote import directory
from penstock.cli.remote.directory import changes_in
from penstock.domain.layouts.source import LayoutError


def codes(folder: Path) -> list[tuple[str, str]]:
    with pytest.raises(LayoutError) as caught:
        changes_in(folder)
    return [(m.path, m.code) for m in caught.value.mistakes]


def test_changes_are_what_the_api_takes(tmp_path: Path) -> None:
    (tmp_path / "1_a.up.sql").write_text("A")
    (tmp_path / "1_a.down.sql").write_text("-A")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "2_b.up.sql").write_text("B")
    one = {"version": "1", "name": "a", "statement": "A", "revert": "-A"}
    two = {"version": "2", "name": "b", "statement": "B"}
    assert changes_in(tmp_path) == ("golang-migrate", [one, two])
    more = {"engine": "postgres"}
    assert changes_in(tmp_path, engine="postgres") == ("golang-migrate", [one | more, two | more])


def test_hidden_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "V1__a.sql").write_text("A")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "V2__b.sql").write_text("B")
    assert [c["version"] for c in changes_in(tmp_path)[1]] == ["1"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    folder, secret = tmp_path / "folder", tmp_path / "secret"
    folder.mkdir()
    secret.mkdir()
    (secret / "V2__b.sql").write_text("hush")
    (folder / "V1__a.sql").write_text("A")
    (folder / "linked").symlink_to(secret, target_is_directory=True)
    (folder / "V3__c.sql").symlink_to(secret / "V2__b.sql")
    (folder / "V4__d.sql").symlink_to("nowhere")
    assert codes(folder) == [(name, "symbolic_link") for name in ("linked", "V3__c.sql", "V4__d.sql")]


def test_neither_a_large_script_nor_many_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "LARGEST", 10)
    monkeypatch.setattr(directory, "_MOST", 2)
    (tmp_path / "V1__a.sql").write_text("x" * 11)
    (tmp_path / "V2__b.sql").write_text("x" * 10)
    assert codes(tmp_path) == [("V1__a.sql", "too_large")]
    (tmp_path / "V1__a.sql").write_text("x")
    assert len(changes_in(tmp_path)[1]) == 2
    (tmp_path / "V3__c.sql").write_text("x")
    assert codes(tmp_path) == [(".", "too_many")]
