"""What the dashboard shows, word for word, and what holds for every size of terminal."""

from __future__ import annotations

from functools import cache

import pytest

from splitrun.dashboard.frame import Frame
from splitrun.dashboard.line import chart, fit
from splitrun.dashboard.view import RunView
from splitrun.events import RunEnded
from splitrun.records.plan import BoundRecord, PlanRecord
from tests.dashboard.frames import CASES, GOLDENS, drawn
from tests.dashboard.runs import CLOCK, started


@pytest.mark.parametrize("name", CASES)
def test_a_frame_is_as_it_was(name: str) -> None:
    expected = (GOLDENS / f"{name}.txt").read_text(encoding="utf-8")
    assert drawn(CASES[name]) == expected, "wanted? then: python -m tests.dashboard.frames"


def test_every_golden_belongs_to_a_case() -> None:
    assert {path.stem for path in GOLDENS.iterdir()} == set(CASES)


@cache
def view(name: str) -> RunView:
    """What there is to show of a case; nothing if it has no name."""
    return CASES[name].view() if name else RunView()


@pytest.mark.parametrize("name", ["stale-120x40", "twenty-parties-80x24", ""])
@pytest.mark.parametrize("width", [1, 5, 20, 40, 79, 80, 81, 133, 250])
def test_lines_are_never_longer_or_shorter_nor_more_than_the_terminal_has(
    name: str, width: int
) -> None:
    frame = Frame(view(name))
    for height in range(1, 70):
        lines = frame.lines(width, height)
        assert len(lines) <= height
        for line in lines:
            assert sum(segment.cell_length for segment in line) == width


def test_how_a_run_broke_off_is_told_whatever_is_in_the_message() -> None:
    view = RunView()
    view.fold(started(10))
    view.fold(RunEnded("failed", "alice.top failed:\x1b[2J ünlösbar 世界", CLOCK + 1))
    lines = Frame(view).lines(60, 23)
    texts = ["".join(segment.text for segment in line) for line in lines]
    assert "failed" in texts[0]
    assert texts[2].startswith("alice.top failed: [2J ünlösbar 世界")


def test_that_events_are_missing_is_told() -> None:
    view = RunView()
    view.fold(started(10))
    view.note_gap(1234)
    text = "".join(segment.text for segment in Frame(view).lines(60, 23)[2])
    assert text.rstrip() == "1,234 events of the run's middle are not kept"


def test_the_share_of_a_known_bound_is_told() -> None:
    frame = Frame(CASES["stale-80x24"].view())
    most = 2 * (frame.view.progress.samples_per_s or 0)
    frame.plan = PlanRecord(bound=BoundRecord(samples_per_s=most))
    texts = ["".join(segment.text for segment in line) for line in frame.lines(80, 23)]
    assert any("50 % of bound" in text for text in texts)


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 5, "abc  "),
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 0, ""),
        ("a\nb\x1b", 4, "a b "),
        ("世界", 5, "世界 "),
        ("世界世", 5, "世界…"),
    ],
)
def test_texts_are_made_to_fit(text: str, width: int, expected: str) -> None:
    assert fit(text, width) == expected


def test_numbers_end_where_their_column_does() -> None:
    assert [fit(text, 5, right=True) for text in ("3 %", "±3 %", "±12345")] == [
        "  3 %",
        " ±3 %",
        "±123…",
    ]


def test_a_chart_has_its_least_at_the_ground_and_its_most_at_the_top() -> None:
    (top,), (ground,) = chart([0.0, 0.5, 1.0, None], 2, from_zero=True)
    assert (top[0], ground[0]) == (" ▁█ ", "▁██ ")
    ((flat, _),) = chart([3.0, 3.0], 1, from_zero=False)[0]
    assert flat == "▁▁"
