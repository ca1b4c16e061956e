"""Numbers as people write them, exactly: one grammar, with what a spec says of marks and units.

A number is written with a decimal mark and, if the spec says so, with marks between its groups of
digits and units around it. Some forms have one meaning only and need no word in a spec: a minus
that is a Unicode one, that stands behind, or that is written as brackets, as accountants do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from splitrun.spec.files import ReadingKeys

CURRENCIES = "$€£¥₹₽₩₺₴₫฿₪₦₱¢"
_CODES = "USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|ZAR|KRW|Rs\\.?|kr\\.?"
_KNOWN = frozenset(
    (
        *("%", "k", "K", "M", "B", "bn", "mn", "kB", "KB", "MB", "GB", "TB", "W", "kW", "MW"),
        *("mg", "g", "kg", "t", "lb", "oz", "mm", "cm", "m", "km", "ft", "mi"),
        *("ms", "s", "min", "h", "d"),
    )
)
"""Units of which several in one column are no accident."""
_TYPOGRAPHY = str.maketrans(dict.fromkeys("\u2212\uff0d", "-") | dict.fromkeys("\u2019\u02bc", "'"))
_BLANKS = re.compile("[ \u00a0\u2007\u2009\u202f]")
_NUMERAL = re.compile(
    rf"[(+-]?\ ?(?P<before>(?:[A-Z]{{0,3}}[{CURRENCIES}]|{_CODES})?)\ ?[+-]?"
    r"(?:[0-9](?:[0-9.,'_\ ]*[0-9])?[.,]?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?"
    rf"\ ?(?P<after>(?:[{CURRENCIES}%‰]|°?[^\W\d_]{{1,12}}[²³23]?(?:/[^\W\d_]{{1,6}})?)?)[)-]?"
)
"""Anything with the looks of one number; what may be a unit has a name."""


@dataclass(frozen=True)
class Numerals:
    """How the numbers of a column are written."""

    decimal: str = "."
    thousands: str | None = None
    units: tuple[str, ...] = ()

    @classmethod
    def of(cls, reading: ReadingKeys) -> Numerals:
        """As a spec says."""
        return cls(reading.decimal, reading.thousands, reading.units)

    def parse(self, words: Sequence[str]) -> NDArray[np.float64]:
        """Each word as the float64 next to it, NaN where it is no such number."""
        return np.fromiter(map(self._number, words), np.float64, len(words))

    def units_of(self, words: Iterable[str]) -> frozenset[str]:
        """The units that stand at these numbers."""
        found = (self._form.fullmatch(tidied(word)) for word in words)
        return frozenset(unit for it in found if it for unit in it.group("before", "after") if unit)

    @cached_property
    def _form(self) -> re.Pattern[str]:
        units = "|".join(map(re.escape, sorted(map(tidied, self.units), key=len, reverse=True)))
        before, after = rf"(?P<before>(?:{units})?)", rf"(?P<after>(?:{units})?)"
        whole = "[0-9]+"
        if self.thousands:
            mark = re.escape(self.thousands)
            groups = "2,3" if self.thousands == "," else "3"  # India writes 12,34,567
            whole = rf"[0-9]{{1,3}}(?:{mark}[0-9]{{{groups}}})*{mark}[0-9]{{3}}|[0-9]+"
        point = re.escape(self.decimal)
        digits = rf"(?:{whole})(?:{point}[0-9]*)?|{point}[0-9]+"
        number = rf"(?P<number>(?:{digits})(?:[eE][+-]?[0-9]+)?|(?i:inf(?:inity)?))"
        open_, close = r"(?P<sign>\(|[+-]?)\ ?", r"\ ?(?P<end>[)-]?)"
        return re.compile(rf"{open_}{before}\ ?(?P<inner>[+-]?){number}\ ?{after}{close}")

    def _number(self, word: str) -> float:
        found = self._form.fullmatch(tidied(word))
        if not found:
            return np.nan
        sign, inner, end = found.group("sign", "inner", "end")
        if (sign == "(") != (end == ")") or bool(sign) + bool(inner) + (end == "-") > 1:
            return np.nan
        digits = found["number"]
        if self.thousands:
            digits = digits.replace(self.thousands, "")
        value = float(digits.replace(self.decimal, "."))
        return -value if "-" in (sign, inner, end) or sign == "(" else value


def tidied(word: str) -> str:
    """With plain minuses, apostrophes and blanks for those of typesetters."""
    return _BLANKS.sub(" ", word.strip().translate(_TYPOGRAPHY))


_UNSIGNED = r"(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)"
_N = rf"[+-]?{_UNSIGNED}"
NEARLY_NUMBERS = {
    r"0[xX][0-9a-fA-F]+": ("a hexadecimal number", "write decimal numbers"),
    rf"[~≈] ?{_N}|'{_N}|={_N}|=\"{_N}\"": ("a number with a mark", "write the number alone"),
    rf"{_N} ?(?:±|\+/-) ?{_N}": ("a number with its error", "write the number alone"),
    rf"{_N}[dD][+-]?[0-9]+": ("a number with a Fortran exponent", "write E for D"),
    r"(?=[\d.,]*[^\x00-\x7f])[\d.,]+": ("a number in other digits", "write 0 to 9"),
    r"[0-9]+ ?/ ?[0-9]+": ("a fraction", "write it as a decimal number"),
    rf"[(\[{{] ?{_N}(?: ?[,;] ?{_N})+ ?[)\]}}]": ("several numbers", "give each a column"),
    rf"{_N}[+-]{_UNSIGNED}[ij]": ("a complex number", "give each part a column"),
    r"[+-]?[0-9.]+ ?° ?[0-9].*": ("an angle of several numbers", "write decimal degrees"),
    r"\+[0-9][0-9 ()/-]{6,}": ("a telephone number", "leave the column out"),
    r"P(?=[0-9T])(?:[0-9.]+[YMWD])*(?:T(?:[0-9.]+[HMS])+)?": ("a duration", "write it as a number"),
    r"[0-9]+ days?,? [0-9]+:[0-9]{2}.*": ("a duration", "write it as a number"),
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*[A-Z]{3,4}": (
        "a date in a form that is not read",
        "write it as 2026-11-29",
    ),
}
"""What is no number to be read, though it is no word; what it is called, and what helps."""


def looks_numeric(words: Sequence[str]) -> NDArray[np.bool_]:
    """Which words have the looks of a number, whatever its marks and its units."""
    found = (_NUMERAL.fullmatch(tidied(word)) is not None for word in words)
    return np.fromiter(found, np.bool_, len(words))


def likely_units(words: Sequence[str]) -> tuple[str, ...]:
    """What stands before or after most of these numbers: nothing, or one unit before and one after.

    Letters are a unit only where they stand at three numbers or more: `1a` and `2a` are names.
    """
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for word in words:
        if found := _NUMERAL.fullmatch(tidied(word)):
            before[found["before"]] += 1
            after[found["after"]] += 1
    likely = []
    for counts in (before, after):
        total = counts.total()
        del counts[""]
        for unit, count in counts.most_common(1):
            if 2 * count >= total and (count >= 3 or not unit.isalpha()):
                likely.append(unit)
    return tuple(likely)


def several_units(words: Sequence[str]) -> tuple[frozenset[str], NDArray[np.bool_]]:
    """The well-known units at these numbers, and which words have one."""
    found = [_NUMERAL.fullmatch(tidied(word)) for word in words]
    units = [(it["before"] or it["after"]) if it else "" for it in found]
    known = np.array([unit in _KNOWN or unit[-1:] in CURRENCIES for unit in units], np.bool_)
    known &= np.array([bool(unit) for unit in units], np.bool_)
    return frozenset(unit for unit, is_known in zip(units, known, strict=True) if is_known), known


def candidates(now: Numerals, units: tuple[str, ...]) -> tuple[Numerals, ...]:
    """Other ways to write numbers that people use, the likeliest first."""
    known = tuple(dict.fromkeys((*now.units, *units)))
    forms = (
        *((now.decimal, now.thousands), (".", None), (".", ","), (",", None), (",", ".")),
        *((".", " "), (",", " "), (".", "'"), (",", "'"), (".", "_")),
    )
    return tuple(
        dict.fromkeys(
            Numerals(decimal, thousands, chosen)
            for chosen in dict.fromkeys((now.units, known))
            for decimal, thousands in forms
        )
    )
