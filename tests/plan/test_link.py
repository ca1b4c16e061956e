"""The arithmetic of an emulated link."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from splitrun.plan import LinkState, LinkTiming
from splitrun.spec import Link

messages = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 10**7)), min_size=1, max_size=20)
links = st.builds(
    lambda latency, bandwidth, jitter: LinkTiming.of(
        Link(latency_ms=latency, bandwidth_mbps=bandwidth, jitter_ms=jitter), 7, "a->b"
    ),
    st.floats(0, 100),
    st.none() | st.floats(0.1, 10_000),
    st.floats(0, 20),
)


def pass_all(timing: LinkTiming, entries: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """(entered, arrived) of messages that enter after each other's given gaps."""
    state, now, passed = LinkState(), 0.0, []
    for number, (gap, size) in enumerate(entries):
        now += gap
        state = timing.send(state, now, size, number)
        passed.append((now, state.last_arrival))
    return passed


def test_an_idle_link_takes_transfer_and_latency() -> None:
    timing = LinkTiming.of(Link(latency_ms=25, bandwidth_mbps=100), 0)
    assert timing.send(LinkState(), 10.0, 125_000, 0).last_arrival == 10.0 + 0.010 + 0.025


def test_a_busy_link_makes_the_next_message_wait_for_its_turn() -> None:
    timing = LinkTiming.of(Link(latency_ms=25, bandwidth_mbps=100), 0)
    arrivals = [arrived for _, arrived in pass_all(timing, [(0.0, 125_000)] * 3)]
    assert [round(arrival, 9) for arrival in arrivals] == [0.035, 0.045, 0.055]


@given(links, messages)
def test_messages_never_overtake_and_never_beat_the_link(
    timing: LinkTiming, entries: list[tuple[float, int]]
) -> None:
    passed = pass_all(timing, entries)
    arrivals = [arrived for _, arrived in passed]
    assert arrivals == sorted(arrivals)
    for (entered, arrived), (_, size) in zip(passed, entries, strict=True):
        assert arrived >= entered + size / timing.bytes_per_s + timing.latency_s - 1e-9


@given(links, messages)
def test_jitter_is_drawn_from_the_stream_alone(
    timing: LinkTiming, entries: list[tuple[float, int]]
) -> None:
    assert pass_all(timing, entries) == pass_all(timing, entries)


@given(messages)
def test_the_link_is_never_faster_than_its_bandwidth(entries: list[tuple[float, int]]) -> None:
    timing = LinkTiming.of(Link(bandwidth_mbps=8), 0)
    passed = pass_all(timing, entries)
    total = sum(size for _, size in entries)
    assert passed[-1][1] - passed[0][0] >= total / 1e6 or math.isclose(
        passed[-1][1] - passed[0][0], total / 1e6
    )
