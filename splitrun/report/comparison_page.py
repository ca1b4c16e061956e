"""The page of a comparison: the verdict in words, then what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from splitrun.report import glossary, words
from splitrun.report.bins import Bins
from splitrun.report.charts.arm_look import colour, dash, symbol
from splitrun.report.charts.curves import curves
from splitrun.report.charts.depth import by_depth
from splitrun.report.charts.machine import Line, mean, use
from splitrun.report.charts.shares import Group, shares
from splitrun.report.charts.target import time_to_target
from splitrun.report.charts.timeline import Strip, timeline
from splitrun.report.comparison import Comparison, recording_of
from splitrun.report.comparison_tables import arms_table, limits_table, links_table
from splitrun.report.comparison_words import key_facts, remarks, verdict
from splitrun.report.files import flat, read_text
from splitrun.report.page import Block, Figure, Note, Page, Section, Source, Terms
from splitrun.report.steady import period_s, window
from splitrun.report.summary import RunSummary, digest

_SEQUENTIAL_STEPS = 2.2
"""The timeline's span, in steps of the sequential arm: two and the edges of their neighbours."""
_SAMPLED_S = 0.1
"""Width of a bin of samples: a turn is short."""

Recordings = Mapping[str, RunSummary]
"""By the name of the arm."""


def comparison_page(directory: Path, comparison: Comparison) -> Page:
    """The page of a comparison's directory.

    Raises:
        RunDirectoryError: a recording is damaged.
    """
    recordings = {
        arm.name: recording
        for arm in comparison.arms
        if (path := recording_of(directory, arm)) and (recording := digest(path))
    }
    return Page(
        title=comparison.name,
        subtitle=" · ".join(
            part
            for part in ("A comparison", words.moment(comparison.started or comparison.ended))
            if part
        ),
        verdict=verdict(comparison),
        facts=key_facts(comparison),
        remarks=remarks(comparison),
        sections=[
            section
            for section in (
                Section("How fast", [arms_table(comparison), *_some(by_depth(comparison))]),
                Section("What it learns", _learning(comparison), side_by_side=True),
                Section("Where the time goes", _time(comparison, recordings)),
                Section("The machine", _machine(comparison, recordings), side_by_side=True),
                Section("The links", links_table(comparison)),
                Section("How it was measured", _appendix(directory, comparison)),
            )
            if section.blocks
        ],
    )


def _some(figure: Figure | None) -> list[Block]:
    return [] if figure is None else [figure]


def _learning(comparison: Comparison) -> list[Block]:
    return [*curves(comparison), *_some(time_to_target(comparison))]


def _time(comparison: Comparison, recordings: Recordings) -> list[Block]:
    blocks: list[Block] = []
    strips = _strips(comparison, recordings)
    if strips:
        blocks.append(timeline(strips))
    else:
        blocks.append(Note("No turn was recorded, so there is no timeline."))
    groups: list[Group] = [(arm.name, arm.roles) for arm in comparison.arms if arm.roles]
    if groups:
        blocks.append(shares(groups))
    return [*blocks, limits_table(comparison)]


def _strips(comparison: Comparison, recordings: Recordings) -> list[Strip]:
    """The baseline above the recommended arm, or above the fastest where it is recommended."""
    baseline, chosen = comparison.sequential, comparison.chosen
    if chosen is None or chosen is baseline:
        others = [arm for arm in comparison.arms if not arm.sequential]
        chosen = max(others, key=lambda arm: arm.samples_per_s.median or 0, default=None)
    shown = [arm for arm in (baseline, chosen) if arm is not None and arm.name in recordings]
    period = period_s(recordings[shown[0].name]) if shown else None
    strips = []
    for arm in shown:
        span_s = None if period is None else _SEQUENTIAL_STEPS * period
        steady = window(recordings[arm.name], span_s)
        if steady is not None:
            strips.append(Strip(arm.name, recordings[arm.name], steady))
    return strips


def _machine(comparison: Comparison, recordings: Recordings) -> list[Block]:
    figures: list[Block] = []
    cpu = _lines(comparison, {name: each.cpu_percent for name, each in recordings.items()})
    if cpu:
        means = "; ".join(f"{line.name} {words.percent(mean(line.bins))}" for line in cpu)
        caption = f"Of this process during the recorded turns, on average: {means}."
        figures.append(use("Processor", "% of a core", cpu, caption))
    gpu = _lines(
        comparison,
        {name: each.gpus[0].busy_percent for name, each in recordings.items() if 0 in each.gpus},
    )
    if gpu:
        means = "; ".join(f"{line.name} {words.percent(mean(line.bins))}" for line in gpu)
        caption = f"Share of the time in which a kernel ran, whoever's: {means}."
        figures.append(use("Graphics processor", "% of the time", gpu, caption))
    return figures or [Note("The machine was not sampled during the recorded turns.")]


def _lines(comparison: Comparison, bins: Mapping[str, Bins]) -> list[Line]:
    arms = comparison.arms
    read = [(arm, bins[arm.name].read(_SAMPLED_S)) for arm in arms if arm.name in bins]
    return [
        Line(arm.name, each, colour(arm, arms), dash(arm), symbol(arm, arms))
        for arm, each in read
        if each
    ]


def _appendix(directory: Path, comparison: Comparison) -> list[Block]:
    lists = (
        ("What the words mean", glossary.COMPARISON),
        (
            "Settings",
            [_setting(*pair) for pair in comparison.settings.items() if pair[1] is not None],
        ),
        ("Environment", [(key, flat(value)) for key, value in comparison.environment.items()]),
    )
    blocks: list[Block] = [Terms(title, pairs) for title, pairs in lists if pairs]
    spec = read_text(directory / "resolved.yaml")
    if spec:
        blocks.append(Source("The spec as understood, every key stated", spec))
    return blocks


def _setting(key: str, value: object) -> tuple[str, str]:
    name = key.removesuffix("_s")
    return name.replace("_", " "), flat(value) + (f"{words.SPACE}s" if name != key else "")
