"""An issue as a file: YAML or JSON, the body of ``POST /issues`` with what is handy to write by hand.

- ``stages`` may be a mapping from names, as other CI systems write it, and what the pipeline says may stand at the top;
- ``steps`` is another word for ``tasks``;
- a ``file`` stands for a ``statement``: a path below the folder of the file that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from penstock.cli.remote.yaml import LARGEST, YamlError, loads

Json = dict[str, Any]

_OF_THE_PIPELINE: Final = ("order", "fail_fast", "stages", "tasks")


class IssueFileError(ValueError):
    """The file is not an issue; the message says where."""


def read(path: Path) -> Json:
    """The body of ``POST /issues`` that a file stands for.

    Raises:
        IssueFileError: it cannot be read, is too large, or says what it may not.
    """
    text = _text(path)
    try:
        return body_of(loads(text), path.parent)
    except YamlError as error:
        raise IssueFileError(f"{path}: {error}") from error
    except IssueFileError as error:
        raise IssueFileError(f"{path}: {error}") from error


def body_of(document: Any, folder: Path) -> Json:
    """The same for what was read already; files that it names are below ``folder``. Raises `IssueFileError`."""
    body = dict(_mapping(document, "The file"))
    body.pop("version", None)  # of the format, as others write it; there is one only
    said = [word for word in _OF_THE_PIPELINE if word in body]
    if said and "pipeline" in body:
        raise IssueFileError(f"{said[0]} stands beside pipeline: say it inside.")
    if said:
        body["pipeline"] = {word: body.pop(word) for word in said}
    if "pipeline" in body:
        body["pipeline"] = _pipeline(_mapping(body["pipeline"], "pipeline"), folder)
    if isinstance(body.get("release"), dict) and "changes" in body["release"]:
        changes = _list(body["release"]["changes"], "release.changes")
        body["release"] = {
            **body["release"],
            "changes": [_with_statement(change, f"release.changes[{n}]", folder) for n, change in enumerate(changes)],
        }
    return _with_statement(body, "The file", folder)


def _pipeline(pipeline: Mapping[str, Any], folder: Path) -> Json:
    made = dict(pipeline)
    if "tasks" in made:
        made["tasks"] = _tasks(made["tasks"], "tasks", folder)
    if "stages" in made:
        given = made["stages"]
        if isinstance(given, dict):
            given = [{"name": name, **_mapping(stage, f"stages.{name}")} for name, stage in given.items()]
        made["stages"] = [_stage(stage, f"stages[{n}]", folder) for n, stage in enumerate(_list(given, "stages"))]
    return made


def _stage(stage: Any, where: str, folder: Path) -> Json:
    made = dict(_mapping(stage, where))
    if "steps" in made:
        if "tasks" in made:
            raise IssueFileError(f"{where} has both steps and tasks; they are the same.")
        made["tasks"] = made.pop("steps")
    if "tasks" in made:
        made["tasks"] = _tasks(made["tasks"], f"{where}.tasks", folder)
    return made


def _tasks(tasks: Any, where: str, folder: Path) -> list[Json]:
    return [_with_statement(task, f"{where}[{n}]", folder) for n, task in enumerate(_list(tasks, where))]


def _with_statement(given: Any, where: str, folder: Path) -> Json:
    made = dict(_mapping(given, where))
    if "file" in made:
        if "statement" in made:
            raise IssueFileError(f"{where} has both file and statement.")
        made["statement"] = _text(_below(made.pop("file"), where, folder))
    return made


def _below(name: Any, where: str, folder: Path) -> Path:
    """A path of the file's own folder: a file from a pull request must not pick up what else is on the machine."""
    if not isinstance(name, str):
        raise IssueFileError(f"{where}.file must be a path.")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise IssueFileError(f"{where}.file leads out of the folder: {name}")
    return path


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise IssueFileError(f"{path} is larger than {LARGEST // 1_000_000} MB.")
        return data.decode()
    except OSError as error:
        raise IssueFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise IssueFileError(f"{path} is not UTF-8 (byte {error.start}).") from error


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise IssueFileError(f"{where} must be a mapping.")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise IssueFileError(f"{where} must be a list.")
    return value
