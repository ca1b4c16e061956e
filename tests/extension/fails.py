"""A module of a package that is out of order."""

raise RuntimeError("out of order")
