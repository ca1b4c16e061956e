"""Sinks that packages offer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from splitrun.errors import MissingExtra, UsageError
from splitrun.events import Event, RunEnded, RunStarted, Sink
from splitrun.session import train
from splitrun.session.sinks import make_sinks
from splitrun.spec.contracts import SinkSection
from splitrun.telemetry.tensorboard import TensorBoardSink
from tests.runtime.running import prepared, synthetic


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
