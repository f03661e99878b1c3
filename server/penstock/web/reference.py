"""The API reference for people, written from the OpenAPI document as one plain page: no script, nothing
from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
summary { cursor: pointer; padding: .25rem 0; }
details { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
details > div { padding: 0 0 .75rem 1.25rem; }
table { border-collapse: collapse; }
td { text-align: left; padding: .1rem 1.25rem .1rem 0; vertical-align: top; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
"""

_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; frame-ancestors 'none'; base-uri 'none'"


def page(document: Mapping[str, Any]) -> str:
    """The reference as HTML.

    Args:
        document: an OpenAPI 3.1 document.
    """
    title, version = escape(document["info"]["title"]), escape(document["info"]["version"])
    about = escape(document["info"]["description"])
    return "".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} API</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body><main><h1>{title} API {version}</h1>",
            f"<p>{about} As data: <a href='/api/openapi.json'>openapi.json</a>.</p>",
            *_operations(document),
            "<h2>Structures</h2>",
            *_structures(document["components"]["schemas"]),
            "</main></body></html>",
        ]
    )


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    slices: dict[str, list[str]] = {}
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                tag = next(iter(operation.get("tags") or ["other"]))
                slices.setdefault(tag, []).append(_operation(method, path, operation))
    for tag, entries in sorted(slices.items()):
        yield f"<h2>{escape(tag)}</h2>"
        yield from entries


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
        f"<td>{_type(p.get('schema', {}))}{' (required)' if p.get('required') else ''}</td></tr>"
        for p in operation.get("parameters", [])
    ]
    parts = [f"<p>{escape(operation.get('description') or '')}</p>"]
    if rows:
        parts.append(f"<table>{''.join(rows)}</table>")
    for media in operation.get("requestBody", {}).get("content", {}).values():
        parts.append(f"<p>Body: {_type(media['schema'])}</p>")
    for status, response in operation["responses"].items():
        types = [_type(media.get("schema", {})) for media in response.get("content", {}).values()]
        parts.append(f"<p>{escape(status)}: {', '.join(types) or 'nothing'}</p>")
    head = f"<span class='method'>{method.upper()}</span> <code>{escape(path)}</code>"
    return f"<details><summary>{head}</summary><div>{''.join(parts)}</div></details>"


def _structures(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        required = set(schema.get("required", []))
        rows = [
            f"<tr><td><code>{escape(field)}</code></td><td>{_type(inner)}"
            f"{' (required)' if field in required else ''}</td></tr>"
            for field, inner in schema.get("properties", {}).items()
        ]
        text = escape(schema.get("description") or "")
        body = f"<p>{text}</p><table>{''.join(rows)}</table>" if rows else f"<p>{text} {_type(schema)}</p>"
        head = f"<summary><code>{escape(name)}</code></summary>"
        yield f"<details id='{escape(name)}'>{head}<div>{body}</div></details>"


def _type(schema: Mapping[str, Any]) -> str:
    if reference := schema.get("$ref"):
        name = escape(str(reference).rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return " or ".join(_type(choice) for choice in choices)
    if words := schema.get("enum"):
        return " | ".join(f"<code>{escape(str(word))}</code>" for word in words)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type", "anything")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return escape(text + (f" ({schema['format']})" if "format" in schema else ""))
