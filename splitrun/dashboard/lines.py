"""Progress without a terminal, a line every few seconds; and what a run is stuck at, in words."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import IO

from splitrun import units
from splitrun.dashboard.progress import RunProgress
from splitrun.events import (
    Decided,
    Evaluated,
    Event,
    Executed,
    RunEnded,
    RunStarted,
    StepDone,
    Stuck,
)
from splitrun.files import is_regular
from splitrun.units import SCREEN, plain

_MOST_NAMED = 3
"""Roles that wait for one and the same, by name."""
_LONG_S = 100.0


def stuck_text(event: Stuck, since_s: float | None = 0.0) -> str:
    """`stuck: bob.bottom at FORWARD 120 for 7.2 s; the deadline ends it in 12.8 s; alice.top waits
    for bob.bottom`; when it is over, `bob.bottom went on at FORWARD 120 after 7.2 s`.

    Args:
        since_s: how long ago that was told; None: the run has been stopped since then.
    """
    if event.over:
        return f"{event.role} went on at {event.at} after {_span(event.for_s)}"
    if since_s is None:
        parts = [f"it was stuck: {_place(event)} for {_span(event.for_s)}"]
    else:
        left_s = max(0.0, event.left_s - since_s)
        parts = [
            f"stuck: {_place(event)} for {_span(event.for_s + since_s)}",
            f"the deadline ends it in {_span(left_s)}",
        ]
    return "; ".join(filter(None, [*parts, _waits(event)]))


def stacks_text(run_dir: str) -> str:
    """Where to read what every thread of a run was at when a watchdog ended it; empty if nothing
    is there."""
    if not is_regular(Path(run_dir) / "stacks.txt"):
        return ""
    with suppress(ValueError, OSError):  # another drive, or no directory to be in
        run_dir = min(run_dir, os.path.relpath(run_dir), key=len)
    return f"stacks.txt in {run_dir} tells where threads were"


def _place(event: Stuck) -> str:
    match event.cause:
        case "link":
            return f"{event.peer}->{event.role} is silent, {event.at},"
        case "ended":
            return f"{event.role} at {event.at}, which has ended,"
        case "circle":
            return f"roles wait for each other, {event.role} at {event.at},"
        case _:
            return f"{event.role} at {event.at}"


def _waits(event: Stuck) -> str:
    """Who waits for whom, those that wait for the culprit first."""
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    for wait in event.waits:
        if wait.role != event.role:
            waiting[wait.peer].append(wait.role)
    peers = sorted(waiting, key=lambda peer: peer != event.role)
    return ", ".join(f"{_named(waiting[peer])} for {peer}" for peer in peers)


def _named(roles: list[str]) -> str:
    if len(roles) == 1:
        return f"{roles[0]} waits"
    if len(roles) > _MOST_NAMED:
        return f"{roles[0]} and {len(roles) - 1} more wait"
    return f"{' and '.join(roles)} wait"


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < _LONG_S else units.clock(seconds)


_WRITTEN_EVERY_S = 3.0


class PlainLines:
    """A sink that writes a line every few seconds, at the last step, at every evaluation, and where
    the run is stuck.

    Args:
        progress: of a run that has been watched until now; default: one that is to begin.
        run_dir: of that run.
        now: the time that it is there.
    """

    def __init__(
        self,
        stream: IO[str],
        progress: RunProgress | None = None,
        run_dir: str = "",
        now: float = 0.0,
    ) -> None:
        self._stream = stream
        self._view = progress or RunProgress()
        self._last = now
        self._waited_s = 0.0
        """Since then, for a peer, where the label holder is elsewhere."""
        self._peer = ""
        self._run_dir = run_dir
        self._stuck_told: float | None = None

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        step = self._view.step
        self._view.fold(event)
        match event:
            case StepDone() | Executed() if self._view.step > step:
                is_last = self._view.step == self._view.steps
                if is_last or event.end - self._last >= _WRITTEN_EVERY_S:
                    self._tell_progress(event.end)
            case Executed(op="RECV" | "SEND") if not self._view.has_top:
                self._peer = event.peer
                self._waited_s += event.end - max(event.start, self._last)
            case Evaluated() | Decided():
                if text := outcome_text(event, self._view.steps):
                    self._write(text)
            case RunStarted():
                self._run_dir, self._last = event.run_dir, event.clock
            case Stuck():
                self._tell(event)
            case RunEnded(status="failed"):
                if text := stacks_text(self._run_dir):
                    self._write(text)

    def _tell(self, event: Stuck) -> None:
        told, time = self._stuck_told, event.time
        if event.over or told is None or time - told >= _WRITTEN_EVERY_S:
            self._write(stuck_text(event))
            if not event.over:
                self._tell_progress(time)
            self._last, self._stuck_told = time, None if event.over else time

    def _tell_progress(self, time: float) -> None:
        view, span_s = self._view, time - self._last
        said = f"loss {SCREEN.value(view.loss)}"
        if not view.has_top:
            waited = min(1.0, self._waited_s / span_s) if span_s > 0 else None
            said = f"waits {SCREEN.rounded_share(waited)} for {self._peer}"
        self._write(
            f"epoch {view.epoch}/{view.epochs}  step {view.step}/{view.steps}  "
            f"{SCREEN.rate(view.samples_per_s_at(time))}  {said}  "
            f"{view.eta_label} {units.clock(view.eta_s_at(time))}"
        )
        self._last, self._waited_s = time, 0.0

    def _write(self, line: str) -> None:
        print(plain(line), file=self._stream, flush=True)


def outcome_text(event: Evaluated | Decided, steps: int) -> str:
    """What an evaluation has found or, of a run of so many steps, that it ends early by it; empty
    where it goes on."""
    if isinstance(event, Evaluated):
        return evaluation_text(event)
    return stopping_text(event) if event.stops and event.step < steps else ""


def evaluation_text(event: Evaluated) -> str:
    """`evaluated after epoch 4: loss 0.1251  auroc 0.9907`; with validation rows, which is said of
    each part's."""
    parts = {rows: SCREEN.metrics(metrics) for rows, metrics in event.by_rows.items()}
    told = parts.values() if not event.validation else (" ".join(each) for each in parts.items())
    return f"evaluated after epoch {event.epoch}: {'; '.join(told)}"


def stopping_text(event: Decided) -> str:
    """`stopped at step 120: no better loss in 3 evaluations than 0.4012, of step 60`."""
    evaluations = SCREEN.plural(event.waited, "evaluation")
    told = f"stopped at step {event.step}: no better {event.metric} in {evaluations}"
    if event.best is None:
        return told
    return f"{told} than {SCREEN.value(event.best)}, of step {event.best_step}"
