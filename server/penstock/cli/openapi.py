"""``penstock openapi``: the API's OpenAPI 3.1 document, for clients and for the UI's generated types."""

from __future__ import annotations

import json

import rich_click as click

from penstock import bootstrap


@click.command()
def openapi() -> None:
    """Print the OpenAPI document as JSON; needs no database."""
    click.echo(json.dumps(bootstrap.openapi_document(), indent=2, ensure_ascii=False))
