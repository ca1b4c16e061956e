"""Numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

from splitrun.events import Evaluated

_LARGE = 1e5
"""From here on, a value is written with an exponent."""


def rate_text(samples_per_s: float | None) -> str:
    """`9,065 samples/s`; dashes where it is unknown."""
    return f"{count_text(samples_per_s)} samples/s"


def count_text(count: float | None) -> str:
    """`9,065`; dashes where it is unknown."""
    return "--" if count is None else format(count, ",.0f")


def clock_text(seconds: float | None) -> str:
    """`1:02:03`, `02:03`, or dashes where it is unknown."""
    if seconds is None:
        return "--:--"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def span_text(seconds: float) -> str:
    """`50 ms`, `3.1 s`, `5 s`."""
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s".replace(".0 s", " s")


def value_text(value: float | None) -> str:
    """`0.1963`; a loss that grows beyond measure as `2.171e+29`; dashes where it is unknown."""
    if value is None:
        return "--"
    return format(value, ".4f" if abs(value) < _LARGE else ".3e")


def share_text(share: float | None) -> str:
    """`23 %`; dashes where it is unknown."""
    return "--" if share is None else f"{100 * share:.0f} %"


def size_text(size: float | None) -> str:
    """`12.3 MiB`; dashes where it is unknown."""
    if size is None:
        return "--"
    for unit in ("B", "KiB", "MiB"):
        if size < 1000:  # never more than six characters before the unit
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


def metrics_text(metrics: Mapping[str, float | None]) -> str:
    """`auroc 0.9181  accuracy 0.9050`; dashes where the rows do not define a metric."""
    return "  ".join(f"{name} {value_text(value)}" for name, value in metrics.items())


def evaluation_text(event: Evaluated) -> str:
    """`evaluated after epoch 4: loss 0.1251  auroc 0.9907`."""
    return f"evaluated after epoch {event.epoch}: {metrics_text(event.metrics)}"
