"""One training of fresh models whose only traces are numbers and, if asked for, its events."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from splitrun import runtime
from splitrun.events import Event, Executed, RunEnded, Sent, Sink
from splitrun.model import evaluate, weights_sha256
from splitrun.party import Parties
from splitrun.plan import Op, Plan, RoleFacts, check, compile, deadline_of
from splitrun.runtime import AffinityTuner
from splitrun.runtime.clock import now
from splitrun.session.attempt import Source
from splitrun.session.run_statistics import RunStatistics, run_started
from splitrun.spec import Spec, has_checksums
from splitrun.spec.model import Metric

RuntimeName = Literal["serial", "threaded"]


@dataclass(frozen=True)
class Subject:
    """What is trained: parties, under the spec that they share."""

    parties: Parties
    known: Mapping[str, RoleFacts] | None = None
    """Facts of the models by role, where they have been found out: a user's class then is not tried
    again, which takes longer than a short training."""

    @property
    def spec(self) -> Spec:
        """The parties'."""
        return self.parties.spec

    def under(self, spec: Spec) -> Subject:
        """The same with another spec of the same data and models."""
        return replace(self, parties=self.parties.under(spec))

    def plan(self) -> Plan:
        """The checked plan of the parties' models.

        Raises:
            SpecError: the models cannot be run that way, or the run has too few steps.
        """
        plan = compile(self.spec, self.parties.facts(self.known))
        check(plan)
        return plan

    def first_weights(self, plan: Plan) -> dict[str, str]:
        """Digests of the weights, by role, that trainings of a plan begin with."""
        return {name: stage.digest() for name, stage in self.parties.stages(plan).items()}

    def found_out(self, plan: Plan) -> Subject:
        """The same, with what is known since it was planned, or another seed or stretch of it."""
        return replace(self, known=plan.facts.roles)


@dataclass(frozen=True)
class Outcome:
    """What one training came to."""

    statistics: RunStatistics
    weights_sha256: str
    cpu_s: float
    """Processor seconds of the whole process while it ran, evaluations among them."""
    wall_s: float


@dataclass(frozen=True)
class Recorder:
    """Who watches a training."""

    directory: Path
    """What `RunStarted` names."""
    sinks: Sequence[Sink]
    sources: Sequence[Source]


def train_fresh(
    subject: Subject,
    kind: RuntimeName,
    metrics: Sequence[Metric] = (),
    recorder: Recorder | None = None,
    affinity_tuner: AffinityTuner | None = None,
) -> Outcome:
    """Train models made for it from their first weights to the end of the plan.

    Before it, what earlier trainings left behind is collected: the runtime keeps the collector off,
    so that nobody else would for long, and it must not fall into what is timed. Without a recorder
    its events are counted and dropped.

    Args:
        affinity_tuner: of earlier trainings like it, which knows where roles belong.

    Raises:
        RunFailed: a role failed.
    """
    gc.collect()
    spec, parties = subject.spec, subject.parties
    plan = compile(spec, parties.facts(subject.known))
    stages = parties.stages(plan)
    books = _Recorded(plan, recorder) if recorder else _Counted(plan)
    cpu_s, start = time.process_time(), now()
    with ExitStack() as stack:
        for source in recorder.sources if recorder else ():
            stack.enter_context(source(books.emit))
        runtime.run(
            plan,
            stages,
            parties.feeds(plan),
            partial(evaluate, spec.top.loss, metrics),
            runtime=kind,
            intra_op_threads=spec.runtime.intra_op_threads,
            emit=books.emit,
            poll=books.enter,
            checksums=has_checksums(spec),
            deadline=deadline_of(spec, plan),
            affinity_tuner=affinity_tuner,
        )
        wall_s, cpu_s = now() - start, time.process_time() - cpu_s
    books.close()
    digests = {name: stage.digest() for name, stage in stages.items()}
    return Outcome(books.statistics, weights_sha256(digests), cpu_s, wall_s)


class _Recorded:
    """A statistics and sinks that are told everything."""

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        self.statistics = RunStatistics()
        self._sinks: tuple[Sink, ...] = (self.statistics, *recorder.sinks)
        self._events: deque[Event] = deque([run_started(plan, str(recorder.directory))])
        self.emit = self._events.append

    def enter(self) -> None:
        """Called in this thread."""
        while self._events:
            event = self._events.popleft()
            for sink in self._sinks:
                sink(event)

    def close(self) -> None:
        self._events.append(RunEnded("done", "", now()))
        self.enter()


class _Counted:
    """Statistics that hear what they count and nothing else: this must not cost what it times."""

    def __init__(self, plan: Plan) -> None:
        self.statistics = RunStatistics()
        self._events: deque[Event] = deque([run_started(plan)])

    def emit(self, event: Event) -> None:
        """Called in the roles' threads."""
        counts = event.op == Op.DRAIN if isinstance(event, Executed) else True
        if counts and not isinstance(event, Sent):
            self._events.append(event)

    def enter(self) -> None:
        """Called in this thread."""
        while self._events:
            self.statistics(self._events.popleft())

    close = enter
