"""A PostgreSQL of our own: a child process for those who try Penstock without a database server.

Not for target databases, and not for production on more than one machine: give a database URL there.
"""

from penstock.embedded.errors import AlreadyRunning, EmbeddedPostgresError
from penstock.embedded.supervisor import EmbeddedPostgres

__all__ = ["AlreadyRunning", "EmbeddedPostgres", "EmbeddedPostgresError"]
