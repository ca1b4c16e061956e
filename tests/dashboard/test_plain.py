"""The lines of a run without a terminal, word for word."""

from __future__ import annotations

import io

import pytest

from splitrun.dashboard import PlainLines
from tests.dashboard.runs import slow_run

DONE = """\
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
    assert lines("done") == DONE


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_how_a_run_broke_off_is_left_to_the_message_that_follows(status: str) -> None:
    assert lines(status, steps_done=5) == "".join(DONE.splitlines(keepends=True)[:3])
