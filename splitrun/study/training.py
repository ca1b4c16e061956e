"""One training of fresh models whose only traces are numbers and, if asked for, its events.

What arms begin as is compared, too: what differs at the end is then the arms' doing. Initial
weights are a matter of the seed alone. A module of one's own can break that, by what it keeps
between builds or draws elsewhere; its arms would be compared for what they are not.
"""

from __future__ import annotations

import gc
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

from torch import nn

from splitrun.events import Event, Executed, RunEnded, Sampled, Sent, Sink, hand_over
from splitrun.lock import locked
from splitrun.model import weights_sha256
from splitrun.party import Parties
from splitrun.plan import Op, Plan, RoleFacts, check, compile
from splitrun.records.comparison import Shares, Traffic
from splitrun.runtime import AffinityTuner, Job, Observer, find_runtime
from splitrun.runtime.clock import now
from splitrun.session.attempt import Source
from splitrun.session.job import job_of
from splitrun.session.run_statistics import RunStatistics, run_started
from splitrun.spec import Spec
from splitrun.telemetry import JsonLines, Sampler, shares
from splitrun.usage import cpu_s

RuntimeName = str


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

    def job(self, metrics: Sequence[str] = ()) -> Job:
        """One training of fresh models, from their first weights to the end of the plan.

        Args:
            metrics: of evaluations, besides the loss.
        """
        plan = compile(self.spec, self.parties.facts(self.known))
        return job_of(self.parties, plan, metrics)

    def first_weights(self, plan: Plan) -> dict[str, str]:
        """Digests of the weights, by role, that trainings of a plan begin with."""
        return {name: stage.digest() for name, stage in self.parties.stages(plan).items()}

    def with_facts_of(self, plan: Plan) -> Subject:
        """The same, with the facts of a plan of it, which may have another seed or other steps."""
        return replace(self, known=plan.facts.roles)


@dataclass(frozen=True)
class TrainingOutcome:
    """What one training came to."""

    statistics: RunStatistics
    weights_sha256: str
    cpu_s: float
    """Processor seconds of the whole process while it ran, evaluations among them."""
    wall_s: float
    modules: Mapping[str, nn.Module]
    """By role; trained, unless the runtime has them trained in other processes."""


@dataclass(frozen=True)
class Recorder:
    """Who watches a training."""

    directory: Path
    """What `RunStarted` names."""
    sinks: Sequence[Sink]
    sources: Sequence[Source]

    @classmethod
    def showing(cls, name: str, sinks: Sequence[Sink]) -> Recorder | None:
        """Who shows a training of this name, with what it does to the machine; nobody without
        sinks."""
        return cls(Path(name), sinks, [Sampler]) if sinks else None


def train_fresh(
    subject: Subject,
    kind: RuntimeName,
    metrics: Sequence[str] = (),
    recorder: Recorder | None = None,
    affinity_tuner: AffinityTuner | None = None,
) -> TrainingOutcome:
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
    job = replace(subject.job(metrics), affinity_tuner=affinity_tuner)
    events = _Recorded(job.plan, recorder) if recorder else _Counted(job.plan)
    used_s, start = cpu_s(), now()
    with ExitStack() as stack:

        def begin() -> None:
            nonlocal used_s, start
            used_s, start = cpu_s(), now()
            events.begin()
            for source in recorder.sources if recorder else ():
                stack.enter_context(source(events.emit))

        outcome = find_runtime(kind)(job, Observer(events.emit, events.enter, begin=begin))
        wall_s, used_s = now() - start, cpu_s() - used_s
    events.close()
    modules = {name: work.stage.module for name, work in job.roles.items()}
    digest = weights_sha256(outcome.digests)
    return TrainingOutcome(events.statistics, digest, used_s, wall_s, modules)


class _Recorded:
    """Statistics and sinks that are told of every event."""

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        self.statistics = RunStatistics()
        self._plan, self._directory = plan, str(recorder.directory)
        self._sinks: tuple[Sink, ...] = (self.statistics, *recorder.sinks)
        self._events: deque[Event] = deque()
        self.emit = self._events.append

    def begin(self) -> None:
        """The roles are about to start."""
        self.emit(run_started(self._plan, self._directory))

    def enter(self) -> None:
        """Called in this thread."""
        take = self._events.popleft
        events = [take() for _ in range(len(self._events))]
        for sink in self._sinks:
            hand_over(events, sink)

    def close(self) -> None:
        self._events.append(RunEnded("done", "", now()))
        self.enter()


