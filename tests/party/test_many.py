"""What is done for many parties grows with their number, and no faster."""

from __future__ import annotations

import sys
from types import FrameType

from splitrun.session import prepare
from splitrun.spec import Document, loads


def document(parties: int) -> Document:
    owners = "\n".join(
        f"  p{number}: {{bottom: {{type: mlp, hidden: [8], out: 4}}}}" for number in range(parties)
    )
    return loads(
        f"name: many\nseed: 1\nparties:\n{owners}\n"
        "dataset: {type: synthetic, rows: 200, numeric: 2, batch_size: 32}\n"
        "top: {party: p0, model: {type: mlp, hidden: [8], out: 1}, loss: binary_cross_entropy}\n"
        "training: {epochs: 1, optimizer: {type: adam, lr: 0.001}}\n"
        "pipeline: {schedule: stale, depth: 4}\n",
        "many.yaml",
    )


def calls_to_prepare(parties: int) -> int:
    """How many functions of Python are called to prepare an experiment of so many parties."""
    made, calls = document(parties), 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        prepare(made)
    finally:
        sys.setprofile(before)
    return calls


def test_a_party_more_costs_as_many_calls_whether_there_are_few_or_many() -> None:
    calls_to_prepare(2)  # imports, and whatever is done once
    few, some, many = map(calls_to_prepare, (4, 16, 64))
    each_of_some, each_of_many = (some - few) / 12, (many - some) / 48
    assert each_of_many < 1.3 * each_of_some
