"""What a cell's trials are taken of, and what is watched meanwhile."""

from __future__ import annotations

import pytest
from torch import Tensor

from splitrun.study.bench.measure import MemoryPeak, release_memory, segment_of
from splitrun.study.training import Subject
from tests.runtime.running import prepared, synthetic

MIB = 2**20


def subject() -> Subject:
    """560 rows to train on, 9 steps an epoch, 2 epochs."""
    return Subject(prepared(synthetic()).parties)


def rows_of(subject: Subject) -> Tensor:
    """The row numbers that it trains on."""
    return subject.parties.label_holder.data.train_ids


@pytest.mark.parametrize(("steps", "rows"), [(2, 128), (4, 256), (8, 512), (9, 560), (18, 560)])
def test_a_segment_has_the_steps_asked_for(steps: int, rows: int) -> None:
    segment = segment_of(subject(), steps)
    assert len(rows_of(segment)) == rows
    plan = segment.plan()
    assert plan.steps == steps
    assert plan.facts.test_rows == 0


def test_a_segments_rows_are_from_all_of_the_data() -> None:
    whole = subject()
    ids = rows_of(segment_of(whole, 2))
    assert ids.tolist() == sorted(set(ids.tolist()) & set(rows_of(whole).tolist()))
    assert ids[-1] > 0.8 * rows_of(whole)[-1]
    assert ids[0] == rows_of(whole)[0]


def test_a_memory_peak_sees_what_memory_was_held_and_not_what_was_released_before() -> None:
    held = bytearray(256 * MIB)
    with MemoryPeak() as first:
        pass
    del held
    release_memory()
    with MemoryPeak() as second:
        pass
    assert second.peak_bytes > MIB
    assert first.peak_bytes - second.peak_bytes > 200 * MIB
