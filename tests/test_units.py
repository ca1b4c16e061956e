"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from splitrun import units
from splitrun.units import PAGE, SCREEN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (units.clock(None), "--:--"),
        (units.clock(62), "01:02"),
        (units.age(59), "59 s"),
        (units.age(60), "1 min"),
        (units.age(7199), "1 h"),
        (units.age(86400 * 729), "729 d"),
        (units.age(86400 * 730), "2 y"),
        (units.clock(3723), "1:02:03"),
        (SCREEN.rate(None), "-- samples/s"),
        (SCREEN.rate(9065.4), "9,065 samples/s"),
        (SCREEN.value(None), "--"),
        (SCREEN.value(0.19634), "0.1963"),
        (SCREEN.value(2.1708e29), "2.171e+29"),
        (SCREEN.size(None), "--"),
        (SCREEN.size(999), "999 B"),
        (SCREEN.size(1000), "1.0 KiB"),
        (SCREEN.size(12.3 * 2**20), "12.3 MiB"),
        (SCREEN.size(2000 * 2**30), "2.0 TiB"),
        (SCREEN.share(0.004), "< 1 %"),
        (SCREEN.share(0.997), "> 99 %"),
        (SCREEN.share(1.0), "100 %"),
        (SCREEN.duration(0.0545), "54.5 ms"),
        (SCREEN.duration(725), "12 min 05 s"),
        (SCREEN.change(-0.0113), "−0.0113"),
        (SCREEN.plural(1, "step"), "1 step"),
        (SCREEN.plural(2000, "step"), "2,000 steps"),
        (units.megabytes(1_234_500_000), "1,234.5"),
        (units.megabytes(12_300), "0.0123"),
        (units.span(0.05), "50 ms"),
        (units.span(5.0), "5 s"),
        (units.span(6.4), "6.4 s"),
    ],
)
def test_numbers_are_short(text: str, expected: str) -> None:
    assert text == expected


def test_on_a_page_a_number_and_its_unit_stay_together() -> None:
    assert PAGE.rate(9065.4) == "9,065\N{NO-BREAK SPACE}samples/s"
    assert PAGE.size(None) == "–"


def test_in_any_medium_a_size_is_short() -> None:
    factors, units_of = (1, 999.9, 1023.9), (1024, 1024**2, 1024**3)
    sizes = [SCREEN.size(factor * unit) for factor in factors for unit in units_of]
    assert max(map(len, sizes)) <= len("999.9 KiB")