class _Counted:
    """Statistics that hear what they count and nothing else: this must not cost what it times."""

    def __init__(self, plan: Plan) -> None:
        self.statistics = RunStatistics()
        self._plan = plan
        self._events: deque[Event] = deque()

    def begin(self) -> None:
        """The roles are about to start."""
        self._events.append(run_started(self._plan))

    def emit(self, event: Event) -> None:
        """Called in the roles' threads."""
        counts = event.op in (Op.DRAIN, Op.PREDICT) if isinstance(event, Executed) else True
        if counts and not isinstance(event, Sent):
            self._events.append(event)

    def enter(self) -> None:
        """Called in this thread."""
        take = self._events.popleft
        self.statistics.take_all([take() for _ in range(len(self._events))])

    close = enter


WeightDigests = Mapping[str, str]
"""Digests of initial weights, by role."""


class InitialWeights:
    """The digests of all arms' initial weights, by seed: the first at a seed is the reference."""

    def __init__(self) -> None:
        self._first: dict[int, tuple[str, WeightDigests]] = {}

    def differing(self, seed: int, arm: str, mine: WeightDigests) -> str:
        """What is wrong with an arm's initial weights; empty where they are the reference's."""
        first, other = self._first.setdefault(seed, (arm, mine))
        roles = [role for role in mine if mine[role] != other.get(role)]
        if not roles:
            return ""
        return (
            f"{' and '.join(roles)}: at seed {seed}, {arm} begins with other weights than {first}, "
            "so that different networks would be compared; draw initial weights from torch's "
            "generator, and keep nothing from one build of a module to the next"
        )


_SAMPLES_EVERY_S = 0.05
"""A trial is short."""


@dataclass(frozen=True)
class RecordedTrial:
    """What a trial's events add up to."""

    roles: Mapping[str, Shares]
    """Over the whole trial, fill and drain among it."""
    links: Mapping[str, Traffic]
    """By channel name."""
    peak_memory_bytes: int
    """Resident, of the process, which has run other arms before."""
    gpu_percent: float | None
    """How busy the graphics processors were, whoever's work it was; None where there is none."""


def record(
    subject: Subject,
    plan: Plan,
    kind: RuntimeName,
    directory: Path,
    sinks: Sequence[Sink] = (),
) -> RecordedTrial:
    """Run one trial and keep its `events.jsonl` in a new directory.

    Args:
        sinks: see its events, too.

    Raises:
        RunFailed: a role failed.
        OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True)
    events: list[Event] = []
    roles = [role.name for role in plan.roles]
    sampler = partial(Sampler, interval_s=_SAMPLES_EVERY_S, roles=roles)
    recorder = Recorder(directory, [JsonLines(), events.append, *sinks], [sampler])
    with locked(directory):
        train_fresh(subject, kind, recorder=recorder)
    sampled = [event for event in events if isinstance(event, Sampled)]
    return RecordedTrial(
        roles=shares(events),
        links=_traffic(plan, [event for event in events if isinstance(event, Sent)]),
        peak_memory_bytes=max((sample.memory_bytes for sample in sampled), default=0),
        gpu_percent=_gpu_percent(sampled),
    )


def _traffic(plan: Plan, sent: list[Sent]) -> Mapping[str, Traffic]:
    party = {role.name: role.party for role in plan.roles}
    messages = Counter(event.channel for event in sent)
    size = Counter[str]()
    for event in sent:
        size[event.channel] += event.bytes
    return {
        channel.name: Traffic(messages[channel.name], size[channel.name] / plan.steps)
        for channel in plan.channels
        if party[channel.source] != party[channel.target]
    }


def _gpu_percent(sampled: list[Sampled]) -> float | None:
    busy = [
        gpu.busy_percent
        for sample in sampled
        for gpu in sample.gpus
        if gpu.busy_percent is not None
    ]
    return fmean(busy) if busy else None
