from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from splitrun.report.bins import Bins

PLACES = st.floats(0, 1e12)
VALUES = st.integers(-1000, 1000)


@given(st.lists(st.tuples(PLACES, VALUES), min_size=1), st.floats(1e-3, 10))
def test_bins_stay_few_and_keep_number_sum_and_extremes(
    points: list[tuple[float, int]], width: float
) -> None:
    bins = Bins(width, limit=8)
    for at, value in points:
        bins.add(at, value)
    read = bins.read()
    assert len(read) <= 8
    assert sum(each.number for each in read) == len(points)
    assert sum(each.total for each in read) == sum(value for _, value in points)
    assert min(each.low for each in read) == min(value for _, value in points)
    assert max(each.high for each in read) == max(value for _, value in points)
    for before, after in pairwise(read):
        assert before.end <= after.start * (1 + 1e-9)


@given(st.lists(PLACES, min_size=1))
def test_every_place_is_in_its_bin(places: list[float]) -> None:
    bins = Bins(1.0, limit=8)
    for at in places:
        bins.add(at, at)
    for each in bins.read():
        assert each.start <= each.low
        assert each.high <= each.end


def test_wider_bins_are_read_without_changing_what_is_kept() -> None:
    bins = Bins(1.0)
    for at in range(10):
        bins.add(at, at)
    assert [(each.start, each.end, each.number) for each in bins.read(3)] == [
        (0, 4, 4),
        (4, 8, 4),
        (8, 12, 2),
    ]
    assert len(bins.read()) == 10
