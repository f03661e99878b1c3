"""Penstock takes a database change from written SQL to applied exactly once, with proof of who allowed it."""

__version__ = "0.1.0"
