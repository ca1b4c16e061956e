"""The timeline: cells tell the truth about time, and stay few."""

from __future__ import annotations

from collections import Counter

import pytest

from splitrun.dashboard.roles import CELL_S, MOST_CELLS, Kind, Timeline
from splitrun.dashboard.view import RunView
from splitrun.events import Executed
from tests.dashboard.runs import CLOCK, started, step


def cells(timeline: Timeline) -> list[Kind]:
    return [cell.kind for cell in timeline.cells]


def test_spans_longer_than_cells_are_drawn_where_they_were() -> None:
    timeline = Timeline(0.0)
    timeline.add(Kind.FORWARD, 0.0, 4 * CELL_S)
    timeline.add(Kind.RECEIVE, 4 * CELL_S, 7 * CELL_S)
    timeline.add(Kind.UPDATE, 9 * CELL_S, 10.5 * CELL_S)
    expected = [Kind.FORWARD] * 4 + [Kind.RECEIVE] * 3 + [Kind.IDLE] * 2 + [Kind.UPDATE]
    assert cells(timeline) == expected


def test_of_shorter_spans_every_kind_is_drawn_in_proportion_to_its_time() -> None:
    timeline, at = Timeline(0.0), 0.0
    shares = {Kind.FORWARD: 0.15, Kind.BACKWARD: 0.07, Kind.RECEIVE: 0.4, Kind.IDLE: 0.38}
    while at < 400 * CELL_S:
        for kind, share in shares.items():
            end = at + 0.013 * share
            if kind is not Kind.IDLE:
                timeline.add(kind, at, end)
            at = end
    drawn = Counter(cells(timeline))
    for kind, share in shares.items():
        assert drawn[kind] == pytest.approx(share * 400, abs=2)


def test_long_and_short_spans_add_up_whatever_becomes_of_the_cells() -> None:
    timeline = Timeline(100.0)
    timeline.add(Kind.FORWARD, 100.0, 100.33)
    timeline.coarsen()
    timeline.add(Kind.RECEIVE, 100.4, 100.9)
    timeline.coarsen()
    timeline.coarsen()
    timeline.add(Kind.SEND, 101.0, 1e6)
    timeline.add(Kind.FORWARD, 2e6, 2e6 + 0.1)
    total = timeline.total()
    assert total[Kind.FORWARD] == pytest.approx(0.43)
    assert total[Kind.RECEIVE] == pytest.approx(0.5)
    assert total[Kind.SEND] == pytest.approx(1e6 - 101)
    assert len(timeline.cells) <= MOST_CELLS


@pytest.mark.parametrize("closed", [6, 7])
def test_coarser_cells_cover_the_same_time(closed: int) -> None:
    timeline = Timeline(0.0)
    end = (closed + 0.5) * CELL_S
    timeline.add(Kind.UPDATE, 0.0, end)
    timeline.coarsen()
    assert timeline.open_end == pytest.approx((timeline.open + 1) * 2 * CELL_S)
    assert len(timeline.cells) == timeline.open == closed // 2
    assert timeline.since(0)[Kind.UPDATE] == pytest.approx(end)
    assert timeline.total()[Kind.UPDATE] == pytest.approx(end)


@pytest.mark.parametrize(("step_s", "cell_s"), [(0.5, 0.05), (1.0, 0.1), (60.0, 6.4)])
def test_cells_are_longer_where_steps_are_long(step_s: float, cell_s: float) -> None:
    view = RunView()
    view.fold(started(100))
    for index in range(10):
        end = CLOCK + step_s * (index + 1)
        view.fold(step(index, step_s * (index + 1)))
        view.fold(Executed("alice.top", "LOSS", "train", index, 0, end - step_s, end))
    for role in view.roles.values():
        assert role.timeline.cell_s == pytest.approx(cell_s)


def test_cells_outside_what_is_kept_are_empty() -> None:
    timeline = Timeline(0.0)
    timeline.add(Kind.LOSS, 0.0, 3.5 * CELL_S)
    assert timeline.row(-1, 4) == [Kind.IDLE, *[Kind.LOSS] * 3, Kind.IDLE, Kind.IDLE]
