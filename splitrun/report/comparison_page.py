"""The page of a comparison: the verdict in words, then what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from splitrun import units
from splitrun.files import is_something
from splitrun.records.comparison import ArmRecord, ComparisonRecord
from splitrun.records.plan import PlanRecord
from splitrun.records.reading import read_record
from splitrun.records.setting import setting
from splitrun.report.appendix import appendix
from splitrun.report.arm_charts import by_depth, colour, curves, dash, symbol, time_to_target
from splitrun.report.bins import Bins
from splitrun.report.comparison_tables import arms_table, limits_table, links_table
from splitrun.report.page import (
    COMPARISON_TERMS,
    Block,
    Fact,
    Figure,
    Note,
    Page,
    PageSection,
)
from splitrun.report.summary import RunSummary, period_s, summarise, window
from splitrun.report.timeline_chart import Strip, timeline
from splitrun.report.utilisation_charts import Group, UsageLine, mean, shares, use
from splitrun.telemetry.jsonl import FIRST_PART
from splitrun.units import PAGE

_SEQUENTIAL_STEPS = 2.2
"""The timeline's span, in steps of the sequential arm: two and the edges of their neighbours."""
_MOST_STEPS = 20
"""Of the other arm in that span; where it has more, the span is of one sequential step."""
_SAMPLED_S = 0.1
"""Width of a bin of samples: a trial is short."""

Recordings = Mapping[str, RunSummary]
"""By the name of the arm."""


def comparison_page(directory: Path, comparison: ComparisonRecord) -> Page:
    """The page of a comparison's directory.

    Raises:
        RunDirectoryError: a recording is damaged.
    """
    recordings = {
        arm.name: recording
        for arm in comparison.arms
        if (path := recording_of(directory, arm)) and (recording := summarise(path))
    }
    return Page(
        title=comparison.name,
        subtitle=" · ".join(
            part
            for part in ("A comparison", units.moment(comparison.started or comparison.ended))
            if part
        ),
        question=question(comparison, read_record(directory / "plan.json", PlanRecord)),
        verdict=verdict(comparison),
        facts=key_facts(comparison),
        remarks=[],
        sections=[
            section
            for section in (
                PageSection("How fast", _speed(comparison)),
                PageSection("What it learns", _learning(comparison), "side-by-side"),
                PageSection("Where the time goes", _time(comparison, recordings)),
                PageSection("The machine", _machine(comparison, recordings), "side-by-side"),
                PageSection("The links", links_table(comparison)),
                PageSection(
                    "How it was measured", appendix(directory, COMPARISON_TERMS, comparison)
                ),
            )
            if section.blocks
        ],
    )


def recording_of(directory: Path, arm: ArmRecord) -> Path | None:
    """Where an arm's recording is, if there is one; never outside the comparison's directory."""
    if not arm.recording:
        return None
    path = directory / arm.recording
    if not is_something(path / FIRST_PART):
        return None
    return path if path.resolve().is_relative_to(directory.resolve()) else None


def question(comparison: ComparisonRecord, plan: PlanRecord | None) -> str:
    """What was compared, on what; of a comparison whose plan was not kept, the arms alone."""
    depths = units.listed([str(depth) for depth in sorted({arm.depth for arm in comparison.arms})])
    metric = units.metric_name(comparison.metric)
    asked = f"How fast is it with {depths} batches in flight, and what happens to its {metric}?"
    told = setting(plan) if plan else ""
    return f"{asked} {told[:1].upper()}{told[1:]}." if told else asked


def _speed(comparison: ComparisonRecord) -> list[Block]:
    notes = map(Note, remarks(comparison))
    return [arms_table(comparison), *_some(by_depth(comparison)), *notes]


def _some(figure: Figure | None) -> list[Block]:
    return [] if figure is None else [figure]


def _learning(comparison: ComparisonRecord) -> list[Block]:
    return [*curves(comparison), *_some(time_to_target(comparison))]


def _time(comparison: ComparisonRecord, recordings: Recordings) -> list[Block]:
    blocks: list[Block] = []
    strips = _strips(comparison, recordings)
    if strips:
        blocks.append(timeline(strips))
    else:
        blocks.append(Note("No trial was recorded, so there is no timeline."))
    groups: list[Group] = [(arm.name, arm.roles) for arm in comparison.arms if arm.roles]
    if groups:
        blocks.append(shares(groups))
    return [*blocks, limits_table(comparison)]


def _strips(comparison: ComparisonRecord, recordings: Recordings) -> list[Strip]:
    """The baseline above the recommended arm, or above the fastest where it is recommended."""
    baseline, chosen = comparison.sequential, comparison.chosen
    if chosen is None or chosen is baseline:
        others = [arm for arm in comparison.arms if not arm.sequential]
        chosen = max(others, key=lambda arm: arm.samples_per_s.median or 0, default=None)
    shown = [arm for arm in (baseline, chosen) if arm is not None and arm.name in recordings]
    span_s = _span_s([recordings[arm.name] for arm in shown])
    strips = []
    for arm in shown:
        steady = window(recordings[arm.name], span_s)
        if steady is not None:
            strips.append(Strip(arm.name, recordings[arm.name], steady))
    return strips


def _span_s(shown: Sequence[RunSummary]) -> float | None:
    """What the timeline covers, the baseline's recording being the first that is shown."""
    periods = [period_s(recording) for recording in shown]
    if not periods or periods[0] is None:
        return None
    fastest = min(period for period in periods if period is not None)
    span_s = _SEQUENTIAL_STEPS * periods[0]
    return span_s if span_s <= _MOST_STEPS * fastest else span_s / 2


