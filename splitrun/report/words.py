"""Numbers as a person reads them: with their unit, and a dash where one is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

UNKNOWN = "–"
SPACE = "\N{NO-BREAK SPACE}"
_LARGE = 1e5
"""From here on, a value of a metric is written with an exponent."""

_LONG = {"ms": 999.5, "s": 119.5}
"""From so many on, the next unit is used."""

RoleChannels = tuple[float, float]
"""Of an interval."""


def whole(value: float | None) -> str:
    """`9,065`."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def rate(value: float | None) -> str:
    """`9,065 samples/s`."""
    return UNKNOWN if value is None else f"{value:,.0f}{SPACE}samples/s"


def factor(value: float | None) -> str:
    """`3.80×`."""
    return UNKNOWN if value is None else f"{value:.2f}×"


def share(value: float | None) -> str:
    """A fraction of 1 as `97 %`; what is neither none nor all is not rounded to it."""
    return UNKNOWN if value is None else percent(100 * value)


def percent(value: float | None) -> str:
    """`97 %`; what is neither none nor all is not rounded to it."""
    if value is None:
        return UNKNOWN
    if 0 < value < 0.5:
        return f"<{SPACE}1{SPACE}%"
    if 99.5 <= value < 100:
        return f">{SPACE}99{SPACE}%"
    return f"{value:.0f}{SPACE}%"


def duration(seconds: float | None) -> str:
    """`0.12 ms`, `54.5 ms`, `126 ms`, `3.54 s`, `12 min 05 s`, `3 h 07 min`."""
    if seconds is None:
        return UNKNOWN
    for scale, unit in ((1000, "ms"), (1, "s")):
        if seconds * scale < _LONG[unit]:
            decimals = 2 if seconds * scale < 10 else 1 if seconds * scale < 100 else 0
            return f"{seconds * scale:.{decimals}f}{SPACE}{unit}"
    minutes, second = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min{SPACE}{second:02}{SPACE}s"
    hours, minute = divmod(minutes, 60)
    return f"{hours:,}{SPACE}h{SPACE}{minute:02}{SPACE}min"


def size(count: float | None) -> str:
    """Bytes as `16.0 KiB`."""
    if count is None:
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.{0 if unit == 'B' else 1}f}{SPACE}{unit}"
        count /= 1024
    return f"{count:,.1f}{SPACE}TiB"


def value(number: float | None) -> str:
    """A metric or a loss: `0.1963`; one beyond measure as `2.171e+29`."""
    return UNKNOWN if number is None else format(number, ".4f" if abs(number) < _LARGE else ".3e")


def change(number: float | None) -> str:
    """A difference of a metric: `+0.0021`, `−0.0113`."""
    return UNKNOWN if number is None else format(number, "+.4f").replace("-", "−")


def within(ends: RoleChannels | None, form: str) -> str:
    """An interval as `[3.79, 3.82]`; nothing where it is unknown."""
    return "" if ends is None else f"[{ends[0]:{form}}, {ends[1]:{form}}]".replace("-", "−")


def half_width(ends: RoleChannels | None, form: str) -> str:
    """An interval around a number as `±0.0039`; nothing where it is unknown."""
    return "" if ends is None else f"±{(ends[1] - ends[0]) / 2:{form}}"


def moment(iso: str) -> str:
    """`22 November 2026, 19:30 UTC`; what is no time as it stands."""
    try:
        time = datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError:
        return iso
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def metric_name(name: str) -> str:
    """A metric as it is called in a sentence."""
    return {"auroc": "AUROC"}.get(name, name.replace("_", " "))


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def plural(count: int, noun: str) -> str:
    """`1 step`, `252 steps`."""
    return f"{count:,}{SPACE}{noun}" + ("" if count == 1 else "s")
