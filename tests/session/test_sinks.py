"""Sinks that packages offer."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from tensorboardX.proto.event_pb2 import Event as Record

from splitrun.errors import MissingExtra, UsageError
from splitrun.events import Evaluated, Event, RunEnded, RunStarted, Sink, StepDone
from splitrun.session import train
from splitrun.session.sinks import make_sinks
from splitrun.spec.contracts import SinkSection
from splitrun.telemetry.tensorboard import TensorBoardSink
from tests.runtime.running import prepared, synthetic
from tests.telemetry.recordings import CLOCK, ended, started


def scalars(directory: Path) -> Iterator[tuple[str, int, float]]:
    """(tag, step, value) of the file that a TensorBoard would read."""
    (file,) = directory.iterdir()
    content, at = file.read_bytes(), 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        record = Record.FromString(content[at + 12 : at + 12 + length])
        for value in record.summary.value:
            yield value.tag, record.step, value.simple_value
        at += 12 + length + 4


def test_tensorboard_gets_losses_metrics_and_throughput(tmp_path: Path) -> None:
    (sink,) = make_sinks([], ["tensorboard"])
    sink(started(str(tmp_path)))
    for step in range(10):
        sink(StepDone(step, 0, 8, 1 / (step + 1), CLOCK + 0.125 * (step + 1)))
    sink(Evaluated(10, 1, 20, {"auroc": 0.75, "accuracy": None}, CLOCK + 2, CLOCK + 3))
    sink(ended(4))
    found = list(scalars(tmp_path / "tensorboard"))
    steps = [2, 4, 6, 8, 10]
    losses = {step: value for tag, step, value in found if tag == "train/loss"}
    assert losses == pytest.approx({step: 1 / step for step in steps})
    rates = [(step, value) for tag, step, value in found if tag == "train/samples_per_s"]
    assert rates == [(step, 64.0) for step in steps]
    assert [each for each in found if each[0].startswith("test/")] == [("test/auroc", 10, 0.75)]


def test_a_name_that_nobody_offers_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--sink tensorbord: .*: tensorboard"):
        make_sinks([], ["tensorbord"])


def test_a_package_that_is_missing_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtra, match=r"pip install 'splitrun\[tensorboard\]'") as raised:
        make_sinks([], ["tensorboard"])
    assert raised.value.exit_code == 3


class Shy(SinkSection):
    """A sink that refuses to be made."""

    type: Literal["shy"] = "shy"

    def build(self) -> Sink:
        raise ValueError("not today")


def test_a_sink_that_cannot_be_made_is_an_error_of_the_command() -> None:
    with pytest.raises(
        UsageError, match=r"the sink shy: Shy cannot be made: ValueError: not today"
    ):
        make_sinks([Shy()])


def test_a_sink_that_the_spec_has_is_not_made_twice() -> None:
    section = TensorBoardSink(type="tensorboard")
    assert len(make_sinks([section], ["tensorboard", "tensorboard"])) == 1


class Lists:
    """A sink that takes lists."""

    def __init__(self) -> None:
        self.taken: list[list[Event]] = []

    def __call__(self, event: Event) -> None:  # noqa: ARG002
        raise AssertionError("it has a better way")

    def take_all(self, events: Sequence[Event]) -> None:
        self.taken.append(list(events))


def test_a_sink_that_takes_lists_is_given_the_same_events_in_the_same_order(tmp_path: Path) -> None:
    lists, one_by_one = Lists(), list[Event]()
    train(prepared(synthetic()), tmp_path, [lists, one_by_one.append])
    assert all(lists.taken)
    assert [event for events in lists.taken for event in events] == one_by_one
    assert isinstance(one_by_one[0], RunStarted)
    assert isinstance(one_by_one[-1], RunEnded)
