"""What is still to be done about more rows than one transaction may touch."""

from __future__ import annotations

import sqlalchemy as sa

from penstock.store.tables.base import created_at, identity, metadata, one_of, ref

ERRANDS = ("environment", "account", "above", "instance")

errand = sa.Table(
    "errand",
    metadata,
    identity(),
    sa.Column("kind", sa.Text, nullable=False),
    # The environment, account, project or instance that something happened to.
    sa.Column("subject_id", sa.BigInteger, nullable=False),
    # Where nothing starts until this is done.
    ref("environment_id", "environment.id", nullable=True, ondelete="CASCADE", index=True),
    # The last row that was dealt with.
    sa.Column("after_id", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    created_at(),
    one_of("kind", ERRANDS),
)
