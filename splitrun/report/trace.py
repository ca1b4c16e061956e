"""A run's timeline for ui.perfetto.dev and chrome://tracing, in the Trace Event Format.

The file is written while the events are read, so that memory does not grow with the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import msgspec

from splitrun.errors import RunDirectoryError, UsageError
from splitrun.events import AnyEvent, Executed, RunStarted
from splitrun.files import create, is_directory, replace
from splitrun.report.trace_records import Record, Span, TraceTimeline
from splitrun.telemetry import Recording, read_events

_BATCH = 1024
_EVERYTHING = Span(-math.inf, math.inf)
_NOT_OF_A_STEP = ("DRAIN", "EVALUATE", "CHECKPOINT")
"""Instructions that carry the number of steps done."""


@dataclass(frozen=True)
class Steps:
    """Training steps `start` up to, not including, `stop`; None is the run's end."""

    start: int
    stop: int | None

    def __contains__(self, step: int) -> bool:
        return self.start <= step and (self.stop is None or step < self.stop)

    def __str__(self) -> str:
        return f"{self.start}:{'' if self.stop is None else self.stop}"


@dataclass(frozen=True)
class Written:
    """What a trace holds."""

    bytes: int
    missing_events: int
    """Events of a long run that its recording no longer keeps."""
    attempt: int
    """Above 1 for a run that was resumed or restarted."""
    first_step: int
    """The first step of that attempt."""


def write_trace(directory: Path, output: Path, steps: Steps | None = None) -> Written:
    """Write the trace of a recording, a run directory or an arm of a comparison.

    Args:
        steps: only the time from the first instruction of these steps to the last, with all that
            happened in it.

    Raises:
        RunDirectoryError: no recording, or a damaged one.
        UsageError: it has none of the steps, or the file cannot be written.
    """
    Recording(directory).close()  # before anything is written
    span = _EVERYTHING if steps is None else _span(directory, steps)
    if is_directory(output):
        raise UsageError(f"{output}: a directory; give --output the name of a file")
    temporary = output.with_name(f".{output.name}.tmp")
    try:
        with create(temporary) as file:  # a link that leads elsewhere is not written through
            missing, started = _write(directory, span, file)
            size = file.tell()
        replace(temporary, output)
    except OSError as error:
        message = f"{output}: cannot be written: {error.strerror}"
        raise UsageError(f"{message}; give another --output") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return Written(size, missing, started.attempt, started.first_step)


def _write(directory: Path, span: Span, file: BinaryIO) -> tuple[int, RunStarted]:
    """Gives how many events were missing, and the first."""
    missing = 0
    timeline: TraceTimeline | None = None

    def skip(events: int) -> None:
        nonlocal missing
        missing += events
        if timeline is not None:
            timeline.forget()

    events = read_events(directory, skip)
    records = _Records(file)
    started = next(events, None)
    if not isinstance(started, RunStarted):
        message = f"{directory}: its events do not begin with the start of a run"
        raise RunDirectoryError(f"{message}; give a directory that `splitrun train` has written")
    timeline = TraceTimeline(started, span, records.append)
    try:
        for event in events:
            timeline.fold(event)
    except LookupError as error:
        message = f"{directory}: damaged: an event of a role or link that is none of the run's"
        raise RunDirectoryError(f"{message}; restore the recording, or train again") from error
    timeline.end()
    records.end()
    return missing, started


class _Records:
    """The file's JSON, written bit by bit."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()
        self._waiting: list[Record] = []
        self._before = b'{"displayTimeUnit":"ms","traceEvents":[\n'

    def append(self, record: Record) -> None:
        self._waiting.append(record)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def end(self) -> None:
        if self._waiting:
            self._flush()
        self._file.write(b"\n]}\n")

    def _flush(self) -> None:
        self._file.write(self._before + b",\n".join(map(self._encoder.encode, self._waiting)))
        self._waiting.clear()
        self._before = b",\n"


def _span(directory: Path, steps: Steps) -> Span:
    start, end = math.inf, -math.inf
    for event in _of_steps(read_events(directory)):
        if event.step in steps:
            start, end = min(start, event.start), max(end, event.end)
    if start > end:
        there = {event.step for event in _of_steps(read_events(directory))}
        what = f"steps {_runs(sorted(there))}" if there else "no steps"
        raise UsageError(f"{directory}: --steps {steps}: the recording has {what}; give some of it")
    return Span(start, end)


def _runs(steps: Sequence[int]) -> str:
    """Ascending numbers as `0 to 19,999 and 860,000 to 999,999`."""
    breaks = [index for index in range(1, len(steps)) if steps[index] > steps[index - 1] + 1]
    edges = pairwise([0, *breaks, len(steps)])
    return " and ".join(f"{steps[start]:,} to {steps[end - 1]:,}" for start, end in edges)


def _of_steps(events: Iterable[AnyEvent]) -> Iterable[Executed]:
    for event in events:
        if (
            isinstance(event, Executed)
            and event.phase == "train"
            and event.op not in _NOT_OF_A_STEP
        ):
            yield event
