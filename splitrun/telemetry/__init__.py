"""Sinks that keep what happened; they know events and nothing of screens."""

from splitrun.telemetry.jsonl import JsonLines

__all__ = ["JsonLines"]
