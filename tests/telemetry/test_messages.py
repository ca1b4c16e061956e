"""Messages and the RECVs that took them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from splitrun.events import Event, Executed, Sent
from splitrun.report.trace_messages import Delivery, Matcher
from tests.runtime.running import RandomDelays, prepared, synthetic, trained
from tests.telemetry.recordings import BOTTOMS, CHANNELS, TOP, executed, sent

UP = [f"{bottom}->{TOP}" for bottom in BOTTOMS]


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
    matcher = Matcher(channels)
    found = deliveries(matcher, run.events)
    assert len(found) == sum(isinstance(event, Sent) for event in run.events)
    assert matcher.under_way() == []
    for message, received in found:
        assert message.channel.endswith(f"->{received.role}")
        assert (message.phase, message.step) == (received.phase, received.step)
        assert message.micro == received.micro
        assert message.arrive <= received.end
    for channel in channels:
        taken = [received.end for message, received in found if message.channel == channel]
        assert taken == sorted(taken)


def test_a_recv_may_be_told_before_its_message() -> None:
    receives = [executed(TOP, "RECV", 0, 1), executed(TOP, "RECV", 1, 2)]
    sends = [sent(channel, 0, 0) for channel in UP]
    found = deliveries(Matcher(CHANNELS), [receives[0], *sends, receives[1]])
    assert found == list(map(Delivery, sends, receives))


def test_messages_that_nobody_took_stay_under_way() -> None:
    matcher = Matcher(CHANNELS)
    sends = [sent(UP[0], step, step + 1, step) for step in range(3)]
    found = deliveries(matcher, [*sends, executed(TOP, "RECV", 1, 2, step=0)])
    assert [message.step for message, _ in found] == [0]
    assert matcher.under_way() == sends[1:]


def test_where_events_are_missing_no_message_is_given_to_another_recv() -> None:
    """Message 0 is told, its RECV is not; then a RECV whose message is not, and a whole pair."""
    matcher = Matcher(CHANNELS)
    deliveries(matcher, [sent(UP[0], 0, 1, step=0)])
    matcher.forget()
    pair = sent(UP[0], 8, 9, step=8), executed(TOP, "RECV", 8, 9, step=8)
    found = deliveries(matcher, [executed(TOP, "RECV", 6, 7, step=7), *pair])
    assert found == [Delivery(*pair)]
    assert matcher.under_way() == []


def test_a_recv_without_its_message_is_not_given_that_of_the_next_evaluation() -> None:
    lone = msgspec.structs.replace(executed(TOP, "RECV", 0, 1), phase="evaluate")
    later = msgspec.structs.replace(executed(TOP, "RECV", 8, 9), phase="evaluate")
    message = msgspec.structs.replace(sent(UP[0], 7, 8), phase="evaluate")
    assert deliveries(Matcher(CHANNELS[:2]), [lone, message, later]) == [Delivery(message, later)]
