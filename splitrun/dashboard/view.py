"""All there is to show of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from splitrun.dashboard.links import Links
from splitrun.dashboard.progress import RunProgress, Status
from splitrun.dashboard.roles import RoleView
from splitrun.events import (
    EpochDone,
    Evaluated,
    Event,
    Executed,
    LinkMeasured,
    RunEnded,
    RunStarted,
    Sampled,
    Sent,
    StepDone,
    Stuck,
)

_MARKS = 20
"""Marks of links that are made in the time that counts as the last seconds."""
_TELLING_STEPS = 3
"""The first one is slow."""
_STEP_CELLS = 16
"""Where a step takes longer than so many cells of the timeline, cells become longer."""
_SILENT_S = 2.0
"""A run of which nothing has been heard for so long is called silent: samples come far sooner."""


class RunView:
    """A run's events, folded.

    It is the view of one moment: `now`, the latest time that any event has told; or, where nothing
    has been heard since for longer than is usual, `present`.
    """

    def __init__(self) -> None:
        self.run_dir = ""
        self.schedule = ""
        self.now = 0.0
        self.unheard_s = 0.0
        """How long ago that was, as far as whoever watches another process can tell."""
        self.missing_events = 0
        self.progress = RunProgress()
        self.roles: dict[str, RoleView] = {}
        self.links = Links((), 0.0)
        self.machine = MachineView()
        self._missing_s = 0.0
        self._mark_at = 0.0
        self._gap_start: float | None = None

    def fold(self, event: Event) -> None:
        """Take in one event; those of unknown roles and channels tell nothing."""
        self.fold_all((event,))

    def fold_all(self, events: Iterable[Event]) -> None:
        """Take in events, in their order; likewise."""
        for event in events:
            if self._gap_start is not None:
                self._close_gap(moment(event))
            if isinstance(event, Executed):
                role = self.roles.get(event.role)
                if role is None:
                    continue
                role.fold(event)
                op, end = event.op, event.end
                if op == "RECV":
                    self.links.receive(event)
                elif op == "DRAIN" or (op == "UPDATE" and not self.progress.has_top):
                    self.progress.fold(event)
                if end > self.now:
                    self.now = end
                    if end > self._mark_at:
                        self._mark()
            elif isinstance(event, Sent):
                self.links.send(event)
            else:
                self._fold_rare(event)

    def _fold_rare(self, event: Event) -> None:
        """What comes once a step, or less often."""
        if isinstance(event, RunStarted):
            self._start(event)
            return
        if isinstance(event, Sampled):
            self.machine.fold(event)
        elif isinstance(event, Stuck):
            self._note_stuck(event)
        self.progress.fold(event)
        self._advance(moment(event))

    def note_gap(self, missing: int) -> None:
        """So many events are missing before the next one."""
        self.missing_events += missing
        self._gap_start = self.now
        self.progress.stuck = None
        self.links.forget()
        for role in self.roles.values():
            role.forget()
            role.is_stuck, role.is_idle, role.awaits = False, False, ""

    @property
    def silent_s(self) -> float:
        """For how long the run has been silent; 0 while it is not, or has ended."""
        return self.unheard_s if self.running and self.unheard_s >= _SILENT_S else 0.0

    @property
    def present(self) -> float:
        """This moment, with the time for which the run has been silent."""
        return self.now + self.silent_s

    @property
    def elapsed_s(self) -> float:
        """Since the run's start."""
        return self.now - self.progress.start

    @property
    def told_s(self) -> float:
        """As much of that as the events tell of."""
        return self.elapsed_s - self._missing_s

    @property
    def running(self) -> bool:
        """Whether the run has not told its end."""
        return self.progress.status == "running"

    def end(self, status: str, message: str) -> None:
        """The run is over, which its events do not tell."""
        for known in get_args(Status):
            if status == known != "running":
                self.progress.status, self.progress.message = known, message

    @property
    def ended_stuck(self) -> bool:
        """Whether the run ended while something was stuck."""
        return not self.running and self.progress.stuck is not None

    @property
    def has_failed(self) -> bool:
        """Whether the run has told that it failed."""
        return self.progress.status == "failed"

    def _start(self, event: RunStarted) -> None:
        self.run_dir, self.schedule, self.now = event.run_dir, event.schedule, event.clock
        self.progress.fold(event)
        self.roles = {name: RoleView(name, event.clock, event.first_step) for name in event.roles}
        self.links = Links(event.channels, event.clock, event.roles)

    def _note_stuck(self, event: Stuck) -> None:
        awaits = {wait.role: wait.peer for wait in event.waits}
        for name, role in self.roles.items():
            role.is_stuck = not event.over and event.cause == "role" and name == event.role
            role.is_idle = name in event.idle
            role.awaits = awaits.get(name, "")

    def _advance(self, time: float) -> None:
        self.now = max(self.now, time)
        if self.now > self._mark_at:
            self._mark()

    def _close_gap(self, time: float) -> None:
        if self._gap_start is not None and time > self._gap_start:
            self._missing_s += time - self._gap_start
            self.progress.skip_to(time)
        self._gap_start = None

    def _mark(self) -> None:
        """From time to time: remember where links are, and lengthen cells if steps are long."""
        self.links.mark(self.now)
        steps = self.progress.step - self.progress.first_step
        if steps >= _TELLING_STEPS:
            step_s = self.told_s / steps
            for role in self.roles.values():
                while step_s > _STEP_CELLS * role.timeline.cell_s:
                    role.timeline.coarsen()
        window_s = max((role.window_s() for role in self.roles.values()), default=0.0)
        self._mark_at = self.now + window_s / _MARKS


def moment(event: Event) -> float:
    """The latest moment that an event tells of."""
    match event:
        case RunStarted():
            return event.clock
        case Sampled() | Stuck() | LinkMeasured():
            return event.time
        case Sent():
            return event.start
        case Executed() | StepDone() | EpochDone() | Evaluated() | RunEnded():
            return event.end
    return 0.0


class MachineView:
    """The last sample, and the most memory of all; `fold` brings it up to date."""

    def __init__(self) -> None:
        self.last: Sampled | None = None
        self.peak_memory_bytes = 0

    def fold(self, event: Sampled) -> None:
        """Take in a sample."""
        self.last = event
        self.peak_memory_bytes = max(self.peak_memory_bytes, event.memory_bytes)
