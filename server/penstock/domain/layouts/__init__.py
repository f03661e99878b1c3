"""Releases from a directory in the layouts of migration tools: `recognise` says which, `read` reads it."""
