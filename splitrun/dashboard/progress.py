"""How far a run has come: steps, throughput, loss and metrics, and how they were before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from splitrun.dashboard.history import History
from splitrun.events import Evaluated, Event, Executed, RunEnded, RunStarted, StepDone, Stuck

_WINDOW_S = 5.0
"""Throughput now is that of the last so many seconds."""
_BETWEEN_MARKS_S = 0.02

Status = Literal["running", "done", "failed", "interrupted", "killed"]


@dataclass
class RunProgress:
    """Steps, throughput, loss and metrics; `fold` brings it up to date."""

    has_top: bool = True
    """Whether the run's label holder is here; elsewhere nobody knows of losses, and a step is done
    once the bottom has taken its gradient."""
    steps: int = 0
    steps_per_epoch: int = 1
    depth: int = 1
    may_stop: bool = False
    """Whether it may end before its last step."""
    samples: int = 0
    start: float = 0.0
    status: Status = "running"
    message: str = ""
    """Why the run failed or was interrupted; what to do about one that was killed."""
    stuck: Stuck | None = None
    """What the run does not get past, or ended with."""
    step: int = 0
    """Steps done."""
    done_samples: int = 0
    first_step: int = 0
    """Those before were done by an earlier attempt of the run."""
    first_sample: int = 0
    train_s: float = 0.0
    """Until the last role drained; evaluations are outside the clock."""
    loss: float | None = None
    """A moving average over about one epoch, at most 100 steps."""
    metrics: dict[str, float | None] = field(default_factory=dict)
    rates: History = field(default_factory=History)
    """Samples a second."""
    losses: History = field(default_factory=History)
    evaluations: dict[str, History] = field(default_factory=dict)
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _unmarked: float = 0.0
    """From when on throughput is not known, and what was done before."""
    _unmarked_samples: int = 0
    _segment_start: float = 0.0
    _before_segment_s: float = 0.0

    def fold(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case StepDone():
                fresh = event.step + 1 - self.step  # more than one where events are missing
                self._note_loss(event)
                self._step_done(event.step, event.end, self.done_samples + fresh * event.rows)
            case Executed(op="UPDATE") if not self.has_top:
                samples = round(self.samples * (event.step + 1) / self.steps)
                self._step_done(event.step, event.end, samples)
            case Executed(op="DRAIN"):
                self._extend(event.end)
            case RunStarted():
                self.has_top = any(role.endswith(".top") for role in event.roles)
                self.steps, self.steps_per_epoch = event.steps, event.steps_per_epoch
                self.samples, self.depth = event.samples, event.depth
                self.may_stop = event.may_stop
                self.start = self._segment_start = self._unmarked = event.clock
                self.rates, self.losses = History(event.clock), History(event.clock)
                self.step = self.first_step = event.first_step
                self.done_samples = self.first_sample = event.first_sample
                self._unmarked_samples = event.first_sample
            case Evaluated():
                self._segment_start, self._before_segment_s = event.end, self.train_s
                self.metrics = {
                    f"{rows} {name}": value
                    for rows, metrics in event.by_rows.items()
                    for name, value in metrics.items()
                }
                for name, value in self.metrics.items():
                    if value is not None:
                        history = self.evaluations.setdefault(name, History(self.start))
                        history.add(value, event.end)
            case Stuck():
                self.stuck = None if event.over else event
            case RunEnded():
                self.status, self.message = event.status, event.message

    def skip_to(self, time: float) -> None:
        """Nothing is known of the time until then."""
        self._recent.clear()
        self._unmarked, self._unmarked_samples = time, self.done_samples

    def _note_loss(self, event: StepDone) -> None:
        weight = max(1 / (event.step + 1), 1 / min(100, self.steps_per_epoch))
        self.loss = event.loss if self.loss is None else self.loss
        self.loss += weight * (event.loss - self.loss)
        self.losses.add(self.loss, event.end)

    def _step_done(self, step: int, end: float, done_samples: int) -> None:
        self.step, self.done_samples = step + 1, done_samples
        self._extend(end)
        self._mark(end)

    def _extend(self, end: float) -> None:
        self.train_s = max(self.train_s, self._before_segment_s + end - self._segment_start)

    def _mark(self, end: float) -> None:
        """Note when a step ended: of a pipeline, whose steps end in bursts, every `depth`-th."""
        recent = self._recent
        if (self.step - 1) % self.depth or (recent and end < recent[-1][0] + _BETWEEN_MARKS_S):
            return
        since, before = recent[-1] if recent else (self._unmarked, self._unmarked_samples)
        self.rates.spread(self.done_samples - before, since, end)
        recent.append((end, self.done_samples))
        while len(recent) > 2 and end - recent[0][0] > _WINDOW_S:
            recent.popleft()

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return self.steps // self.steps_per_epoch

    @property
    def epoch(self) -> int:
        """The epoch that is on, from 1."""
        return min(self.step // self.steps_per_epoch + 1, self.epochs)

    @property
    def samples_per_s(self) -> float | None:
        """Throughput of the last seconds before the last step's end."""
        return self.samples_per_s_at(self._recent[-1][0]) if self._recent else None

    def samples_per_s_at(self, now: float) -> float | None:
        """Throughput of the last seconds, which do not begin before the first step's end.

        The time since the last step's end counts as far as it is more than there was between steps
        of late; so where nothing more comes, it falls to 0.
        """
        recent = self._recent
        if len(recent) < 2:
            return None
        end, after = recent[-1]
        usual_s = max(later - earlier for (earlier, _), (later, _) in pairwise(recent))
        end += max(0.0, now - end - usual_s)
        since = end - max(_WINDOW_S, usual_s)
        if recent[-1][0] <= since:
            return 0.0
        start, before = max((mark for mark in recent if mark[0] <= since), default=recent[0])
        return (after - before) / (end - start)

    @property
    def average_samples_per_s(self) -> float | None:
        """Throughput so far, of this attempt of the run."""
        fresh = self.done_samples - self.first_sample
        return fresh / self.train_s if fresh and self.train_s else None

    @property
    def eta_label(self) -> str:
        """What the seconds to go are called: a run that may stop early needs no more."""
        return "ETA at most" if self.may_stop else "ETA"

    def eta_s_at(self, now: float) -> float | None:
        """Seconds to go at the throughput of the last seconds; unknown while something is stuck."""
        rate = self.samples_per_s_at(now)
        return (self.samples - self.done_samples) / rate if rate and not self.stuck else None
