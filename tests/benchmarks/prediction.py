"""Whether `plan --probe` foretells what is then measured: throughput, and the depth that pays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median, quantiles

from sklearn.isotonic import IsotonicRegression

from splitrun.runtime import AffinityTuner
from splitrun.session.environment import usable_cores
from splitrun.simulate import bound, predict
from splitrun.simulate.advise import ENOUGH
from splitrun.spec import Document
from tests.benchmarks.cases import CROWDED, LINKED, UNLINKED, Case
from tests.benchmarks.measuring import (
    at_depth,
    median_samples_per_s,
    probed,
    steady_samples_per_s,
    steps_lasting,
    subject_of,
)

SECONDS = 2.0
FEWEST_STEPS = 40
SWEPT = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64)
SWEEP_SECONDS = 0.8

HEADER = "| case | predicted, samples/s | measured | error | of the bound |\n|---|---|---|---|---|"
ADVISED_HEADER = (
    "| case | advised depth | predicted, samples/s | measured | error | of the bound |\n"
    "|---|---|---|---|---|---|"
)
SWEEP_HEADER = (
    "| case | auto's depth | a sweep's depth | throughput at auto's, of the best |\n"
    "|---|---|---|---|"
)


def measure(repeats: int) -> Iterator[str]:
    """Rows of a Markdown table, and what they come to."""
    for title, cases in (("With links", LINKED), ("Without links", UNLINKED)):
        yield f"\n{title}\n\n{HEADER}"
        errors = []
        for case in cases:
            row, error = _predicted(case.document(), case.name, repeats)
            errors.append(abs(error))
            yield row
        yield f"\n{_summary(errors)}"


def advised(repeats: int) -> Iterator[str]:
    """At the depth that a probe of the same experiment advises, where cores are the limit."""
    yield ADVISED_HEADER
    errors = []
    for case in CROWDED:
        document = case.document()
        experiment = probed(document)
        assert experiment.advice is not None
        depth = experiment.advice.fastest.depth
        row, error = _predicted(at_depth(document, depth), f"{case.name} | {depth}", repeats)
        errors.append(abs(error))
        yield row
    yield f"\n{_summary(errors)}; bars: median 5 %, 90 % within 10 %"


def sweep(repeats: int) -> Iterator[str]:
    """For every case with links, the depth that `auto` takes and the one that measuring finds: of
    filled pipelines, for what is measured is shorter than the runs that `auto` is to advise on."""
    yield f"\nDepth\n\n{SWEEP_HEADER}"
    hits = 0
    for case in LINKED:
        row, hit = _swept(case, repeats)
        hits += hit
        yield row
    yield f"\nThe sweep's depth or the next: {hits} of {len(LINKED)}"


def _predicted(document: Document, name: str, repeats: int) -> tuple[str, float]:
    """In every round the costs are measured anew, for this machine's speed wanders."""
    rounds = [_round(document) for _ in range(repeats)]
    foretold, found, limit = (median(values) for values in zip(*rounds, strict=True))
    error = median(predicted / measured for predicted, measured, _ in rounds) - 1
    row = f"| {name} | {foretold:,.0f} | {found:,.0f} | {error:+.1%} | {found / limit:.3f} |"
    return row, error


def _round(document: Document) -> tuple[float, float, float]:
    """Samples/s: predicted, measured, and the bound."""
    experiment = probed(document)
    assert experiment.costs is not None
    steps = steps_lasting(experiment, experiment.plan, SECONDS, FEWEST_STEPS)
    subject = subject_of(experiment, document, steps)
    plan = subject.plan()
    foretold = predict(plan, experiment.costs).samples_per_s
    limit = bound(plan, experiment.costs).segment_samples_per_s
    return foretold, median_samples_per_s(subject, 1), limit


def _summary(errors: Sequence[float]) -> str:
    nine_tenths = quantiles(errors, n=10, method="inclusive")[-1]
    return (
        f"error: median {median(errors):.1%}, 90 % within {nine_tenths:.1%}, "
        f"largest {max(errors):.1%}, over {len(errors)} plans"
    )


def _swept(case: Case, repeats: int) -> tuple[str, bool]:
    """Depths have trials, there and back, and the second fastest of each counts, as in a probe:
    other programs on the processor only ever slow it down. Throughput never falls with
    depth (`splitrun.simulate.advise`), so a rising line is fitted (isotonic regression): the best
    of so many noisy trials would be luck."""
    document = at_depth(case.document(), 1)
    experiment = probed(document)
    assert experiment.advice is not None
    chosen = experiment.advice.fastest.depth
    depths = sorted({chosen, *(depth for depth in SWEPT if depth <= max(2 * chosen, 8))})
    subjects = {}
    for depth in depths:
        deep = at_depth(document, depth)
        plan = subject_of(experiment, deep, max(depth, FEWEST_STEPS)).plan()
        steps = steps_lasting(experiment, plan, SWEEP_SECONDS, max(FEWEST_STEPS, depth)) + 3 * depth
        subjects[depth] = subject_of(experiment, deep, steps)
    trials: dict[int, list[float]] = {depth: [] for depth in depths}
    tuners = {depth: AffinityTuner(usable_cores()) for depth in depths}
    for trial in range(repeats):
        for depth in depths if trial % 2 == 0 else reversed(depths):
            trials[depth].append(steady_samples_per_s(subjects[depth], tuners[depth]))
    fitted = _rising(trials)
    best = fitted[depths[-1]]
    found = next(depth for depth, rate in fitted.items() if rate >= ENOUGH * best)
    hit = abs(depths.index(chosen) - depths.index(found)) <= 1
    return f"| {case.name} | {chosen} | {found} | {fitted[chosen] / best:.2f} |", hit


def _rising(trials: Mapping[int, Sequence[float]]) -> Mapping[int, float]:
    """The line through the trials of ascending depths."""
    rates = [sorted(each)[-min(2, len(each))] for each in trials.values()]
    return dict(
        zip(
            trials, map(float, IsotonicRegression().fit_transform(list(trials), rates)), strict=True
        )
    )
