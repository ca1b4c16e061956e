"""A component of each kind, in a file each."""
