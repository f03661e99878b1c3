"""Receivers outside of Penstock: what is sent to them, and how.  Everything that they answer is hostile."""
