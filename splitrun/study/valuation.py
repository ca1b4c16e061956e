"""What a valuation found out, in words, and how its file tells of it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from splitrun import units
from splitrun.events import EvaluatedRows
from splitrun.records.value import CostRecord, Finding, PartyValueRecord, ValueRecord
from splitrun.study.intervals import FEWEST
from splitrun.study.statistics import MeanEstimate
from splitrun.units import SCREEN

_MOST_NAMED = 3
"""Columns, in a sentence."""
_MOST_DECIMALS = 4


@dataclass(frozen=True)
class Cost:
    """What a partner's part takes in training."""

    bytes_per_epoch: int
    epoch_s: float
    """Of all parties, over the spec's links."""
    epoch_without_s: float | None
    """None where nothing is left without the partner."""

    def __str__(self) -> str:
        """`41.0 MB and 11.9 s more an epoch`."""
        size = f"{units.megabytes(self.bytes_per_epoch)} MB"
        if self.epoch_without_s is None:
            return f"{size} an epoch of {SCREEN.duration(self.epoch_s)}"
        more_s = self.epoch_s - self.epoch_without_s
        if more_s <= 0:
            return f"{size} an epoch"
        return f"{size} and {SCREEN.duration(more_s)} more an epoch"


@dataclass(frozen=True)
class PartyValue:
    """What one party's data are worth; every gain is better where it is greater."""

    party: str
    gain: MeanEstimate | None
    """Beside models that are trained without it; None where there are none."""
    importance: MeanEstimate
    """Beside the same models with its rows permuted."""
    columns: Mapping[str, MeanEstimate]
    """The same of each of its columns."""
    cost: Cost | None
    """None for the label holder."""
    more_rows: int
    """That there would be without it."""

    @property
    def finding(self) -> Finding | None:
        """What is shown; None for the label holder."""
        if self.cost is None:
            return None
        if self.gain is None:
            return "all"
        if self.gain.interval.low > 0:
            return "better"
        return "worse" if self.gain.interval.high < 0 else "not shown"

    def verdict(self, metric: str, with_all: MeanEstimate, *, is_falling: bool) -> str:
        """What it brings and takes, in words; nothing of the label holder."""
        if self.cost is None:
            return ""
        effect = self._effect(metric, with_all, is_falling=is_falling)
        parts = [f"{effect}, {self.cost}"]
        if self.finding in ("better", "all"):
            parts.append(_leading(self.columns))
        if self.more_rows:
            parts.append(f"without it there would be {SCREEN.plural(self.more_rows, 'more row')}")
        return "; ".join(parts)

    def _effect(self, metric: str, with_all: MeanEstimate, *, is_falling: bool) -> str:
        party, gain = self.party, self.gain
        if gain is None:
            all_of_it = f"all of {metric} {SCREEN.value(with_all.mean)}"
            return f"without {party} there is no column to learn from: {all_of_it} is its"
        change = shown_gain(gain, metric, is_falling=is_falling)
        if gain.interval.ci95 is None and gain.count < FEWEST:
            seeds = SCREEN.plural(gain.count, "seed")
            return f"{party} brings {change}, and {seeds} are too few to show it"
        match self.finding:
            case "better":
                return f"{party} brings {change}"
            case "worse":
                return f"the model is worse with {party}: {change}"
            case _:
                return f"{party} brings nothing that shows: {change}"

    def to_record(
        self, metric: str, with_all: MeanEstimate, *, is_falling: bool
    ) -> PartyValueRecord:
        """As files tell of it."""
        cost = self.cost
        return PartyValueRecord(
            party=self.party,
            finding=self.finding,
            gain=self.gain.to_record() if self.gain else None,
            importance=self.importance.to_record(),
            columns={name: each.to_record() for name, each in self.columns.items()},
            cost=CostRecord(
                bytes_per_epoch=cost.bytes_per_epoch,
                epoch_s=cost.epoch_s,
                epoch_without_s=cost.epoch_without_s,
            )
            if cost
            else None,
            more_rows=self.more_rows,
            verdict=self.verdict(metric, with_all, is_falling=is_falling),
        )


@dataclass(frozen=True)
class Valuation:
    """What the parties' data are worth."""

    metric: str
    is_falling: bool
    """Less of the metric is better."""
    decided_on: EvaluatedRows
    evaluated_rows: int
    train_rows: int
    with_all: MeanEstimate
    """The metric of models of all parties."""
    parties: Sequence[PartyValue]

    @property
    def verdicts(self) -> Iterator[str]:
        """A sentence for each partner."""
        told = (
            it.verdict(self.metric, self.with_all, is_falling=self.is_falling)
            for it in self.parties
        )
        return filter(None, told)

    def to_record(self, name: str) -> ValueRecord:
        """What `value.json` says, but for what the directory knows.

        Args:
            name: the experiment's.
        """
        return ValueRecord(
            kind="valuation",
            name=name,
            metric=self.metric,
            decided_on=self.decided_on,
            evaluated_rows=self.evaluated_rows,
            train_rows=self.train_rows,
            with_all=self.with_all.to_record(),
            parties=tuple(
                it.to_record(self.metric, self.with_all, is_falling=self.is_falling)
                for it in self.parties
            ),
        )


def shown_gain(gain: MeanEstimate, metric: str, *, is_falling: bool) -> str:
    """`+0.0210 auroc [0.0170, 0.0250]`; of a metric of which less is better, `−0.32 rmse`."""
    sign = -1 if is_falling else 1
    ends = gain.interval.ci95
    half = (ends[1] - ends[0]) / 2 if ends else 0.0
    decimals = min(_MOST_DECIMALS, max(0, 1 - math.floor(math.log10(half)))) if half else 4
    change = f"{sign * gain.mean:+.{decimals}f}".replace("-", "−")
    if ends is None:
        return f"{change} {metric}"
    low, high = sorted(sign * end for end in ends)
    return f"{change} {metric} {units.within((low, high), f'.{decimals}f')}"


def _leading(columns: Mapping[str, MeanEstimate]) -> str:
    """Which columns make up half of what all that are shown to matter do, or the first of them."""
    shown = {name: it.mean for name, it in columns.items() if it.interval.low > 0}
    if not shown:
        return "no column by itself is shown to matter"
    ordered = sorted(shown, key=lambda name: -shown[name])
    upto = list(accumulate(shown[name] for name in ordered))
    half = bisect_left(upto, upto[-1] / 2) + 1
    told = units.listed([f"`{name}`" for name in ordered[: min(half, _MOST_NAMED)]])
    if half > _MOST_NAMED:
        return f"{told} matter most of {len(columns)} columns"
    return f"{told} {'is' if half == 1 else 'are'} most of it"
