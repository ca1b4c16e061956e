"""What a cell's trials are taken of, and what is watched meanwhile."""

from __future__ import annotations

import pytest

from splitrun.study.bench.measure import MemoryPeak, release_memory, segment_of
from splitrun.study.training import Subject
from tests.runtime.running import prepared, synthetic

MIB = 2**20


def subject() -> Subject:
    """560 rows to train on, 9 steps an epoch, 2 epochs."""
    experiment = prepared(synthetic())
    return Subject(experiment.document.spec, experiment.data, experiment.document.directory)


@pytest.mark.parametrize(("steps", "rows"), [(2, 128), (4, 256), (8, 512), (9, 560), (18, 560)])
def test_a_segment_has_the_steps_asked_for(steps: int, rows: int) -> None:
    segment = segment_of(subject(), steps)
    assert len(segment.data.train_ids) == rows
    plan = segment.plan()
    assert plan.steps == steps
    assert plan.facts.test_rows == 0


def test_a_segments_rows_are_from_all_of_the_data() -> None:
    whole = subject()
    ids = segment_of(whole, 2).data.train_ids
    assert ids.tolist() == sorted(set(ids.tolist()) & set(whole.data.train_ids.tolist()))
    assert ids[-1] > 0.8 * whole.data.train_ids[-1]
    assert ids[0] == whole.data.train_ids[0]


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
