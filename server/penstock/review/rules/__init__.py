"""The rules, one per file; ``catalogue`` lists them in the order in which their findings are shown."""
