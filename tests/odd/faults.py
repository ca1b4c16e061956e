"""Cases that are not yet as they should be: they fail, and say so when they no longer do."""

FAULTS: frozenset[str] = frozenset()
