"""Runs that are killed at random moments, resumed until they are done, and compared with runs that
nobody disturbed: `python -m tests.chaos [N]`."""
