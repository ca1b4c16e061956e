"""A view of a long run is no larger than that of a short one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec
import pytest

from splitrun.dashboard.history import MOST_SLOTS, History, held
from splitrun.dashboard.view import RunView
from splitrun.events import Evaluated, Event, Executed, Sampled, Sent, StepDone
from tests.dashboard.runs import started

_EVENTS = 1_000_000
_BOTTOM, _TOP = "alice.bottom", "alice.top"
_CHANNEL = f"{_BOTTOM}->{_TOP}"


def long_run(steps: int) -> Iterator[Event]:
    """Ten events a step of four milliseconds, and now and then a sample or an evaluation."""
    yield msgspec.structs.replace(started(steps, steps_per_epoch=100), channels=(_CHANNEL,))
    for step in range(steps):
        at = 100 + 0.004 * step
        for place, op in enumerate(("LOAD", "FORWARD", "SEND", "BACKWARD", "UPDATE")):
            start = at + 0.0008 * place
            peer = _TOP if op == "SEND" else ""
            yield Executed(_BOTTOM, op, "train", step, 0, start, start + 0.0007, peer=peer)
        yield Sent(_CHANNEL, "train", step, 0, 100, at + 0.001, at + 0.002)
        for place, op in enumerate(("RECV", "LOSS", "UPDATE")):
            start = at + 0.002 + 0.0006 * place
            peer = _BOTTOM if op == "RECV" else ""
            yield Executed(_TOP, op, "train", step, 0, start, start + 0.0005, peer=peer)
        yield StepDone(step, step // 100, 10, 0.5, at + 0.004)
        if step % 100 == 0:
            yield Sampled(at, 100.0, (50.0, 50.0), 1 << 20, 3, 10, {}, ())
            yield Evaluated(step, step // 100, 10, {"auroc": 0.5}, at, at)


def things(held: object) -> int:
    """How many objects a view holds, itself and all in it."""
    if held is None or isinstance(held, int | float | str):
        return 1
    if isinstance(held, dict):
        return 1 + sum(map(things, held.values()))
    if isinstance(held, list | tuple | deque):
        return 1 + sum(map(things, held))
    slots = [getattr(held, name) for name in getattr(type(held), "__slots__", ())]
    return (
        1 + things(slots) * bool(slots) + sum(map(things, getattr(held, "__dict__", {}).values()))
    )


def test_after_a_million_events_a_view_is_as_large_as_after_some_thousand() -> None:
    view, sizes = RunView(), []
    for count, event in enumerate(long_run(_EVENTS // 10)):
        view.fold(event)
        if count in (_EVENTS // 5, _EVENTS // 2):
            sizes.append(things(view))
    sizes.append(things(view))
    assert view.progress.step == _EVENTS // 10
    assert max(sizes) - min(sizes) < 1_000
    assert max(sizes) < 30_000


def test_a_history_halves_its_slots_and_keeps_its_course() -> None:
    history = History()
    for value in range(100_000):
        history.add(value, value / 10)
    columns = [value for value in history.columns(MOST_SLOTS, 10_000) if value is not None]
    assert 256 <= len(set(columns)) <= MOST_SLOTS
    assert columns == sorted(columns)
    assert columns[0] < 400
    assert columns[-1] > 99_000


def test_a_value_beyond_measure_is_left_out() -> None:
    history = History()
    for second, value in enumerate((1.0, float("inf"), float("nan"), 2.0)):
        history.add(value, second)
    assert history.columns(4, 4.0) == [1.0, None, None, 2.0]


def test_rates_are_those_of_the_time_that_amounts_came_in() -> None:
    rates = History()
    rates.spread(100, 0.0, 1.0)
    rates.spread(50, 1.0, 2.1)
    first, second, third = rates.columns(3, 3.0)
    assert first == pytest.approx(100)
    assert second == pytest.approx(50 / 1.1)
    assert third == pytest.approx(50 / 1.1)


def test_histories_of_a_run_are_on_one_time_whatever_comes_in_them() -> None:
    often, seldom = History(100.0), History(100.0)
    for second in range(40):
        often.add(second, 100.0 + second)
    seldom.add(7.0, 120.0)
    columns = [each.columns(10, 140.0) for each in (often, seldom)]
    assert columns[0] == [4 * place + 1.5 for place in range(10)]
    assert [place for place, value in enumerate(columns[1]) if value is not None] == [5]
    assert held(columns[1]) == [None] * 5 + [7.0] * 5


def test_a_pause_of_hours_is_as_long_as_it_was() -> None:
    rates = History()
    rates.spread(10, 0.0, 100.0)
    rates.spread(10, 1e6, 1e6 + 100)
    assert [value is not None for value in rates.columns(5, 1e6 + 100)] == [
        True,
        *[False] * 3,
        True,
    ]
