"""A file that another of the user's imports only while it runs."""

SCALE = 0.5