def _machine(comparison: ComparisonRecord, recordings: Recordings) -> list[Block]:
    figures: list[Block] = []
    cpu = _lines(comparison, {name: each.cpu_percent for name, each in recordings.items()})
    if cpu:
        means = "; ".join(f"{line.name} {PAGE.percent(mean(line.bins))}" for line in cpu)
        caption = f"Of this process during the recorded trials, on average: {means}."
        figures.append(use("Processor", "% of a core", cpu, caption))
    gpu = _lines(
        comparison,
        {name: each.gpus[0].busy_percent for name, each in recordings.items() if 0 in each.gpus},
    )
    if gpu:
        means = "; ".join(f"{line.name} {PAGE.percent(mean(line.bins))}" for line in gpu)
        caption = f"Share of the time in which a kernel ran, whoever's: {means}."
        figures.append(use("Graphics processor", "% of the time", gpu, caption))
    return figures or [Note("The machine was not sampled during the recorded trials.")]


def _lines(comparison: ComparisonRecord, bins: Mapping[str, Bins]) -> list[UsageLine]:
    arms = comparison.arms
    read = [(arm, bins[arm.name].read(_SAMPLED_S)) for arm in arms if arm.name in bins]
    return [
        UsageLine(arm.name, each, colour(arm, arms), dash(arm), symbol(arm, arms))
        for arm, each in read
        if each
    ]


def verdict(comparison: ComparisonRecord) -> str:
    """What is recommended, how much faster it is, and what it does to the metric."""
    arm, metric = comparison.chosen, units.metric_name(comparison.metric)
    if arm is None:
        return "None of the arms that took part is recommended."
    if arm.sequential:
        return f"Stay with sequential.{_unproven(comparison)}"
    between = units.within(arm.speedup.ci95, ".2f")
    fast = f"{arm.name} is recommended: {PAGE.factor(arm.speedup.median)} as fast as sequential"
    fast += f" {between}" if between else ""
    return f"{fast}. {_effect(arm, metric)}{_unproven(comparison)}"


def _unproven(comparison: ComparisonRecord) -> str:
    """The arms that are faster, in a sentence of its own; nothing where there are none."""
    faster = [arm for arm in comparison.arms if arm.name in comparison.faster_unproven]
    if not faster:
        return ""
    metric = units.metric_name(comparison.metric)
    told = [
        f"{arm.name} ({PAGE.factor(arm.speedup.median)}, "
        f"{PAGE.change(arm.metric.difference.mean)} {metric})"
        for arm in faster
    ]
    return f" Faster, unproven: {units.listed(told)}."


def _effect(arm: ArmRecord, metric: str) -> str:
    """What an arm does to the metric, in a sentence."""
    difference = arm.metric.difference.mean
    if arm.verdict == "identical":
        return "It ends with the same weights, bit for bit."
    if difference is None:
        return f"What it does to {metric} is unknown."
    shown = PAGE.change(difference)
    spread = units.half_width(arm.metric.difference.ci95, ".4f")
    what = f"{shown} {spread}".strip()
    if arm.verdict == "equivalent":
        return f"Its {metric} is equivalent ({what})."
    if arm.verdict == "different":
        side = "lower" if difference < 0 else "higher"
        return f"Its {metric} is {side} ({what})."
    _, _, lacking = arm.verdict.partition(": ")
    told = f"Whether its {metric} changes is not settled ({what}"
    return f"{told}; {lacking})." if lacking else f"{told})."


def key_facts(comparison: ComparisonRecord) -> list[Fact]:
    """Numbers of the recommended arm; none where it took no part."""
    arm, baseline = comparison.chosen, comparison.sequential
    if arm is None:
        return []
    metric = units.metric_name(comparison.metric)
    before = baseline.samples_per_s.median if baseline else None

    def against(told: str) -> str:
        return "" if arm.sequential else told

    facts = [
        Fact(
            PAGE.whole(arm.samples_per_s.median),
            "samples per second",
            against(f"sequential: {PAGE.whole(before)}"),
        ),
        Fact(
            PAGE.value(arm.metric.mean),
            metric,
            against(f"{PAGE.change(arm.metric.difference.mean)} against sequential"),
        ),
    ]
    if not arm.sequential:
        between = units.within(arm.speedup.ci95, ".2f")
        facts.insert(0, Fact(PAGE.factor(arm.speedup.median), f"speedup of {arm.name}", between))
    if comparison.target is not None:
        slow = PAGE.duration(baseline.time_to_target_s) if baseline else PAGE.unknown
        name = f"until {metric} is {comparison.target:g}"
        facts.append(
            Fact(PAGE.duration(arm.time_to_target_s), name, against(f"sequential: {slow}"))
        )
    elif arm.fraction_of_bound is not None:
        facts.append(Fact(PAGE.share(arm.fraction_of_bound), "of what the costs allow"))
    return facts


def remarks(comparison: ComparisonRecord) -> list[str]:
    """The advice, and what the baseline is."""
    told = []
    if comparison.advice:
        told.append(f"Advice: {comparison.advice.rstrip('.')}.")
    if comparison.foretold:
        told.append(f"Before anything was measured: {comparison.foretold.rstrip('.')}.")
    baseline = comparison.baseline
    if baseline is not None and baseline.gain is not None:
        pipelined = next((each.runtime for each in comparison.arms if not each.sequential), "")
        other = pipelined if baseline.runtime == "serial" else "serial"
        told.append(
            f"Sequential is on the {baseline.runtime} runtime, {PAGE.factor(baseline.gain)} as "
            f"fast as on the {other} one."
        )
    return told
