"""Recordings without a run: events made up, and written by the real sink."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from splitrun.events import Event, Executed, RunEnded, RunStarted, Sent
from splitrun.telemetry import JsonLines

CLOCK = 1000.0
"""When every run here starts."""
TOP, BOTTOMS = "a.top", ("a.bottom", "b.bottom")
ROLES = (*BOTTOMS, TOP)
CHANNELS = tuple(name for role in BOTTOMS for name in (f"{role}->{TOP}", f"{TOP}->{role}"))


def started(directory: Path | str = "", steps: int = 10) -> RunStarted:
    return RunStarted(
        run_dir=str(directory),
        schedule="stale",
        depth=2,
        steps=steps,
        steps_per_epoch=steps,
        samples=steps,
        roles=ROLES,
        channels=CHANNELS,
        clock=CLOCK,
    )


def executed(
    role: str, op: str, start: float, end: float, step: int = 0, peer: str = ""
) -> Executed:
    """An instruction; times in seconds from the run's start."""
    return Executed(role, op, "train", step, 0, CLOCK + start, CLOCK + end, peer=peer)


def sent(channel: str, start: float, arrive: float, step: int = 0) -> Sent:
    """A message; times in seconds from the run's start."""
    return Sent(channel, "train", step, 0, 100, CLOCK + start, CLOCK + arrive)


def ended(end: float) -> RunEnded:
    return RunEnded("done", "", CLOCK + end)


def record(
    directory: Path, events: Iterable[Event], *, part_bytes: int = 1 << 30, recent_parts: int = 2
) -> None:
    """Write a recording of these events, which begin with `RunStarted`."""
    directory.mkdir(parents=True, exist_ok=True)
    sink = JsonLines(part_bytes=part_bytes, recent_parts=recent_parts)
    for event in events:
        sink(event)


def long_run(directory: Path, steps: int) -> Sequence[Event]:
    """A run of one role that works a millisecond a step."""
    work = [executed(TOP, "LOSS", 0.001 * t, 0.001 * (t + 1), t) for t in range(steps)]
    return [started(directory, steps), *work, ended(0.001 * steps)]
