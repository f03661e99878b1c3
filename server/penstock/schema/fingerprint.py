"""The fingerprint of a schema: sha-256 over its canonical JSON, the same on every machine and in every
version of Python."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from penstock.schema.model import DatabaseSchema


def canonical(schema: DatabaseSchema) -> bytes:
    """The bytes that are stored and hashed.

    The database's own name is left out: a thousand tenants with one schema are one snapshot.
    """
    return msgspec.json.encode(msgspec.structs.replace(schema, name=""), order="deterministic")


def fingerprint(schema: DatabaseSchema) -> str:
    """``sha256:<hex>`` of the canonical form."""
    return "sha256:" + sha256(canonical(schema)).hexdigest()


def restore(data: bytes, name: str) -> DatabaseSchema:
    """The schema whose canonical bytes these are, for the database ``name``.

    Raises `msgspec.ValidationError`.
    """
    return msgspec.structs.replace(msgspec.json.decode(data, type=DatabaseSchema), name=name)
