"""`python -m tests.studies.value [DATA_SETS]`: how often `splitrun value` is right about parties
whose shares are known, one partner with half of the signal and one with pure noise. Prints a table.

The truth is measured, too: of each data set the mean gain of other seeds on very many rows of its
population, with the training rows that there are, which is what an interval is for; and the mean of
that over all data sets, as if training rows had been drawn anew, which it leaves out.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from splitrun.runtime.clock import frozen
from splitrun.session import Experiment, prepare
from splitrun.simulate import Costs
from splitrun.spec import loads
from splitrun.study.intervals import Floats
from splitrun.study.scoring import bare
from splitrun.study.statistics import MeanEstimate
from splitrun.study.training import Subject, train_fresh
from splitrun.study.valuation import PartyValue
from splitrun.study.value import ValueArms, ValueSettings, line_up, value
from tests.study import known_shares

PARTS = {"train": 600, "validation": 400, "test": 8_000}
"""Rows of a data set; those of part `test` stand for the population."""
PARTNERS = ("bob", "carol")
SETTINGS = ValueSettings(seeds=5, repeats=1)
TRUTH_SEEDS = range(100, 108)
"""None of them is one of those that are valued with."""


def measure(data_sets: int) -> Iterator[str]:
    """Rows of a Markdown table."""
    valued, truths = zip(*map(value_one, range(data_sets)), strict=True)
    yield "| partner | truth | gain, mean | holds the truth | … over training rows | found |"
    yield "|---|---|---|---|---|---|"
    for party, of_each in zip(PARTNERS, np.array(truths).T, strict=True):
        yield _row([it[party] for it in valued], of_each)


def value_one(stream: int) -> tuple[dict[str, PartyValue], list[float]]:
    """What was found of a data set's parties, and what is true of the partners."""
    with tempfile.TemporaryDirectory() as directory, frozen():
        arms = line_up(_experiment(Path(directory), stream))
        found = value(arms, SETTINGS, "auroc", Path(directory), lambda _: None)
        return {it.party: it for it in found.parties}, _truths(arms)


def _experiment(directory: Path, stream: int) -> Experiment:
    rows = directory / "rows.csv"
    known_shares.write(rows, PARTS, stream)
    experiment = prepare(loads(yaml.safe_dump(known_shares.spec(rows)), "spec.yaml"))
    untimed = Costs({role.name: {} for role in experiment.plan.roles}, effective_cores=1.0)
    return replace(experiment, costs=untimed)


def _truths(arms: ValueArms) -> list[float]:
    """Of each partner, the mean gain over other seeds on the rows that stand for the population."""
    with_all = _on_population(arms.subjects[None])
    return [with_all - _on_population(arms.subjects[party]) for party in PARTNERS]


def _on_population(subject: Subject) -> float:
    """The mean AUROC."""
    found = []
    for seed in TRUTH_SEEDS:
        outcome = train_fresh(subject.under(bare(subject.spec, seed)), "serial", ("auroc",))
        auroc = outcome.statistics.metrics["test"]["auroc"]
        assert auroc is not None
        found.append(auroc)
    return float(np.mean(found))


def _row(valued: Sequence[PartyValue], truths: Floats) -> str:
    gains = [it.gain for it in valued if it.gain]
    overall = float(truths.mean())
    own = sum(_holds(it, at) for it, at in zip(gains, truths, strict=True))
    other = sum(_holds(it, overall) for it in gains)
    findings = Counter(it.finding for it in valued)
    told = ", ".join(f"{finding} {count}" for finding, count in findings.most_common())
    mean = np.mean([it.mean for it in gains])
    held = f"{own} of {len(gains)} | {other} of {len(gains)}"
    return f"| {valued[0].party} | {overall:+.4f} | {mean:+.4f} | {held} | {told} |"


def _holds(gain: MeanEstimate, truth: float) -> bool:
    return gain.interval.low <= truth <= gain.interval.high


if __name__ == "__main__":
    for line in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100):
        print(line, flush=True)
