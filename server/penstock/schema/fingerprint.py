"""The fingerprint of a schema: sha-256 over its canonical JSON, the same on every machine and in every
version of Python."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from penstock.schema.model import ONE_NAMESPACE, DatabaseSchema

FORM: Final = 2  # to be raised when we begin to read more of a database, or to write it down in another way


def canonical(schema: DatabaseSchema) -> bytes:
    """The bytes that are stored and hashed.

    The database's own name is left out, also where its only namespace bears it: a thousand tenants with one schema are
    one snapshot.
    """
    return msgspec.json.encode(_renamed(schema, schema.name, ""), order="deterministic")


def fingerprint(schema: DatabaseSchema) -> str:
    """``sha256:<hex>`` of the canonical form."""
    return "sha256:" + sha256(canonical(schema)).hexdigest()


def restore(data: bytes, name: str) -> DatabaseSchema:
    """The schema whose canonical bytes these are, for the database ``name``.

    Raises `msgspec.ValidationError`.
    """
    return _renamed(msgspec.json.decode(data, type=DatabaseSchema), "", name)


def _renamed(schema: DatabaseSchema, old: str, new: str) -> DatabaseSchema:
    if schema.engine not in ONE_NAMESPACE:
        return msgspec.structs.replace(schema, name=new)
    namespaces = tuple(
        msgspec.structs.replace(found, name=new) if found.name == old else found for found in schema.schemas
    )
    return msgspec.structs.replace(schema, name=new, schemas=namespaces)
