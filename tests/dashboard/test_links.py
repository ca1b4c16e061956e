"""What is under way, against a count of every message."""

from __future__ import annotations

import pytest

from splitrun.dashboard.links import Links
from splitrun.events import Event, Executed, Sent
from tests.dashboard.simulated import folded, happened, planned

TO_TOP = ("a.bottom->a.top", "b.bottom->a.top")


def sent(channel: str, start: float, arrive: float, step: int = 0) -> Sent:
    return Sent(channel, "train", step, 0, 100, start, arrive)


def received(start: float, end: float, step: int = 0, peer: str = "a.bottom") -> Executed:
    return Executed("a.top", "RECV", "train", step, 0, start, end, peer=peer)


def counted(events: list[Event], channel: str, now: float) -> tuple[int, int]:
    """Messages of a channel to a bottom on the wire, and in its queue, told by looking at all."""
    role = channel.partition("->")[2]
    messages = [e for e in events if isinstance(e, Sent) and e.channel == channel]
    taken = sum(
        isinstance(e, Executed) and (e.role, e.op) == (role, "RECV") and e.end <= now
        for e in events
    )
    left = [message for message in messages if message.start <= now][taken:]
    return sum(m.arrive > now for m in left), sum(m.arrive <= now for m in left)


@pytest.mark.parametrize("until", [0.5, 1.0, 1.5, 2.0])
def test_messages_on_the_wire_and_in_the_queue(until: float) -> None:
    events = list(happened(planned("stale", 8, steps=600, parties=3)))
    view = folded(events, until)
    for channel in ("p0.top->p1.bottom", "p0.top->p2.bottom"):
        link = view.links.by_name[channel]
        found = link.on_the_wire(view.now), link.queue(view.now)
        assert found == counted(events, channel, view.now)
        assert sum(found) > 0


def test_bytes_add_up_and_in_the_end_nothing_is_under_way() -> None:
    events = list(happened(planned("stale", 4)))
    links = folded(events).links
    for name, link in links.by_name.items():
        sizes = [e.bytes for e in events if isinstance(e, Sent) and e.channel == name]
        assert link.bytes == sum(sizes)
        assert link.on_the_wire(1e9) + link.queue(1e9) == 0


def test_throughput_is_that_of_the_last_seconds() -> None:
    view = folded(happened(planned("sequential", steps=400)), until=15.0)
    link = view.links.by_name["p1.bottom->p0.top"]
    assert link.mbps(view.now) == pytest.approx(link.bytes * 8e-6 / view.now, rel=0.02)


def test_the_largest_queue_is_what_waited_when_somebody_came_for_it() -> None:
    links = Links(TO_TOP[:1], 0.0)
    for step in range(3):
        links.send(sent(TO_TOP[0], 0.0, 1.0 + step, step))
    links.receive(received(0.5, 1.0, 0))
    assert links.by_name[TO_TOP[0]].peak_queue == 0
    links.receive(received(3.5, 3.5, 1))
    assert links.by_name[TO_TOP[0]].peak_queue == 2


def test_a_role_that_hears_several_waits_for_the_one_that_it_asks() -> None:
    links = Links(TO_TOP, 0.0)
    for step in range(5):
        for channel in TO_TOP:
            links.send(sent(channel, step, step + 0.5, step))
        links.receive(received(step, step + 0.1, step))
        links.receive(received(step + 0.1, step + 0.9, step, "b.bottom"))
    waited = [link.waited_s for link in links.to("a.top")]
    assert waited == pytest.approx([0.5, 4.0])
    assert [link.waiting(5.0) for link in links.to("a.top")] == pytest.approx([0.1, 0.8])


def test_a_message_may_be_told_after_its_receipt() -> None:
    links = Links(TO_TOP[:1], 0.0)
    links.receive(received(0.0, 1.0))
    links.send(sent(TO_TOP[0], 0.5, 0.9))
    assert links.by_name[TO_TOP[0]].on_the_wire(0.0) == 0
    links.send(sent(TO_TOP[0], 2.0, 3.0, step=1))
    assert links.by_name[TO_TOP[0]].on_the_wire(2.0) == 1


def test_after_missing_events_old_receipts_take_no_new_message() -> None:
    links = Links(TO_TOP[:1], 0.0)
    links.send(sent(TO_TOP[0], 0.0, 1.0))
    links.forget()
    links.receive(received(9.0, 9.5, step=7))
    links.send(sent(TO_TOP[0], 10.0, 11.0, step=8))
    assert links.by_name[TO_TOP[0]].on_the_wire(10.0) == 1


def test_what_belongs_to_no_channel_of_the_run_tells_nothing() -> None:
    links = Links((), 0.0)
    links.send(sent("x->y", 0.0, 1.0))
    links.receive(received(0.0, 1.0))
    assert links.by_name == {}


def test_how_long_ago_a_message_came_is_known_whether_it_was_taken_or_not() -> None:
    links = Links(TO_TOP, 0.0)
    link = links.by_name[TO_TOP[0]]
    assert link.last_came(1.0) is None
    links.send(sent(TO_TOP[0], 1.0, 2.0))
    links.send(sent(TO_TOP[0], 1.5, 3.0, step=1))
    assert [link.last_came(now) for now in (1.5, 2.0, 2.9, 9.0)] == [None, 2.0, 2.0, 3.0]
    links.receive(received(2.5, 2.6))
    assert [link.last_came(now) for now in (2.7, 9.0)] == [2.0, 3.0]
