"""The statistics of a run: what its events add up to, role by role.

Roles work side by side, and nobody orders what they tell. So each role has a part of its own, which
depends on the order of its own events alone, and the whole is a combination of the parts. A
checkpoint keeps each role's part as it was at that role's own CHECKPOINT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from splitrun.events import (
    Classification,
    Decided,
    EpochDone,
    Evaluated,
    EvaluatedRows,
    Event,
    Executed,
    LinkMeasured,
    RunStarted,
    Sent,
    StepDone,
)
from splitrun.plan import Plan
from splitrun.records.run import EpochRecord, LinkRecord
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
class BestEvaluation:
    """Of the weights that a run that may stop early ends with."""

    step: int
    test: dict[str, float | None]
    validation: dict[str, float | None]
    classes: dict[EvaluatedRows, Classification] = field(default_factory=dict)


@dataclass
class TopStatistics:
    """What the top alone tells of: steps, losses and evaluations."""

    steps: int = 0
    samples: int = 0
    last_loss: float | None = None
    test: dict[str, float | None] = field(default_factory=dict)
    validation: dict[str, float | None] = field(default_factory=dict)
    classes: dict[EvaluatedRows, Classification] = field(default_factory=dict)
    best: BestEvaluation | None = None
    """Where the run may stop early."""
    stopped_early: bool = False
    history: list[EpochRecord] = field(default_factory=list)
    """One record per epoch and evaluation: the lines of `metrics.jsonl`."""
    earlier_train_s: float = 0.0
    """Of the attempts before this one, as is the next."""
    earlier_evaluation_s: float = 0.0
    clock: float = 0.0
    """When this attempt began."""
    evaluated: list[float] = field(default_factory=list)
    """When each of its evaluations ended."""


_COUNTED = frozenset({"UPDATE", "DRAIN", "PREDICT"})
"""Instructions that say something about a role."""


@dataclass
class RoleStatistics:
    """What the events of one role add up to."""

    staleness: StalenessStatistics = field(default_factory=StalenessStatistics)
    evaluations: int = 0
    """That it has begun in this attempt."""
    trained: list[float] = field(default_factory=list)
    """When it last trained, or drained, before each of them, and after the last one."""
    top: TopStatistics | None = None
    """The top's."""

    def enter(self, event: Executed) -> None:
        """Enter one of the role's instructions."""
        if event.op == "UPDATE":
            self.staleness.add(event.staleness)
        elif event.op == "DRAIN":
            self.extend(event.end)
        elif event.op == "PREDICT" and event.step == 0:
            self.evaluations += 1

    def extend(self, end: float) -> None:
        """It has trained until then."""
        self.trained[self.evaluations :] = [end]


