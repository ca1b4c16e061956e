"""A recommendation and its reason in words, and the evidence that it must not go beyond.

`evidence.json` is what the study of staleness has confirmed, by the optimizer of a bottom and what
makes up for its staleness; `python -m tests.studies.staleness report` writes it. More than that
nobody has shown: a depth that is faster and not among it is unproven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

import msgspec

from splitrun.plan import Plan
from splitrun.records.plan import CertaintyRecord
from splitrun.simulate.bound import Limit
from splitrun.simulate.predict import ThroughputPrediction
from splitrun.spec import Spec, compensation_of, optimizer_of

FILE = "evidence.json"


class Evidence(msgspec.Struct, frozen=True):
    """What was confirmed of one optimizer with one set of rules."""

    optimizer: str
    compensation: tuple[str, ...]
    """In any order; empty where nothing makes up for staleness."""
    steps: int
    """Steps of the shortest training at the deepest depth that was confirmed."""
    shown: tuple[int, ...]
    """Depths that were confirmed on every dataset, ascending."""
    lost_at_most: Mapping[int, float]
    """By every depth that was tried: the one-sided 95 % upper bound of what the metric loses, on
    the dataset where that is most."""

    def shows(self, depth: int) -> bool:
        """Whether this depth is known to be accurate: the next deeper one that was tried is."""
        tried = min((each for each in self.lost_at_most if each >= depth), default=None)
        return depth == 1 or tried in self.shown

    def deepest(self, steps: int) -> int:
        """That a run may have of so many steps: as many for each batch in flight as the study's
        shortest training had, since at the beginning staleness costs most."""
        return min(self.shown[-1], steps * self.shown[-1] // self.steps)


@dataclass(frozen=True)
class ShownDepths:
    """The depths at which a run has been shown to be as accurate as one batch at a time."""

    depths: tuple[int, ...]
    """Ascending; 1 is the first."""
    of: str
    """What the evidence is about: "adam without compensation, 580 steps"."""

    @property
    def depth(self) -> int:
        """The deepest of them."""
        return self.depths[-1]


def shown(spec: Spec, steps: int) -> ShownDepths:
    """What is shown for a run of so many steps: what is for each of its bottoms.

    Nothing but one batch at a time where nobody has tried the optimizer with these rules.
    """
    each = [
        _of_bottom(spec, party, steps) for party, section in spec.parties.items() if section.bottom
    ]
    common = set.intersection(*(set(one.depths) for one in each))
    least = min(each, key=lambda one: one.depth)
    return ShownDepths(tuple(sorted(common)), least.of)


def _of_bottom(spec: Spec, party: str, steps: int) -> ShownDepths:
    optimizer = optimizer_of(spec, party).type
    rules = tuple(rule.type for rule in compensation_of(spec, party))
    what = f"{optimizer} {_with(rules)}, {steps:,} steps"
    found = known().get((optimizer, frozenset(rules)))
    if found is None:
        return ShownDepths((1,), what)
    depths = range(1, max(1, found.deepest(steps)) + 1)
    return ShownDepths(tuple(depth for depth in depths if found.shows(depth)), what)


def _with(rules: tuple[str, ...]) -> str:
    return f"with {' and '.join(rules)}" if rules else "without compensation"


@lru_cache(maxsize=1)
def known() -> Mapping[tuple[str, frozenset[str]], Evidence]:
    """All evidence there is, by optimizer and rules."""
    content = files("splitrun.simulate").joinpath(FILE).read_bytes()
    rows = msgspec.json.decode(content, type=list[Evidence])
    return {(row.optimizer, frozenset(row.compensation)): row for row in rows}


_WORTH_SAYING = 0.10
"""Gain from which another batch size is mentioned."""
_NOTHING = 0.01
"""Gain that is called nothing."""
_MOSTLY_OVERHEAD = 0.5


@dataclass(frozen=True)
class HeldBack:
    """A depth that would pay and is not allowed."""

    by: str
    """What rules it out: "pipeline.max_staleness 3"."""
    depth: int
    gain: float
    """How much more throughput than the fastest depth that is allowed: 0.22 is 22 % more."""


_SURE = 1.25
"""How many times the least of several answers the greatest may be."""
FEWEST_ROUNDS = 4
"""Rounds of a probe, two for each half: of one trial nobody knows whether it was disturbed."""
_IDLE_PERCENT, _OTHERS_PERCENT = 30, 25
"""Percent of a core: with less idle, and more taken by others, the probe lacked cores."""


@dataclass(frozen=True)
class Certainty:
    """How sure the fastest depth is: what each half of the probe's rounds says by itself, and all
    of them, and whether the machine was there for the probe."""

    low: int
    high: int
    rounds: int
    seconds: float
    others_percent: float
    """Processor time that other processes had meanwhile; 100 is one core."""
    idle_percent: float
    """Processor time of the usable cores that nobody used; 100 is one core."""

    @property
    def crowded(self) -> bool:
        """Whether others had cores that the probe could have used: it then is slower throughout,
        and both halves agree on what is wrong."""
        return self.others_percent >= _OTHERS_PERCENT and self.idle_percent < _IDLE_PERCENT

    @property
    def sure(self) -> bool:
        """Whether all of the probe says nearly the same, undisturbed."""
        alike = self.high <= max(self.low + 1, _SURE * self.low)
        return alike and self.rounds >= FEWEST_ROUNDS and not self.crowded

    def including(self, depth: int) -> Certainty:
        """With what all of the rounds together say."""
        return replace(self, low=min(self.low, depth), high=max(self.high, depth))

    def to_record(self) -> CertaintyRecord:
        """As files tell of it."""
        return CertaintyRecord(
            sure=self.sure,
            depths=(self.low, self.high),
            rounds=self.rounds,
            seconds=self.seconds,
            others_percent=self.others_percent,
            idle_percent=self.idle_percent,
            told=str(self),
        )

    def __str__(self) -> str:
        between = f"{self.low} to {self.high}" if self.high > self.low else f"{self.low}"
        if self.sure:
            return f"the probe is sure of {between}"
        if self.rounds < FEWEST_ROUNDS:
            return f"the probe is not sure of {between}: too few rounds"
        if self.crowded:
            others = f"others take {self.others_percent:.0f} % of a core"
            return (
                f"the probe is not sure of {between} after {self.seconds:.0f} s: the machine is "
                f"too busy ({others}); probe again when it is quieter"
            )
        return (
            f"the probe is not sure of {between} after {self.seconds:.0f} s: the machine's speed "
            "changes too much; probe again"
        )


@dataclass(frozen=True)
class Recommendation:
    """What to run, and why. Throughputs are predicted, in samples/s."""

    plan: Plan
    """The plan at the recommended schedule, depth and number of micro-batches: the fastest of those
    that are shown to be accurate."""
    prediction: ThroughputPrediction
    fastest: Plan
    """At what is the fastest, whatever it does to accuracy; `plan` where that is shown."""
    fastest_prediction: ThroughputPrediction
    shown: ShownDepths | None
    """The depths that are shown to be accurate; None where nobody asked."""
    certainty: Certainty | None
    """None where costs were not probed."""
    limit: Limit
    """What limits the throughput of the recommended plan."""
    sequential: ThroughputPrediction
    """The same, one batch at a time, on the runtime that is faster at that."""
    by_depth: Mapping[int, float]
    """Throughput at the depths that the search looked at, ascending."""
    by_batch_size: Mapping[int, float]
    """Throughput of the recommended plan with other batch sizes, ascending."""
    loop_over_work: float
    """Time of one batch at a time over the period that no depth gets below: what depth can gain."""
    overhead: float
    """Share of the work that would also be there without any rows."""
    held_back: HeldBack | None

    @property
    def speedup(self) -> float:
        """How many times as fast as one batch at a time the recommended plan is predicted to be."""
        return self.sequential.train_s / self.prediction.train_s

    @property
    def fastest_speedup(self) -> float:
        """How many times as fast as one batch at a time the fastest plan is predicted to be."""
        return self.sequential.train_s / self.fastest_prediction.train_s

    @property
    def is_proven(self) -> bool:
        """Whether the fastest plan is the recommended one."""
        return self.fastest is self.plan

    @property
    def reason(self) -> str:
        """`limited by the loop of bob at depth 4 (13.3 of 13.4 ms); depth 4, as accuracy is shown
        no deeper than 4 (adam without compensation, 355 steps); faster, unproven: depth 39
        (+590 %); the probe is sure of 38 to 39`, or `leave it off: the loop is 1.05× the work;
        batches are too small`."""
        return "; ".join(self._clauses())

    def _clauses(self) -> Iterator[str]:
        limit = self.limit.beside(self.plan.rows(0) / self.prediction.samples_per_s)
        if self.plan.schedule == "sequential" and self.held_back is None and self.is_proven:
            yield f"leave it off: the loop is {self.loop_over_work:.2f}× the work"
            small = self.overhead > _MOSTLY_OVERHEAD
            yield "batches are too small" if small else f"limited by {limit}"
            if self.prediction.runtime == "serial":
                yield "runtime.type: serial is the fastest"
        else:
            yield f"limited by {limit}"
            yield self._setting() + self._accuracy()
            yield from self._faster()
        size, gain = self._best(self.by_batch_size)
        if gain >= _WORTH_SAYING:
            fewer_steps = self.shown is not None and self.plan.depth > 1
            unproven = ", unproven" if fewer_steps and size > self.plan.batch_size else ""
            yield f"batch {size:,} would give {_percent(gain)}{unproven}"
        if self.certainty is not None:
            yield str(self.certainty)

    def _setting(self) -> str:
        if self.plan.schedule == "microbatch":
            return f"{self.plan.micro_batches} micro-batches"
        return f"depth {self.plan.depth}"

    def _accuracy(self) -> str:
        """How deep is shown to be accurate; nothing where nobody asks."""
        if self.shown is None or (self.is_proven and self.plan.depth == 1):
            return ""
        if self.is_proven:
            return f", as accuracy is shown to depth {self.shown.depth} ({self.shown.of})"
        return f", as accuracy is shown no deeper than {self.shown.depth} ({self.shown.of})"

    def _faster(self) -> Iterator[str]:
        """What there is beyond the recommended plan: unproven, ruled out, or worth nothing."""
        if not self.is_proven:
            gain = self.fastest_prediction.samples_per_s / self.prediction.samples_per_s - 1
            yield f"faster, unproven: depth {self.fastest.depth} ({_percent(gain)})"
        if self.held_back is not None:
            depth, more = self.held_back.depth, _percent(self.held_back.gain)
            ruled_out = f"{self.held_back.by} rules out depth {depth}, which would give {more}"
            yield ruled_out + self._unproven(depth)
        elif self.is_proven:
            best, more_still = self._best(self.by_depth)
            gives = f"depth {best} gives {_percent(more_still)}{self._unproven(best)}"
            yield "deeper gains nothing" if more_still < _NOTHING else gives

    def _unproven(self, depth: int) -> str:
        return ", unproven" if self.shown and depth not in self.shown.depths else ""

    def _best(self, rates: Mapping[int, float]) -> tuple[int, float]:
        """Which has the greatest throughput, and what it gains over the recommended plan."""
        best = max(rates, key=lambda key: rates[key], default=0)
        return best, rates.get(best, 0.0) / self.prediction.samples_per_s - 1


def _percent(gain: float) -> str:
    return f"+{gain * 100:.0f} %"
