"""What happened, as frozen records.

Runtimes emit these events; dashboards, logs, traces and reports read them and nothing else. Times
are seconds of one monotonic clock, counted from `RunStarted`'s `clock`. Steps count over the whole
run; `phase` tells a training batch from an evaluation batch of the same number.

On disk an event is one JSON object whose `type` names its class.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal

import msgspec

Phase = Literal["train", "evaluate", "decide"]
"""What a message is for: a training batch, a batch that is evaluated on, or what an evaluation has
decided."""

EvaluatedRows = Literal["validation", "test"]
"""Rows that decisions rest on, and rows that, where there are some of those, decide nothing."""

FALLING: Collection[str] = frozenset({"loss", "log_loss", "rmse", "mae"})
"""Metrics that are the better the less they are; of all others, more is better."""


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag=True):
    """Base of every event."""


class RunStarted(Event, frozen=True, gc=False):
    """The roles are about to start."""

    run_dir: str
    schedule: str
    depth: int
    """Largest depth of any bottom."""
    steps: int
    steps_per_epoch: int
    samples: int
    """Training samples that the whole run will process."""
    roles: tuple[str, ...]
    channels: tuple[str, ...]
    clock: float
    attempt: int = 1
    """A run that was resumed or restarted has had others before."""
    first_step: int = 0
    """Of this attempt: later ones go on from a checkpoint."""
    first_sample: int = 0
    """Training samples of the steps before it."""
    may_stop: bool = False
    """Whether the run may end before its last step."""


class Executed(Event, frozen=True, gc=False, omit_defaults=True):
    """A role finished one instruction."""

    role: str
    op: str
    phase: Phase
    step: int
    micro: int
    start: float
    end: float
    staleness: int = 0
    """Of an UPDATE: how many others there were since the forward of the batch it applies."""
    peer: str = ""
    """The role at the other end, of a SEND or RECV."""


class Sent(Event, frozen=True, gc=False):
    """A message entered a channel; it may be received from `arrive` on."""

    channel: str
    phase: Phase
    step: int
    micro: int
    bytes: int
    start: float
    arrive: float


class LinkMeasured(Event, frozen=True, gc=False, omit_defaults=True):
    """What one direction of a real link between two parties is like, as the run begins; keys of the
    spec's `links` mean the same."""

    source: str
    target: str
    latency_ms: float
    jitter_ms: float
    time: float
    bandwidth_mbps: float | None = None
    """None where messages took too little time to tell."""


class StepDone(Event, frozen=True, gc=False):
    """The label holder finished a training step, all of its micro-batches."""

    step: int
    epoch: int
    rows: int
    loss: float
    """Mean over the batch's rows, before the update."""
    end: float


class EpochDone(Event, frozen=True, gc=False):
    """The label holder finished an epoch."""

    epoch: int
    loss: float
    """Mean over every sample of the epoch."""
    end: float


