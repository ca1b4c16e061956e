"""Dates and times: how they are written, and the numbers that are made of them.

A column of dates that the spec declares becomes numeric features, `signup.elapsed`, `signup.month`
and so on; its own cells are no feature. Times with an offset from UTC are taken in UTC, others as
they stand. pandas reads them; it is imported where that is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splitrun.data.table import Categories, is_missing
from splitrun.data.words import bare
from splitrun.errors import DataError
from splitrun.spec.files import DatePart, ReadingKeys

if TYPE_CHECKING:
    import pandas as pd

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r"\ ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y"),
    *("%b %d %Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y", "%d%b%Y", "%a, %d %b %Y", "%Y年%m月%d日"),
)
_TIMES = ("%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p")
_MONTHS = ("%b-%Y", "%b %Y", "%B %Y", "%b-%y", "%Y-%m", "%m/%Y", "%m.%Y")
FORMATS = (*_DAYS, *_MONTHS, *(f"{day} {time}" for day in _DAYS for time in _TIMES), *_TIMES)
"""Written by people, beside ISO 8601."""
_DIRECTIVES = {
    **dict.fromkeys(("%d", "%m", "%H", "%I", "%M", "%S"), "[0-9]{1,2}"),
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]{3,9}",
    "%a": "[A-Za-z]{3}",
    "%p": "[AaPp][Mm]",
}
_LOOKS = re.compile(
    r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?![0-9]).*|[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日"
    r"|(?:[A-Za-z]{3}, )?[0-9]{1,2}[ -]?[A-Za-z]{3,9}[ -]?[0-9]{2,4}\b.*"
    r"|[A-Za-z]{3,9}[ -][0-9]{1,2},? ?[0-9]{2,4}.*|[A-Za-z]{3,9}[ -][0-9]{2,4}"
    r"|[0-9]{4}-[0-9]{2}|[0-9]{2}[/.][0-9]{4}|[0-9]+:[0-9]{2}.*"
)
"""What may be a date or a time; most words are not, and are told apart at once."""
_UNREAD = re.compile(
    r"[0-9]+:[0-9]{2}(:[0-9]{2})?|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*"
)
"""A duration, or a time with more behind it than is read, such as the name of a zone."""
_SAMPLE = 100
_DAY_US = 86_400_000_000


def date_features(
    name: str, cells: Categories, reading: ReadingKeys, place: Callable[[int], str]
) -> dict[str, NDArray[np.float64]]:
    """By feature, a number for every row; NaN where the cell is empty or marked as missing.

    Raises:
        DataError: a cell that is no date of the declared format, or times of which only some
            have a time zone.
    """
    column = reading.dates[name]
    moments = _moments(name, cells, column.format, reading.missing_values, place)
    return {f"{name}.{part}": _part(moments, part)[cells.codes] for part in column.parts}


def elapsed_days(
    name: str, cells: Categories, form: str, place: Callable[[int], str]
) -> NDArray[np.float64]:
    """Every row's moment, in days since 1970; NaN where the cell is empty or marked as missing.

    Raises:
        DataError: as for `date_features`.
    """
    return _part(_moments(name, cells, form, (), place), "elapsed")[cells.codes]


def _moments(
    name: str,
    cells: Categories,
    form: str,
    missing_values: Collection[str],
    place: Callable[[int], str],
) -> pd.DatetimeIndex:
    """Of each distinct word; NaT for what is missing, and for what no row has and is no date."""
    words = [bare(word) for word in cells.values]
    there = [word not in missing_values and not is_missing(word) for word in words]
    known = [word if is_in else None for word, is_in in zip(words, there, strict=True)]
    try:
        moments = _stamps(known, form)
    except ValueError as error:
        message = f"the format {form!r} of the dates in column {name!r} is none: {error}"
        raise DataError(f"{place(0)}: {message}; use iso or a pattern such as %d.%m.%Y") from error
    present = np.array(there, np.bool_)
    present &= np.bincount(cells.codes, minlength=len(words)) > 0
    if (odd := present & np.asarray(moments.isna())).any():
        row = int(np.argmax(odd[cells.codes]))
        message = f"{place(row)}: {bare(cells.at(row))!r} in column {name!r}"
        remedy = "mend the cell, set the format, or list it under missing_values"
        raise DataError(f"{message} is no date of the format {form!r}; {remedy}")
    if form == "iso":
        zoned = np.array([bool((it := _ISO.fullmatch(word)) and it["zone"]) for word in words])
        timed = np.array([":" in word for word in words]) & present
        if (timed & zoned).any() and (timed & ~zoned).any():
            row = int(np.argmax((timed & ~zoned)[cells.codes]))
            message = f"{place(row)}: {cells.at(row)!r} in column {name!r} has no time zone"
            raise DataError(f"{message}, as others there have; give all times one")
    return moments


def _part(moments: pd.DatetimeIndex, part: DatePart) -> NDArray[np.float64]:
    """NaN where there is no moment; `elapsed` in days since 1970, a weekday 0 on a Monday."""
    if part == "elapsed":
        days = moments.as_unit("us").asi8 / _DAY_US
        return np.where(moments.isna(), np.nan, days)
    attribute = "day_of_week" if part == "weekday" else part
    return np.asarray(getattr(moments, attribute), np.float64)


def likely_formats(words: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """The formats of most of these words, where they look like dates or times; and which do.

    Durations beyond a day look like times, but have no format, nor have times with a zone's name.
    """
    looks = np.fromiter(
        (_LOOKS.fullmatch(word) is not None for word in words), np.bool_, len(words)
    )
    chosen = [word for word, does in zip(words, looks, strict=True) if does]
    fits: dict[str, NDArray[np.bool_]] = {}
    for form in ("iso", *FORMATS):
        pattern = _ISO if form == "iso" else _pattern(form)
        if any(pattern.fullmatch(word) for word in chosen[:_SAMPLE]):
            fits[form] = ~np.asarray(_stamps(chosen, form).isna())
    most = max((int(it.sum()) for it in fits.values()), default=0)
    best = [form for form, fit in fits.items() if most and fit.sum() == most]
    if not best:
        unread = [_UNREAD.fullmatch(word) is not None for word in words]
        return (), looks & np.array(unread, np.bool_)
    matches = np.zeros(len(words), np.bool_)
    matches[np.flatnonzero(looks)] = fits[best[0]]
    return tuple(best), matches


def usual_parts(form: str) -> tuple[DatePart, ...]:
    """What to make of dates of a format where nothing else is known: of times of day, the hour."""
    return ("hour", "minute") if form in _TIMES else ("elapsed",)


def _pattern(form: str) -> re.Pattern[str]:
    pieces = re.split(r"(%[a-zA-Z])", form)
    return re.compile("".join(_DIRECTIVES.get(piece) or re.escape(piece) for piece in pieces))


def _stamps(words: Sequence[str | None], form: str) -> pd.DatetimeIndex:
    """[words], NaT where one is missing or has another form."""
    import pandas as pd

    if form == "iso":
        words = [
            word.replace(",", ".") if word and _ISO.fullmatch(word) else None for word in words
        ]
        form = "ISO8601"
    texts: Any = pd.Series(words, dtype=object)
    return pd.DatetimeIndex(pd.to_datetime(texts, format=form, errors="coerce", utc=True))
