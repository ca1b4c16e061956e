"""Training time until the metric reaches its target."""

from __future__ import annotations

from splitrun.report import words
from splitrun.report.charts.arm_look import colour
from splitrun.report.charts.drawing import axis, beside, layout, text
from splitrun.report.comparison import Arm, Comparison
from splitrun.report.page import Chart, Figure


def time_to_target(comparison: Comparison) -> Figure | None:
    """Training time until the metric reaches its target, as bars; None without a target."""
    if comparison.target is None:
        return None
    arms = list(comparison.arms)
    seconds = [arm.time_to_target_s for arm in arms]
    told = [_reached(comparison, arm) for arm in arms]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": seconds,
        "y": [-place for place in range(len(arms))],
        "width": 0.55,
        "marker": {"color": [colour(arm, arms) for arm in arms]},
        "hovertext": [f"{text(arm.name)}: {what}" for arm, what in zip(arms, told, strict=True)],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    labels = [
        beside(what, second or 0, -place)
        for place, (what, second) in enumerate(zip(told, seconds, strict=True))
    ]
    longest = max((second for second in seconds if second), default=1.0)
    shape = layout(
        axis("seconds of training", range=[0, 1.3 * longest], fixedrange=True),
        axis(
            tickvals=[-place for place in range(len(arms))],
            ticktext=[text(arm.name) for arm in arms],
            showgrid=False,
            fixedrange=True,
        ),
        height=90 + 38 * len(arms),
        labels=labels,
    )
    name = words.metric_name(comparison.metric)
    caption = (
        f"Median over the seeds of the training time until {name} is at its target. "
        + "; ".join(f"{arm.name}: {what}" for arm, what in zip(arms, told, strict=True))
        + "."
    )
    narrow = {"xaxis": {"range": [0, 2.5 * longest]}}
    title = f"Time until {name} is {comparison.target:g}"
    return Figure(title, caption, Chart([trace], shape, narrow))


def _reached(comparison: Comparison, arm: Arm) -> str:
    of = f"{arm.reached} of {comparison.seeds} seeds" if arm.reached is not None else ""
    if arm.time_to_target_s is None:
        return f"not reached ({of})" if of else "not reached"
    return words.duration(arm.time_to_target_s) + (f" ({of})" if of else "")
