"""What a terminal shows of a run, word for word, at fixed widths."""

from __future__ import annotations

import io
from collections.abc import Iterable

import msgspec
import pytest
from rich.console import Console

from splitrun.dashboard import PlainLines, ProgressBar
from splitrun.events import Decided, Event, RunEnded
from tests.dashboard.runs import CLOCK, slow_run, started, step
from tests.dashboard.screen import Screen
from tests.dashboard.simulated import at_party, happened, planned


@pytest.fixture(autouse=True)
def _terminal_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def shown(events: Iterable[Event], width: int, *, echo: str = "") -> str:
    """The screen after these events; the terminal echoes a key before the last."""
    stream, screen = io.StringIO(), Screen(width)
    console = Console(file=stream, force_terminal=True, color_system=None, width=width, height=24)
    sink = ProgressBar(console)
    for event in events:
        if isinstance(event, RunEnded):
            screen.feed(echo)
        sink(event)
        screen.feed(stream.getvalue())
        stream.seek(0)
        stream.truncate()
    return screen.text()


DONE = {
    60: """\
evaluated after epoch 1: loss 0.2500  auroc 0.9000  f1 --
evaluated after epoch 2: loss 0.2500  auroc 0.9000  f1 --
epoch 2/2 ━━━━━━ step 6/6 50 samples/s loss 0.5000 ETA 00:00
""",
    80: """\
evaluated after epoch 1: loss 0.2500  auroc 0.9000  f1 --
evaluated after epoch 2: loss 0.2500  auroc 0.9000  f1 --
epoch 2/2 ━━━━━━━━━━━━━━━━━━━━━━━━━━ step 6/6 50 samples/s loss 0.5000 ETA 00:00
""",
    100: """\
evaluated after epoch 1: loss 0.2500  auroc 0.9000  f1 --
evaluated after epoch 2: loss 0.2500  auroc 0.9000  f1 --
epoch 2/2 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ step 6/6 50 samples/s loss 0.5000 ETA 00:00
""",
}


@pytest.mark.parametrize("width", DONE)
def test_a_run_that_is_done_leaves_its_evaluations_above_one_bar(width: int) -> None:
    assert shown(slow_run("done"), width) == DONE[width]


BROKEN_OFF = """\
evaluated after epoch 1: loss 0.2500  auroc 0.9000  f1 --
epoch 2/2 ━━━━━━━━━━━━━━━━━━━━━╸     step 5/6 50 samples/s loss 0.5000 ETA 00:02
"""


@pytest.mark.parametrize("status", ["failed", "interrupted"])
@pytest.mark.parametrize("echo", ["", "^C", "^C^C^C"])
def test_a_run_that_broke_off_leaves_one_bar_whatever_the_terminal_echoes(
    status: str, echo: str
) -> None:
    assert shown(slow_run(status, steps_done=5), 80, echo=echo) == BROKEN_OFF


UNKNOWN = """\
epoch 1/1                                step 0/6 -- samples/s loss -- ETA --:--
"""


def test_what_is_not_known_yet_is_dashes() -> None:
    assert shown([started(6), RunEnded("failed", "", CLOCK + 3)], 80) == UNKNOWN


DIVERGED = """\
epoch 1/4                       step 1/252 -- samples/s loss 2.170e+29 ETA --:--
"""


def test_a_loss_beyond_measure_leaves_room_for_the_rest() -> None:
    started_and_diverged = [started(252, steps_per_epoch=63), step(0, 2.0, loss=2.17e29)]
    assert shown([*started_and_diverged, RunEnded("failed", "", CLOCK + 3)], 80) == DIVERGED


WRITTEN = """\
epoch 1/2  step 2/6  50 samples/s  loss 0.5000  ETA 00:08
evaluated after epoch 1: loss 0.2500  auroc 0.9000  f1 --
epoch 2/2  step 4/6  50 samples/s  loss 0.5000  ETA 00:04
epoch 2/2  step 6/6  50 samples/s  loss 0.5000  ETA 00:00
evaluated after epoch 2: loss 0.2500  auroc 0.9000  f1 --
"""


def lines(status: str, steps_done: int = 6) -> str:
    stream = io.StringIO()
    sink = PlainLines(stream)
    for event in slow_run(status, steps_done=steps_done):
        sink(event)
    return stream.getvalue()


def test_a_run_that_is_done() -> None:
    assert lines("done") == WRITTEN


STOPPED = """\
epoch 1/2  step 2/6  50 samples/s  loss 0.5000  ETA at most 00:08
evaluated after epoch 1: loss 0.2500  auroc 0.9000  f1 --
stopped at step 3: no better loss in 1 evaluation than 0.2000, of step 2
"""


def test_a_run_that_may_stop_early_needs_at_most_so_long_and_says_why_it_stops() -> None:
    first, *events = slow_run("done", steps_done=3)
    decided = Decided(3, "loss", 2, 0.2, 1, CLOCK + 6, stops=True)
    may_stop = msgspec.structs.replace(first, may_stop=True)
    stream = io.StringIO()
    sink = PlainLines(stream)
    for event in (may_stop, *events[:-1], decided, events[-1]):
        sink(event)
    assert stream.getvalue() == STOPPED
    bar = shown([may_stop, *events[:-1], decided, events[-1]], 80)
    assert "ETA at most" in bar.splitlines()[-1]
    assert STOPPED.splitlines()[-1] in bar


WITHOUT_LABELS = """\
epoch 1/2  step 244/600  818 samples/s  waits 51 % for p0.top  ETA 00:04
epoch 2/2  step 489/600  818 samples/s  waits 51 % for p0.top  ETA 00:01
epoch 2/2  step 600/600  818 samples/s  waits 51 % for p0.top  ETA 00:00
"""


def test_a_party_without_the_labels_tells_its_steps_and_whom_it_waits_for() -> None:
    stream = io.StringIO()
    sink = PlainLines(stream)
    plan = planned("stale", 4, steps=600)
    for event in at_party(happened(plan), plan.bottoms[1].name):
        sink(event)
    assert stream.getvalue() == WITHOUT_LABELS


def test_its_bar_has_no_loss() -> None:
    plan = planned("stale", 4)
    bar = shown(at_party(happened(plan), plan.bottoms[1].name), 80)
    assert "step 200/200" in bar
    assert "loss" not in bar


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_how_a_run_broke_off_is_left_to_the_message_that_follows(status: str) -> None:
    assert lines(status, steps_done=5) == "".join(WRITTEN.splitlines(keepends=True)[:3])
