"""What the garbage collector passes over."""

from __future__ import annotations

import gc

from splitrun.runtime.clock import frozen
from tests.runtime.running import prepared, synthetic, trained


def test_a_run_leaves_alone_what_is_passed_over_around_it() -> None:
    """As in a comparison, which would otherwise walk all of PyTorch after each of its turns."""
    with frozen():
        before = gc.get_freeze_count()
        trained(prepared(synthetic(rows=300)), "serial")
        assert gc.get_freeze_count() > 0.9 * before > 1e4
