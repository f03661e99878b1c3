"""The one MetaData of our own database, its naming convention, and the column shapes that every table shares."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

NOW = sa.text("now()")


def identity() -> sa.Column[int]:
    """A bigint identity primary key: integer ids are what people read out to each other."""
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def created_at() -> sa.Column[Any]:
    """When the row was made, by the database's clock."""
    return sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW)


def updated_at() -> sa.Column[Any]:
    """When the row last changed in a way that people care about; written by the services."""
    return sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW)


def version() -> sa.Column[int]:
    """Counts edits; the ETag of configuration resources."""
    return sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1"))


def time(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    """An aware UTC instant."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def json(name: str, default: str | None = None, *, nullable: bool = False) -> sa.Column[Any]:
    """A jsonb column; ``default`` is its JSON text."""
    server_default = sa.text(f"'{default}'::jsonb") if default is not None else None
    return sa.Column(name, pg.JSONB, nullable=nullable, server_default=server_default)


def ref(
    name: str, target: str, *, nullable: bool = False, ondelete: str | None = None, index: bool = False
) -> sa.Column[int]:
    """A bigint foreign key."""
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(target, ondelete=ondelete), nullable=nullable, index=index)


def one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    """A check that a text column holds one of the words that the domain knows."""
    words = ", ".join(f"'{v}'" for v in values)
    return sa.CheckConstraint(f'"{column}" IN ({words})', name=column)
