"""One training of fresh models whose only traces are numbers: no run directory, no sinks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from splitrun import runtime
from splitrun.data import Data
from splitrun.events import Event, Executed, Sent
from splitrun.model import assemble, evaluate
from splitrun.plan import Op, Plan, check, compile
from splitrun.runtime.clock import now
from splitrun.session.feeds import feeds
from splitrun.session.ledger import Ledger, run_started
from splitrun.session.store import weights_sha256
from splitrun.spec import Spec
from splitrun.spec.model import Metric

RuntimeName = Literal["serial", "threaded"]


@dataclass(frozen=True)
class Subject:
    """What is trained: a spec, its data, and where its custom classes are looked up."""

    spec: Spec
    data: Data
    directory: Path

    def plan(self) -> Plan:
        """The checked plan.

        Raises:
            SpecError: the models cannot be run that way, or the run has too few steps.
        """
        plan = compile(self.spec, assemble(self.spec, self.data, self.directory).facts)
        check(plan)
        return plan


@dataclass(frozen=True)
class Outcome:
    """What one training came to."""

    ledger: Ledger
    weights_sha256: str
    cpu_s: float
    """Processor seconds of the whole process while it ran, evaluations among them."""
    wall_s: float


def train_fresh(subject: Subject, kind: RuntimeName, metrics: Sequence[Metric] = ()) -> Outcome:
    """Train models made for it from their first weights to the end of the plan.

    Raises:
        RunFailed: a role failed.
    """
    spec = subject.spec
    models = assemble(spec, subject.data, subject.directory)
    plan = compile(spec, models.facts)
    bottoms, top = models.stages(spec, plan)
    books = _Books(plan)
    cpu_s, start = time.process_time(), now()
    runtime.run(
        plan,
        bottoms,
        top,
        feeds(subject.data, plan),
        partial(evaluate, spec.top.loss, metrics),
        runtime=kind,
        intra_op_threads=spec.runtime.intra_op_threads,
        emit=books.emit,
        attend=books.enter,
    )
    wall_s, cpu_s = now() - start, time.process_time() - cpu_s
    books.enter()
    return Outcome(books.ledger, weights_sha256(models.modules), cpu_s, wall_s)


class _Books:
    """A ledger that is handed what it counts and nothing else: this must not cost what it times."""

    def __init__(self, plan: Plan) -> None:
        self.ledger = Ledger()
        self._events: deque[Event] = deque()
        self.ledger(run_started(plan))

    def emit(self, event: Event) -> None:
        """Called in the roles' threads."""
        counts = event.op == Op.DRAIN if isinstance(event, Executed) else True
        if counts and not isinstance(event, Sent):
            self._events.append(event)

    def enter(self) -> None:
        """Called in this thread."""
        while self._events:
            self.ledger(self._events.popleft())
