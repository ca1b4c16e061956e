"""Messages and the RECVs that took them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from splitrun.events import Event, Executed, Sent
from splitrun.report.trace_messages import Delivery, Matcher
from tests.runtime.running import RandomDelays, prepared, synthetic, trained
from tests.telemetry.recordings import BOTTOMS, TOP, executed, sent

UP = [f"{bottom}->{TOP}" for bottom in BOTTOMS]


def received(start: float, end: float, step: int = 0) -> Executed:
    return executed(TOP, "RECV", start, end, step, BOTTOMS[0])


def deliveries(matcher: Matcher, events: Iterable[Event]) -> list[Delivery]:
    found = []
    for event in events:
        delivery = None
        if isinstance(event, Sent):
            delivery = matcher.send(event)
        elif isinstance(event, Executed) and event.op == "RECV":
            delivery = matcher.receive(event)
        if delivery is not None:
            found.append(delivery)
    return found


@pytest.mark.parametrize("links", ["lan", {"latency_ms": 2, "jitter_ms": 2}])
@pytest.mark.parametrize(
    "pipeline",
    [
        "sequential",
        {"schedule": "stale", "depth": 3},
        {"schedule": "microbatch", "micro_batches": 3},
    ],
)
def test_of_a_run_every_message_is_found_with_the_recv_that_took_it(
    pipeline: Any, links: Any
) -> None:
    content = synthetic(
        parties=3, pipeline=pipeline, links={"default": links}, training={"epochs": 1}
    )
    run = trained(prepared(content), "threaded", RandomDelays(seed=4, longest_s=0.002))
    channels = [channel.name for channel in run.experiment.plan.channels]
    matcher = Matcher()
    found = deliveries(matcher, run.events)
    assert len(found) == sum(isinstance(event, Sent) for event in run.events)
    assert matcher.under_way() == []
    for message, taken in found:
        assert message.channel == f"{taken.peer}->{taken.role}"
        assert (message.phase, message.step) == (taken.phase, taken.step)
        assert message.micro == taken.micro
        assert message.arrive <= taken.end
    for channel in channels:
        ends = [taken.end for message, taken in found if message.channel == channel]
        assert ends == sorted(ends)


def test_a_recv_may_be_told_before_its_message() -> None:
    receives = [executed(TOP, "RECV", at, at + 1, peer=peer) for at, peer in enumerate(BOTTOMS)]
    sends = [sent(channel, 0, 0) for channel in UP]
    found = deliveries(Matcher(), [receives[0], *sends, receives[1]])
    assert found == list(map(Delivery, sends, receives))


def test_messages_that_nobody_took_stay_under_way() -> None:
    matcher = Matcher()
    sends = [sent(UP[0], step, step + 1, step) for step in range(3)]
    found = deliveries(matcher, [*sends, received(1, 2, step=0)])
    assert [message.step for message, _ in found] == [0]
    assert matcher.under_way() == sends[1:]


def test_where_events_are_missing_no_message_is_given_to_another_recv() -> None:
    """Message 0 is told, its RECV is not; then a RECV whose message is not, and a whole pair."""
    matcher = Matcher()
    deliveries(matcher, [sent(UP[0], 0, 1, step=0)])
    matcher.forget()
    pair = sent(UP[0], 8, 9, step=8), received(8, 9, step=8)
    found = deliveries(matcher, [received(6, 7, step=7), *pair])
    assert found == [Delivery(*pair)]
    assert matcher.under_way() == []


def test_a_recv_without_its_message_is_not_given_that_of_the_next_evaluation() -> None:
    lone = msgspec.structs.replace(received(0, 1), phase="evaluate")
    later = msgspec.structs.replace(received(8, 9), phase="evaluate")
    message = msgspec.structs.replace(sent(UP[0], 7, 8), phase="evaluate")
    assert deliveries(Matcher(), [lone, message, later]) == [Delivery(message, later)]
