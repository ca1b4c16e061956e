"""Progress without a terminal: a line every few seconds."""

from __future__ import annotations

from typing import TextIO

from splitrun.dashboard.stuck import stacks_text, stuck_text
from splitrun.dashboard.view import RunProgress
from splitrun.dashboard.words import (
    clock_text,
    evaluation_text,
    rate_text,
    value_text,
)
from splitrun.events import Evaluated, Event, RunEnded, RunStarted, StepDone, Stuck
from splitrun.terminal import plain

_EVERY_S = 3.0


class PlainLines:
    """A sink that writes a line every few seconds, at the last step, at every evaluation, and where
    the run is stuck."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._view = RunProgress()
        self._last: float | None = None
        self._run_dir = ""
        self._stuck_told: float | None = None

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self._view.fold(event)
        match event:
            case StepDone():
                self._last = self._view.start if self._last is None else self._last
                if event.end - self._last >= _EVERY_S or self._view.step == self._view.steps:
                    self._last = event.end
                    self._write(_progress(self._view, event.end))
            case Evaluated():
                self._write(evaluation_text(event))
            case RunStarted():
                self._run_dir = event.run_dir
            case Stuck():
                self._tell(event)
            case RunEnded(status="failed"):
                if text := stacks_text(self._run_dir):
                    self._write(text)

    def _tell(self, event: Stuck) -> None:
        told, time = self._stuck_told, event.time
        if event.over or told is None or time - told >= _EVERY_S:
            self._write(stuck_text(event))
            if not event.over:
                self._write(_progress(self._view, time))
            self._last, self._stuck_told = time, None if event.over else time

    def _write(self, line: str) -> None:
        print(plain(line), file=self._stream, flush=True)


def _progress(view: RunProgress, now: float) -> str:
    return (
        f"epoch {view.epoch}/{view.epochs}  step {view.step}/{view.steps}  "
        f"{rate_text(view.samples_per_s_at(now))}  loss {value_text(view.loss)}  "
        f"ETA {clock_text(view.eta_s_at(now))}"
    )