class ClassFigures(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an evaluation comes to for one class or, of several labels, for the value of one that
    counts as 1."""

    name: str
    precision: float
    """Of the rows that are taken for it, the share that are of it; 0 where none is."""
    recall: float
    """Of its rows, the share that are taken for it; 0 where there are none."""
    f1: float
    support: float
    """Its rows, or what they count for."""
    metrics: dict[str, float | None] = {}
    """Of a label, what metrics come to for it; None where the rows do not define one."""


class CalibrationBin(msgspec.Struct, frozen=True, gc=False):
    """Rows of about the same probability."""

    predicted: float
    """Their mean probability."""
    observed: float
    """The share of them of which it is true."""
    count: float
    """The rows, or what they count for."""


class Classification(msgspec.Struct, frozen=True, gc=False):
    """What an evaluation comes to class by class."""

    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[float, ...], ...]
    """Rows by the class that they are of, and in it by the one that they are taken for; of several
    labels nothing."""
    calibration: tuple[CalibrationBin, ...]
    """Of the probability of the last of two classes or, of several, of the one that is chosen; of
    labels, of all their probabilities. A tenth of all probabilities each, where there are rows."""


class Evaluated(Event, frozen=True, gc=False, omit_defaults=True):
    """The model was evaluated on validation and test rows after `step` updates."""

    step: int
    epoch: int
    rows: int
    metrics: dict[str, float | None]
    """On the test rows: `loss` and the metrics asked for; None where the rows do not define one.
    Empty without test rows."""
    start: float
    end: float
    validation: dict[str, float | None] = {}
    """Likewise, on the validation rows."""
    classes: dict[EvaluatedRows, Classification] = {}
    """Of evaluations that the run may end with, where there are classes, class by class."""

    @property
    def by_rows(self) -> dict[EvaluatedRows, dict[str, float | None]]:
        """The metrics of the rows that there are."""
        parts: dict[EvaluatedRows, dict[str, float | None]] = {
            "validation": self.validation,
            "test": self.metrics,
        }
        return {part: metrics for part, metrics in parts.items() if metrics}


class Decided(Event, frozen=True, gc=False, omit_defaults=True):
    """The label holder has decided, by an evaluation after `step` updates, whether to go on."""

    step: int
    metric: str
    best_step: int
    """Of the best evaluation so far; 0 where none has found a value."""
    best: float | None
    """What that has found."""
    waited: int
    """Evaluations since."""
    end: float
    stops: bool = False
    """The run ends, with the weights of `best_step`."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A role that waits for another one."""

    role: str
    peer: str
    """The role that it wants a message of, or that is to take one."""
    for_s: float


class Stuck(Event, frozen=True, gc=False, omit_defaults=True):
    """Something takes much longer than usual.

    Comes when that is noticed, about once a second while it lasts, and when it is over; of a run
    that gets on, there are none.
    """

    role: str
    """The one that the others wait for in the end, which does not wait for a role itself."""
    at: str
    """Its instruction, such as `FORWARD 120`."""
    cause: Literal["role", "link", "ended", "circle"]
    """`role`: it has not come back; `link`: what was sent to it has not arrived; `ended`: it waits
    for a role that has ended; `circle`: roles wait for each other."""
    for_s: float
    """So long already; time in which the process stood still does not count, here and below."""
    left_s: float
    """When so much more has passed, the deadline is over."""
    time: float
    """Of which moment that is."""
    peer: str = ""
    """Whom a `link` or a wait is from or to."""
    waits: tuple[Waiting, ...] = ()
    """The roles that wait meanwhile."""
    idle: tuple[str, ...] = ()
    """Those that are at nothing: they have ended, or share the thread of the one that is stuck."""
    over: bool = False
    """It has gone on."""


class RunEnded(Event, frozen=True, gc=False):
    """The last event of every run, however it ended."""

    status: Literal["done", "failed", "interrupted"]
    message: str
    """Empty when the run is done."""
    end: float


class Gpu(msgspec.Struct, frozen=True, gc=False):
    """One graphics processor at one moment; None is what its driver does not tell."""

    name: str
    busy_percent: float | None
    """Share of the time in which a kernel ran, whoever's."""
    memory_bytes: int | None
    memory_total_bytes: int | None
    power_w: float | None


class Sampled(Event, frozen=True, gc=False):
    """How hard the machine and this process work."""

    time: float
    """The other figures are of this moment, the shares of the time since the sample before."""
    cpu_percent: float
    """Of this process; 100 is one core."""
    core_percents: tuple[float, ...]
    """Of each of the machine's cores, whoever's work."""
    memory_bytes: int
    """Resident, of this process."""
    threads: int
    descriptors: int
    """Open files, sockets and pipes of this process."""
    role_cpu_s: dict[str, float]
    """Processor seconds of each role's thread since it started; empty where roles share one."""
    gpus: tuple[Gpu, ...]


AnyEvent = (
    RunStarted
    | LinkMeasured
    | Executed
    | Sent
    | StepDone
    | EpochDone
    | Evaluated
    | Decided
    | Sampled
    | Stuck
    | RunEnded
)


def party_of(role: str) -> str:
    """The party that a role belongs to: `alice` of `alice.bottom`."""
    return role.rpartition(".")[0]


Emit = Callable[[Event], None]
"""How a role hands over an event: fast, thread-safe, never blocking."""

Sink = Callable[[Event], None]
"""Who reads events, in one thread and in order; `RunStarted` first and `RunEnded` last. One with a
method `take_all` is given them in lists: a run has thousands a second."""


def hand_over(events: Sequence[Event], sink: Sink) -> None:
    """Give a sink events, in their order, and all at once where it takes them so; of none it does
    not hear."""
    if not events:
        return
    take_all = getattr(sink, "take_all", None)
    if take_all is not None:
        take_all(events)
        return
    for event in events:
        sink(event)
