"""A run as programs that track runs show it: by curves over its steps, parameters and texts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from splitrun.events import (
    EpochDone,
    Evaluated,
    Event,
    Executed,
    RunEnded,
    RunStarted,
    Sampled,
    Sent,
    StepDone,
)
from splitrun.records.run import Manifest, RunResult, read_manifest
from splitrun.telemetry.reading import ShareTally

_RATES_EVERY_S = 0.2
"""A throughput is that of so long, at least: steps end in bursts."""


class Point(NamedTuple):
    """Of a curve."""

    key: str
    value: float
    moment: float
    """On the events' clock, in seconds."""
    step: int


class Curves:
    """The curves of one attempt: losses of every step, evaluations, the machine; and, at the end,
    how each role has spent its time and what the run has come to."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._tally = ShareTally()
        self._directory = Path()
        self._step = self._samples = 0
        self._last = 0.0

    def take_all(self, events: Sequence[Event]) -> Sequence[Point]:
        """The points that these events tell, which come in their order."""
        self._tally.take_all(events)
        for event in events:
            if not isinstance(event, (Executed, Sent)):  # which most are
                self._take(event)
        points, self._points = self._points, []
        return points

    def _take(self, event: Event) -> None:
        match event:
            case StepDone():
                self._take_step(event)
            case EpochDone():
                self._add("train/epoch_loss", event.loss, event.end)
            case Evaluated():
                self._step = event.step
                self._add("epoch", event.epoch, event.end)
                for rows, metrics in event.by_rows.items():
                    for name, value in metrics.items():
                        self._add(f"{rows}/{name}", value, event.end)
            case Sampled():
                self._take_sample(event)
            case RunStarted():
                self._directory = Path(event.run_dir)
                self._step, self._samples, self._last = event.first_step, 0, event.clock
            case RunEnded():
                self._take_end(event)

    def _take_step(self, event: StepDone) -> None:
        self._step = event.step + 1
        self._samples += event.rows
        self._add("train/loss", event.loss, event.end)
        if event.end - self._last >= _RATES_EVERY_S:
            rate = self._samples / (event.end - self._last)
            self._add("train/samples_per_s", rate, event.end)
            self._samples, self._last = 0, event.end

    def _take_sample(self, sample: Sampled) -> None:
        self._add("machine/cpu_percent", sample.cpu_percent, sample.time)
        self._add("machine/memory_mib", sample.memory_bytes / 2**20, sample.time)
        for number, gpu in enumerate(sample.gpus):
            self._add(f"machine/gpu{number}_percent", gpu.busy_percent, sample.time)

    def _take_end(self, event: RunEnded) -> None:
        for role, share in self._tally.shares.items():
            for name, value in share.to_json().items():
                self._add(f"shares/{role}/{name}", value, event.end)
        manifest = read_manifest(self._directory)
        if manifest is not None and manifest.result is not None:
            for key, figure in _figures(manifest.result):
                self._add(key, figure, event.end)

    def _add(self, key: str, value: float | None, moment: float) -> None:
        if value is not None:
            self._points.append(Point(key, value, moment, self._step))


def _figures(result: RunResult) -> Iterator[tuple[str, float | None]]:
    """What a run came to: what runs are compared by."""
    for name in ("samples_per_s", "wall_s", "evaluation_s", "train_loss"):
        yield f"result/{name}", getattr(result, name)
    for rows, metrics in result.metrics.items():
        for name, value in metrics.items():
            yield f"result/{rows}/{name}", value
    for role, staleness in result.staleness.items():
        yield f"staleness/{role}/mean", staleness.mean
        yield f"staleness/{role}/max", staleness.max


def as_text(value: object) -> str:
    """A value of a spec: what is no text as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def texts_of(manifest: Manifest, directory: Path) -> Mapping[str, str]:
    """What was typed, where the run is, and by which software it was made."""
    texts = {
        "version": manifest.environment.splitrun,
        "directory": str(directory.resolve()),
        "status": "running",
        "message": "",
    }
    if manifest.attempts:
        attempt = manifest.attempts[-1]
        texts |= {
            "attempt": str(len(manifest.attempts)),
            "command": shlex.join(("splitrun", *attempt.asked.command)),
            "overrides": shlex.join(attempt.asked.overrides),
            "changes": "\n".join(attempt.changes),
        }
    return texts
