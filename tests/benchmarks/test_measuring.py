"""That what is measured is what a table says of it."""

from __future__ import annotations

import pytest

from splitrun.session import prepare
from tests.benchmarks.cases import Case
from tests.benchmarks.measuring import at_depth, subject_of


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_a_subject_has_the_depth_that_is_asked_for_and_whole_epochs(depth: int) -> None:
    """Sixteen batches are an epoch."""
    document = Case("depth 4").document()
    plan = subject_of(prepare(document), at_depth(document, depth), steps=20).plan()
    assert plan.depth == depth
    assert plan.steps == 32
