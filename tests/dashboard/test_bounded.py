"""A view of a long run is no larger than that of a short one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from splitrun.dashboard.progress import History, RateHistory
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
    # What still varies are histories: each has 256 to 511 points.
    assert max(sizes) - min(sizes) < 256 * 4
    assert max(sizes) < 30_000


def test_a_history_halves_its_points_and_keeps_its_course() -> None:
    history = History()
    for value in range(100_000):
        history.add(value)
    assert 256 <= len(history.points) < 512
    assert history.points == sorted(history.points)
    assert history.points[0] < 400
    assert history.points[-1] > 99_000


def test_a_value_beyond_measure_is_left_out() -> None:
    history = History()
    for value in (1.0, float("inf"), float("nan"), 2.0):
        history.add(value)
    assert history.points == [1.0, 2.0]


def test_rates_are_those_of_the_time_that_amounts_came_in() -> None:
    rates = RateHistory(0.0)
    rates.add(100, 0.0, 1.0)
    rates.add(50, 1.0, 2.1)
    assert rates.points[:4] == [100] * 4
    assert rates.points[4:] == [50 / 1.1] * 4


def test_rates_leave_out_a_pause_of_hours() -> None:
    rates = RateHistory(0.0)
    rates.add(1, 0.0, 1e12)
    rates.add(10, 1e12, 1e12 + 1)
    assert len(rates.points) < 10
