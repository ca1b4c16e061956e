"""Numbers and text as a person reads them: with their unit, and dashes where one is unknown.

A terminal and a page differ in two glyphs alone: `SCREEN` and `PAGE`. A terminal takes some
characters for commands, and names come from files, directories and command lines of strangers, so
whatever is shown passes `plain`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Ends = tuple[float, float]
"""Of an interval."""

_LARGE = 1e5
"""From here on, a value of a metric is written with an exponent."""
_LONG = {"ms": 999.5, "s": 119.5}
"""From so many on, the next unit is used."""


@dataclass(frozen=True)
class NumberStyle:
    """Writes numbers for one medium."""

    space: str
    """Between a number and its unit."""
    unknown: str

    def whole(self, value: float | None) -> str:
        """`9,065`."""
        return self.unknown if value is None else f"{value:,.0f}"

    def rate(self, samples_per_s: float | None) -> str:
        """`9,065 samples/s`."""
        return f"{self.whole(samples_per_s)}{self.space}samples/s"

    def factor(self, value: float | None) -> str:
        """`3.80×`."""
        return self.unknown if value is None else f"{value:.2f}×"

    def share(self, value: float | None) -> str:
        """A fraction of 1 as `97 %`; what is neither none nor all is not rounded to it."""
        return self.unknown if value is None else self.percent(100 * value)

    def percent(self, value: float | None) -> str:
        """`97 %`; what is neither none nor all is not rounded to it."""
        if value is None:
            return self.unknown
        if 0 < value < 0.5:
            return f"<{self.space}1{self.space}%"
        if 99.5 <= value < 100:
            return f">{self.space}99{self.space}%"
        return f"{value:.0f}{self.space}%"

    def rounded_share(self, value: float | None) -> str:
        """A fraction of 1 as `97 %`, in at most five characters."""
        return self.unknown if value is None else f"{100 * value:.0f}{self.space}%"

    def duration(self, seconds: float | None) -> str:
        """`0.12 ms`, `54.5 ms`, `126 ms`, `3.54 s`, `12 min 05 s`, `3 h 07 min`."""
        if seconds is None:
            return self.unknown
        for scale, unit in ((1000, "ms"), (1, "s")):
            if seconds * scale < _LONG[unit]:
                decimals = 2 if seconds * scale < 10 else 1 if seconds * scale < 100 else 0
                return f"{seconds * scale:.{decimals}f}{self.space}{unit}"
        minutes, second = divmod(round(seconds), 60)
        if minutes < 60:
            return f"{minutes}{self.space}min{self.space}{second:02}{self.space}s"
        hours, minute = divmod(minutes, 60)
        return f"{hours:,}{self.space}h{self.space}{minute:02}{self.space}min"

    def size(self, count: float | None) -> str:
        """Bytes as `512 B`, `16.0 KiB`, `1.2 TiB`: nine characters, but of the very largest."""
        if count is None:
            return self.unknown
        for unit in ("B", "KiB", "MiB", "GiB"):
            if count < 1000:
                return f"{count:.{0 if unit == 'B' else 1}f}{self.space}{unit}"
            count /= 1024
        return f"{count:,.1f}{self.space}TiB"

    def value(self, number: float | None) -> str:
        """A metric or a loss: `0.1963`; one beyond measure as `2.171e+29`."""
        if number is None:
            return self.unknown
        return format(number, ".4f" if abs(number) < _LARGE else ".3e")

    def change(self, number: float | None) -> str:
        """A difference of a metric: `+0.0021`, `−0.0113`."""
        return self.unknown if number is None else format(number, "+.4f").replace("-", "−")

    def plural(self, count: int, noun: str) -> str:
        """`1 step`, `252 steps`."""
        return f"{count:,}{self.space}{noun}" + ("" if count == 1 else "s")

    def metrics(self, metrics: Mapping[str, float | None]) -> str:
        """`auroc 0.9181  accuracy 0.9050`; dashes where the rows do not define a metric."""
        return "  ".join(f"{name} {self.value(value)}" for name, value in metrics.items())


SCREEN = NumberStyle(" ", "--")
PAGE = NumberStyle("\N{NO-BREAK SPACE}", "–")
"""A number and its unit stay on one line."""


def clock(seconds: float | None) -> str:
    """`1:02:03`, `02:03`, or dashes where it is unknown."""
    if seconds is None:
        return "--:--"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


_AGES = (("y", 365 * 86400), ("d", 86400), ("h", 3600), ("min", 60))


def age(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `31 d`, `2 y`: how long ago something was, in whole units."""
    for unit, unit_s in _AGES:
        if seconds >= unit_s * (2 if unit == "y" else 1):
            return f"{int(seconds // unit_s)} {unit}"
    return f"{max(0, int(seconds))} s"


def span(seconds: float) -> str:
    """`50 ms`, `3.1 s`, `5 s`: as short as can be."""
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s".replace(".0 s", " s")


def megabytes(size: float) -> str:
    """Bytes in 10⁶, as limits are given: `1,234.5`, `0.0123`."""
    return f"{size / 1e6:,.1f}" if size >= 1e6 else f"{size / 1e6:.3g}"


def within(ends: Ends | None, form: str) -> str:
    """An interval as `[3.79, 3.82]`; nothing where it is unknown."""
    return "" if ends is None else f"[{ends[0]:{form}}, {ends[1]:{form}}]".replace("-", "−")


def half_width(ends: Ends | None, form: str) -> str:
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


def flat(content: object) -> str:
    """JSON as a person reads it: `torch 2.13.0, numpy 2.4.6`."""
    if isinstance(content, dict):
        return ", ".join(f"{key} {flat(each)}" for key, each in content.items())
    if isinstance(content, list):
        return ", ".join(map(flat, content))
    if content is None:
        return "–"
    if isinstance(content, bool):
        return "yes" if content else "no"
    return str(content)


def plain(text: str) -> str:
    """The text, with escapes for what a terminal would not show but do: control characters, marks
    that turn the direction of writing, halves of characters. Newlines and tabs stay."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(char if _is_shown(char) else ascii(char)[1:-1] for char in text)


def _is_shown(char: str) -> bool:
    return char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"


def csv_cell(value: object) -> object:
    """A cell to write. Spreadsheets would run text that begins like a formula, so an apostrophe
    goes before it; a number stays one, be it text or not."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}" if value.lstrip(" ")[:1] in _FORMULA else value


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
