"""A recommendation and its reason in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from splitrun.plan import Plan
from splitrun.simulate.bound import Limit
from splitrun.simulate.predict import Prediction

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
    """Of throughput over the recommended plan: 0.22 for 22 %."""


@dataclass(frozen=True)
class Recommendation:
    """What to run, and why. Throughputs are predicted, in samples/s."""

    plan: Plan
    """The plan at the recommended schedule, depth and number of micro-batches."""
    prediction: Prediction
    limit: Limit
    sequential: Prediction
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
        """Over one batch at a time."""
        return self.sequential.train_s / self.prediction.train_s

    @property
    def reason(self) -> str:
        """`limited by the uplink bob→alice (21.0 of 21.2 ms); depth 4; deeper gains nothing; batch
        512 would give +38 %`, or `leave it off: the loop is 1.05× the work; batches are too
        small`."""
        return "; ".join(self._clauses())

    def _clauses(self) -> Iterator[str]:
        limit = self.limit.beside(self.plan.rows(0) / self.prediction.samples_per_s)
        if self.plan.schedule == "sequential" and self.held_back is None:
            yield f"leave it off: the loop is {self.loop_over_work:.2f}× the work"
            small = self.overhead > _MOSTLY_OVERHEAD
            yield "batches are too small" if small else f"limited by {limit}"
            if self.prediction.runtime == "serial":
                yield "runtime.type: serial is the fastest"
        else:
            yield f"limited by {limit}"
            yield self._setting()
            yield self._deeper()
        size, gain = self._best(self.by_batch_size)
        if gain >= _WORTH_SAYING:
            yield f"batch {size:,} would give {_percent(gain)}"

    def _setting(self) -> str:
        if self.plan.schedule == "microbatch":
            return f"{self.plan.micro_batches} micro-batches"
        return f"depth {self.plan.depth}"

    def _deeper(self) -> str:
        if self.held_back is not None:
            depth, gain = self.held_back.depth, _percent(self.held_back.gain)
            return f"{self.held_back.by} rules out depth {depth}, which would give {gain}"
        best, more = self._best(self.by_depth)
        return "deeper gains nothing" if more < _NOTHING else f"depth {best} gives {_percent(more)}"

    def _best(self, rates: Mapping[int, float]) -> tuple[int, float]:
        """Which has the greatest throughput, and what it gains over the recommended plan."""
        best = max(rates, key=lambda key: rates[key], default=0)
        return best, rates.get(best, 0.0) / self.prediction.samples_per_s - 1


def _percent(gain: float) -> str:
    return f"+{gain * 100:.0f} %"
