"""Shares of time, from events whose shares are known by construction."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from splitrun.events import Event, Executed
from splitrun.telemetry import Shares, ShareWindow, shares
from tests.telemetry.recordings import BOTTOMS, CLOCK, TOP, ended, executed, started

BOTTOM, OTHER = BOTTOMS


def known_mix(seconds: float, seed: int = 3) -> Iterator[Executed]:
    """A role that works 20 % of the time, waits 30 % to receive and 10 % to send, in cycles of 7 to
    13 ms."""
    chance, at = random.Random(seed), 0.0
    while at < seconds:
        cycle = chance.uniform(0.007, 0.013)
        for op, share in (("FORWARD", 0.15), ("SEND", 0.1), ("RECV", 0.3), ("UPDATE", 0.05)):
            yield executed(BOTTOM, op, at, at + share * cycle)
            at += share * cycle
        at += 0.4 * cycle


def near(expected: Shares, within: float) -> object:
    parts = (expected.busy, expected.receive, expected.send, expected.idle)
    return pytest.approx(parts, abs=within)


def parts(found: Shares) -> tuple[float, float, float, float]:
    return found.busy, found.receive, found.send, found.idle


MIX = Shares(busy=0.2, receive=0.3, send=0.1, idle=0.4)


def test_the_shares_of_a_known_mix() -> None:
    found = shares([started(), *known_mix(20), ended(20)])[BOTTOM]
    assert parts(found) == near(MIX, 0.002)
    assert sum(parts(found)) == pytest.approx(1)
    assert found.bubble == pytest.approx(1 - found.busy)


def test_a_role_that_sleeps_and_computes_is_shown_so_over_the_last_seconds() -> None:
    window = ShareWindow(seconds=5)
    window.fold(started())
    for event in known_mix(12):
        window.fold(event)
        if event.op == "UPDATE" and event.end > CLOCK + 6:
            assert parts(window.shares(event.end)[BOTTOM]) == near(MIX, 0.03)


def test_spans_are_cut_at_the_ends_of_the_time_asked_for() -> None:
    events = [
        started(),
        executed(TOP, "RECV", 0, 4),
        executed(TOP, "LOSS", 4, 6),
        executed(TOP, "SEND", 6, 20),
        ended(20),
    ]
    found = shares(events, CLOCK + 3, CLOCK + 8)[TOP]
    assert parts(found) == near(Shares(0.4, 0.2, 0.4, 0), 1e-9)


def test_a_role_that_did_nothing_was_idle() -> None:
    found = shares([started(), executed(TOP, "LOSS", 0, 1), ended(4)])
    assert found[OTHER] == Shares(0, 0, 0, 1)
    assert parts(found[TOP]) == near(Shares(0.25, 0, 0, 0.75), 1e-9)
    assert set(shares([started(), ended(0)]).values()) == {Shares(0, 0, 0, 1)}


def test_a_run_that_goes_on_counts_up_to_its_last_event() -> None:
    found = shares([started(), executed(TOP, "LOSS", 0, 1), executed(BOTTOM, "RECV", 0, 2)])
    assert found[TOP].busy == pytest.approx(0.5)


@pytest.mark.parametrize("now", [0.5, 3.0, 4.9, 5.0])
def test_a_young_run_is_measured_from_its_start(now: float) -> None:
    window = ShareWindow(seconds=5)
    window.fold(started())
    window.fold(executed(TOP, "LOSS", 0, now / 2))
    window.fold(executed(TOP, "RECV", now / 2, now))
    slot = 0.1 / now
    assert parts(window.shares(CLOCK + now)[TOP]) == near(Shares(0.5, 0.5, 0, 0), slot)


def test_what_is_longer_ago_than_the_window_is_forgotten() -> None:
    window = ShareWindow(seconds=5)
    window.fold(started())
    window.fold(executed(TOP, "LOSS", 0, 10))
    window.fold(executed(TOP, "RECV", 10, 12))
    assert parts(window.shares(CLOCK + 12)[TOP]) == near(Shares(0.6, 0.4, 0, 0), 0.02)
    assert parts(window.shares(CLOCK + 15)[TOP]) == near(Shares(0, 0.4, 0, 0.6), 0.02)
    assert window.shares(CLOCK + 30)[TOP] == Shares(0, 0, 0, 1)


def test_one_span_longer_than_the_window_fills_it() -> None:
    window = ShareWindow(seconds=5)
    window.fold(started())
    window.fold(executed(TOP, "RECV", 0, 1000))
    assert window.shares(CLOCK + 1000)[TOP].receive == pytest.approx(1)


def test_the_window_agrees_with_the_fold_over_the_same_time() -> None:
    chance, window = random.Random(8), ShareWindow(seconds=2, slots=20)
    events: list[Event] = [started()]
    at = 0.0
    while at < 30:
        took = chance.expovariate(10)
        events.append(executed(TOP, chance.choice(["LOSS", "RECV", "SEND"]), at, at + took))
        at += took + chance.choice([0, 0, 0.1])
    for event in events:
        window.fold(event)
    slot_s = 0.1
    start = (int((CLOCK + at) / slot_s) - 19) * slot_s
    expected = shares(events, start, CLOCK + at)[TOP]
    assert parts(window.shares(CLOCK + at)[TOP]) == near(expected, 1e-6)
