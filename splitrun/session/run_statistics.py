"""The statistics of a run: what its events add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from splitrun.events import EpochDone, Evaluated, Event, Executed, RunStarted, StepDone
from splitrun.plan import Plan
from splitrun.records.run import EpochRecord
from splitrun.runtime.clock import now


@dataclass
class StalenessStatistics:
    """How stale the gradients were that a role applied."""

    updates: int = 0
    total: int = 0
    max: int = 0

    @property
    def mean(self) -> float:
        """Over the updates; 0 without any."""
        return self.total / self.updates if self.updates else 0.0

    def add(self, staleness: int) -> None:
        """Take in one update."""
        self.updates += 1
        self.total += staleness
        self.max = max(self.max, staleness)


@dataclass
class RunStatistics:
    """Adds up a run's events as they come; a `Sink`.

    Training time runs from the start, or the end of an evaluation, to the moment when the last
    role has drained; from then to its end counts as evaluation.
    """

    steps: int = 0
    samples: int = 0
    train_s: float = 0.0
    evaluation_s: float = 0.0
    last_loss: float | None = None
    test: dict[str, float | None] = field(default_factory=dict)
    history: list[EpochRecord] = field(default_factory=list)
    """One record per epoch and evaluation: the lines of `metrics.jsonl`."""
    staleness: dict[str, StalenessStatistics] = field(default_factory=dict)
    """By role."""
    _start: float = 0.0
    _counted: float = 0.0

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> RunStatistics:
        """The statistics as they were when `state` told of them.

        Raises:
            ValueError: it did not.
        """
        return msgspec.convert(state, cls)

    def state(self) -> dict[str, Any]:
        """What the statistics say; JSON-ready."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in content.items() if not name.startswith("_")}

    def __call__(self, event: Event) -> None:
        """Enter one event."""
        match event:
            case RunStarted():
                self._start, self._counted = event.clock, self.train_s
                self.staleness = {
                    role: StalenessStatistics() for role in event.roles
                } | self.staleness
            case Executed(op="UPDATE"):
                self.staleness[event.role].add(event.staleness)
            case StepDone():
                self.steps += 1
                self.samples += event.rows
                self._extend(event.end)
            case Executed(op="DRAIN"):
                self._extend(event.end)
            case EpochDone():
                self.last_loss = event.loss
                loss = {"loss": event.loss}
                self.history.append(EpochRecord(epoch=event.epoch + 1, train=loss))
            case Evaluated():
                self.test = event.metrics
                self.evaluation_s += event.end - self._start - (self.train_s - self._counted)
                self.history.append(EpochRecord(epoch=event.epoch, test=event.metrics))
                self._start, self._counted = event.end, self.train_s

    def _extend(self, end: float) -> None:
        self.train_s = max(self.train_s, self._counted + end - self._start)


def run_started(plan: Plan, run_dir: str = "", attempt: int = 1, first_step: int = 0) -> RunStarted:
    """The first event of a run of this plan, whose clock starts now."""
    return RunStarted(
        run_dir=run_dir,
        schedule=plan.schedule,
        depth=plan.depth,
        steps=plan.steps,
        steps_per_epoch=plan.steps_per_epoch,
        samples=plan.epochs * plan.facts.train_rows,
        roles=tuple(role.name for role in plan.roles),
        channels=tuple(channel.name for channel in plan.channels),
        clock=now(),
        attempt=attempt,
        first_step=first_step,
        first_sample=plan.samples_before(first_step),
    )
