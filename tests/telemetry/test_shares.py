"""Shares of time, from events whose shares are known by construction."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from splitrun.events import Executed
from splitrun.records.comparison import Shares
from splitrun.telemetry import shares
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
