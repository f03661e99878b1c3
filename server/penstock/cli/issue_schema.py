"""The JSON Schema of issue files, for editors: the API's own, with what such a file may say besides."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.web.schemas.issues import NewIssue

Json = dict[str, Any]

_ALSO_IN_FILES: Final = {"type": "string", "description": "A path below this file's folder; instead of statement."}


def issue_schema() -> Json:
    """JSON Schema (2020-12) of what `penstock issue create --file` reads."""
    (root,), definitions = msgspec.json.schema_components([NewIssue], ref_template="#/$defs/{name}")
    issue = definitions[root["$ref"].rpartition("/")[2]]
    pipeline, stage, task = (definitions[name]["properties"] for name in ("NewPipeline", "NewStage", "NewTask"))
    for holder in (issue["properties"], task, definitions["NewChange"]["properties"]):
        holder["file"] = _ALSO_IN_FILES
    definitions["NewChange"]["required"] = []  # a file instead of a statement
    stage["steps"] = {**stage["tasks"], "description": "Another word for tasks."}
    definitions["NewStage"]["required"] = ["environment"]
    by_name = {"type": "object", "additionalProperties": {"$ref": "#/$defs/NewStage"}}
    pipeline["stages"] = {"anyOf": [pipeline["stages"], by_name]}
    issue["properties"] |= {word: pipeline[word] for word in ("order", "fail_fast", "stages", "tasks")}
    issue["properties"]["version"] = {"description": "Of the format; there is one only."}
    issue["required"] = []  # the project and the title may be options
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **issue,
        "title": "A Penstock issue",
        "$defs": {name: made for name, made in definitions.items() if made is not issue},
    }
