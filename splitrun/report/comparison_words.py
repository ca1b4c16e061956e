"""A comparison in words and a few numbers: what is recommended, and what it does."""

from __future__ import annotations

from splitrun.report import words
from splitrun.report.comparison import Arm, Comparison
from splitrun.report.page import Fact


def verdict(comparison: Comparison) -> str:
    """What is recommended, how much faster it is, and what it does to the metric."""
    arm, metric = comparison.chosen, words.metric_name(comparison.metric)
    if arm is None:
        return "None of the arms that took part is recommended."
    if arm.sequential:
        return f"Stay with sequential.{_unproven(comparison)}"
    between = words.within(arm.speedup.ci95, ".2f")
    fast = f"{arm.name} is recommended: {words.factor(arm.speedup.median)} as fast as sequential"
    fast += f" {between}" if between else ""
    return f"{fast}. {_effect(arm, metric)}{_unproven(comparison)}"


def _unproven(comparison: Comparison) -> str:
    """The arms that are faster, in a sentence of its own; nothing where there are none."""
    faster = [arm for arm in comparison.arms if arm.name in comparison.faster_unproven]
    if not faster:
        return ""
    metric = words.metric_name(comparison.metric)
    told = [
        f"{arm.name} ({words.factor(arm.speedup.median)}, "
        f"{words.change(arm.metric.difference.mean)} {metric})"
        for arm in faster
    ]
    return f" Faster, unproven: {words.listed(told)}."


def _effect(arm: Arm, metric: str) -> str:
    """What an arm does to the metric, in a sentence."""
    difference = arm.metric.difference.mean
    if arm.verdict == "identical":
        return "It ends with the same weights, bit for bit."
    if difference is None:
        return f"What it does to {metric} is unknown."
    shown = words.change(difference)
    spread = words.half_width(arm.metric.difference.ci95, ".4f")
    what = f"{shown} {spread}".strip()
    if arm.verdict == "equivalent":
        return f"Its {metric} is equivalent ({what})."
    if arm.verdict == "different":
        side = "lower" if difference < 0 else "higher"
        return f"Its {metric} is {side} ({what})."
    _, _, lacking = arm.verdict.partition(": ")
    told = f"Whether its {metric} changes is not settled ({what}"
    return f"{told}; {lacking})." if lacking else f"{told})."


def key_facts(comparison: Comparison) -> list[Fact]:
    """Of the recommended arm; nothing where it took no part."""
    arm, baseline = comparison.chosen, comparison.sequential
    if arm is None:
        return []
    metric = words.metric_name(comparison.metric)
    before = baseline.samples_per_s.median if baseline else None

    def against(told: str) -> str:
        return "" if arm.sequential else told

    facts = [
        Fact(
            words.whole(arm.samples_per_s.median),
            "samples per second",
            against(f"sequential: {words.whole(before)}"),
        ),
        Fact(
            words.value(arm.metric.mean),
            metric,
            against(f"{words.change(arm.metric.difference.mean)} against sequential"),
        ),
    ]
    if not arm.sequential:
        between = words.within(arm.speedup.ci95, ".2f")
        facts.insert(0, Fact(words.factor(arm.speedup.median), f"speedup of {arm.name}", between))
    if comparison.target is not None:
        slow = words.duration(baseline.time_to_target_s) if baseline else words.UNKNOWN
        name = f"until {metric} is {comparison.target:g}"
        facts.append(
            Fact(words.duration(arm.time_to_target_s), name, against(f"sequential: {slow}"))
        )
    elif arm.fraction_of_bound is not None:
        facts.append(Fact(words.share(arm.fraction_of_bound), "of what the costs allow"))
    return facts


def remarks(comparison: Comparison) -> list[str]:
    """The advice, and what the baseline is."""
    told = []
    if comparison.advice:
        told.append(f"Advice: {comparison.advice.rstrip('.')}.")
    baseline = comparison.baseline
    if baseline is not None and baseline.gain is not None:
        other = "threaded" if baseline.runtime == "serial" else "serial"
        told.append(
            f"Sequential is on the {baseline.runtime} runtime, {words.factor(baseline.gain)} as "
            f"fast as on the {other} one."
        )
    return told
