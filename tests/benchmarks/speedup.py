"""What an arm gains over the faster sequential runtime, in interleaved trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import median, quantiles

from splitrun.session import prepare
from splitrun.spec import Document
from splitrun.study.arms import Arm
from splitrun.study.timing import shorten
from splitrun.study.training import Subject
from tests.benchmarks.cases import WAN, Case, way
from tests.benchmarks.measuring import samples_per_s, subject_of

HEADER = (
    "| experiment | arm | steps | speedup, median | quartiles | aim |\n|---|---|---|---|---|---|"
)
FAR = Case("batch 128 over `wan`", links=WAN)
"""Its loop of 54 ms is some 20 times what the busiest role works."""
NARROW = Case(
    "batch 4,096 over 5 ms and 50 Mbit/s",
    batch_size=4096,
    links={"default": way(5, 50)},
)
"""Its links are busy for 84 ms a step, each way."""
RACES = (
    (FAR, Arm("stale", 4), 400, 3.8),
    (FAR, Arm("stale", 8), 400, 7.4),
    (NARROW, Arm("microbatch", micro_batches=4), 50, 1.5),
    (NARROW, Arm("microbatch", micro_batches=8), 50, 1.5),
)


def measure(repeats: int) -> Iterator[str]:
    """Rows of a Markdown table."""
    yield HEADER
    for case, arm, steps, aim in RACES:
        document = case.document()
        arms = [_subject(document, each, steps) for each in (Arm("sequential"), arm)]
        speedups = [_speedup(*arms) for _ in range(repeats)]
        low, _, high = quantiles(speedups, n=4) if repeats > 1 else (speedups[0],) * 3
        yield (
            f"| {case.name} | {arm} | {steps} | {median(speedups):.2f} | {low:.2f} – {high:.2f} | "
            f"≥ {aim} |"
        )


def _subject(document: Document, arm: Arm, steps: int) -> Subject:
    experiment = prepare(document)
    subject = subject_of(experiment, replace(document, spec=arm.applied(document.spec)), steps)
    samples_per_s(shorten(subject, 12))
    return subject


def _speedup(sequential: Subject, other: Subject) -> float:
    baseline = max(samples_per_s(sequential, kind) for kind in ("serial", "threaded"))
    return samples_per_s(other) / baseline