class RunStatistics:
    """Adds up a run's events as they come; a `Sink`.

    Training time runs from the start, or the end of an evaluation, to the moment when the last
    role has drained; from then to its end counts as evaluation.
    """

    def __init__(self, roles: Mapping[str, RoleStatistics] | None = None) -> None:
        self._roles = dict(roles or {})
        self.links: dict[str, LinkRecord] = {}
        """Of this attempt, by direction, `bob->alice`: what real links were found to be like."""
        tops = (part.top for part in self._roles.values() if part.top is not None)
        self._top = next(tops, TopStatistics())

    @classmethod
    def of(cls, states: Mapping[str, Any]) -> RunStatistics:
        """The statistics as they were when `state` told of their roles.

        Raises:
            ValueError: it did not.
        """
        return cls(msgspec.convert(states, dict[str, RoleStatistics]))

    def state(self, role: str) -> dict[str, Any]:
        """What the role's part says now; JSON-ready."""
        state: dict[str, Any] = msgspec.to_builtins(self._roles[role])
        return state

    @property
    def steps(self) -> int:
        """Training steps that are done: by the top or, where that is elsewhere, by all bottoms."""
        updates = (part.staleness.updates for part in self._roles.values())
        return self._top.steps or min(updates, default=0)

    @property
    def samples(self) -> int:
        """Rows of those steps."""
        return self._top.samples

    @property
    def last_loss(self) -> float | None:
        """The mean over every sample of the last whole epoch."""
        return self._top.last_loss

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float | None]]:
        """What the last evaluation found or, where the run may stop early, the best one; by rows,
        `validation` and `test`, as far as there are some."""
        last = self._top.best or self._top
        parts = {"validation": last.validation, "test": last.test}
        return {part: metrics for part, metrics in parts.items() if metrics}

    @property
    def classes(self) -> Mapping[str, Classification]:
        """Likewise, what it found class by class."""
        return dict((self._top.best or self._top).classes.items())

    @property
    def best_step(self) -> int | None:
        """Of the best evaluation, where the run may stop early and one has found something."""
        return self._top.best.step if self._top.best else None

    @property
    def stopped_early(self) -> bool:
        """Whether the run has ended before its last step."""
        return self._top.stopped_early

    @property
    def decisive(self) -> Mapping[str, float | None]:
        """What decisions rest on: test rows decide nothing where there are validation rows."""
        return next(iter(self.metrics.values()), {})

    @property
    def history(self) -> list[EpochRecord]:
        """One record per epoch and evaluation: the lines of `metrics.jsonl`."""
        return self._top.history

    @property
    def staleness(self) -> Mapping[str, StalenessStatistics]:
        """By role."""
        return {role: part.staleness for role, part in self._roles.items()}

    @property
    def train_s(self) -> float:
        """Seconds of training, over all attempts."""
        return self._top.earlier_train_s + sum(self._trained_s())

    @property
    def evaluation_s(self) -> float:
        """Seconds of evaluations that are over, likewise."""
        begun, ended = self._starts(), self._top.evaluated
        spans = zip(begun, ended, self._trained_s(), strict=False)
        seconds = (end - start - trained_s for start, end, trained_s in spans)
        return self._top.earlier_evaluation_s + sum(seconds)

    def __call__(self, event: Event) -> None:
        """Enter one event."""
        self.take_all((event,))

    def take_all(self, events: Sequence[Event]) -> None:
        """Enter events, in their order."""
        roles = self._roles
        for event in events:
            if isinstance(event, Executed):
                if event.op in _COUNTED:
                    roles[event.role].enter(event)
            elif isinstance(event, RunStarted):
                self._begin(event)
                roles = self._roles
            elif not isinstance(event, Sent):
                self._enter(event)

    def _enter(self, event: Event) -> None:
        """What is told seldom."""
        match event:
            case LinkMeasured():
                self.links[f"{event.source}->{event.target}"] = LinkRecord(
                    latency_ms=event.latency_ms,
                    jitter_ms=event.jitter_ms,
                    bandwidth_mbps=event.bandwidth_mbps,
                )
            case StepDone():
                self._top.steps += 1
                self._top.samples += event.rows
                self._top_role.extend(event.end)
            case EpochDone():
                self._top.last_loss = event.loss
                loss = {"loss": event.loss}
                self._top.history.append(EpochRecord(epoch=event.epoch + 1, train=loss))
            case Evaluated():
                self._top.test, self._top.validation = event.metrics, event.validation
                self._top.classes = event.classes
                self._top.history.append(
                    EpochRecord(epoch=event.epoch, test=event.metrics, validation=event.validation)
                )
                self._top.evaluated.append(event.end)
            case Decided():
                top = self._top
                if event.best_step == event.step:
                    top.best = BestEvaluation(event.step, top.test, top.validation, top.classes)
                top.stopped_early = event.stops and event.step < self._planned_steps

    def _begin(self, event: RunStarted) -> None:
        """An attempt begins: what there was counts as earlier."""
        top, self._planned_steps = self._top, event.steps
        top.earlier_train_s, top.earlier_evaluation_s = self.train_s, self.evaluation_s
        top.clock, top.evaluated = event.clock, []
        self.links.clear()
        self._roles = {role: self._roles.get(role, RoleStatistics()) for role in event.roles}
        for part in self._roles.values():
            part.evaluations, part.trained = 0, []
        self._top_role = self._roles[event.roles[-1]]
        self._top_role.top = top

    def _starts(self) -> list[float]:
        """When training began, and when it went on after each evaluation."""
        return [self._top.clock, *self._top.evaluated]

    def _trained_s(self) -> Iterable[float]:
        """Seconds of training before each evaluation and after the last."""
        for index, start in enumerate(self._starts()):
            ends = [end for role in self._roles.values() for end in role.trained[index : index + 1]]
            yield max(0.0, max(ends, default=start) - start)


def run_started(
    plan: Plan,
    run_dir: str = "",
    attempt: int = 1,
    first_step: int = 0,
    roles: Sequence[str] = (),
) -> RunStarted:
    """The first event of a run of this plan, whose clock starts now.

    Args:
        roles: those that run here; all, if empty.
    """
    here = tuple(roles) or tuple(role.name for role in plan.roles)
    return RunStarted(
        run_dir=run_dir,
        schedule=plan.schedule,
        depth=plan.depth,
        steps=plan.steps,
        steps_per_epoch=plan.steps_per_epoch,
        samples=plan.epochs * plan.facts.train_rows,
        roles=here,
        channels=tuple(it.name for it in plan.channels if {it.source, it.target} & {*here}),
        clock=now(),
        attempt=attempt,
        first_step=first_step,
        first_sample=plan.samples_before(first_step),
        may_stop=plan.early_stopping is not None,
    )
