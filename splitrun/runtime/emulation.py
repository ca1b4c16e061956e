"""Emulated compute: an instruction lasts as long as it would on hardware that is not here."""

from __future__ import annotations

import threading

from splitrun.plan import Op
from splitrun.runtime.clock import now, wait_until
from splitrun.spec import Compute


class Pace:
    """Holds a role's instructions to the durations of its `compute` section.

    Times count from the instruction's actual start, so that an instruction that was late makes
    only itself late. Work that takes longer than its emulated duration is not cut short.
    """

    def __init__(self, compute: Compute | None, interrupted: threading.Event) -> None:
        self._scale = (compute and compute.scale) or 1.0
        self._durations_s = _durations_s(compute)
        self._interrupted = interrupted

    def keep(self, op: Op, start: float) -> None:
        """Wait until the instruction that began at `start` has lasted long enough."""
        if self._scale > 1 and op in _PACED:
            wait_until(start + self._scale * (now() - start), self._interrupted)
        elif op in self._durations_s:
            wait_until(start + self._durations_s[op], self._interrupted)


_PACED = frozenset({Op.FORWARD, Op.BACKWARD, Op.UPDATE, Op.LOSS})


def _durations_s(compute: Compute | None) -> dict[Op, float]:
    if compute is None:
        return {}
    durations_ms = {
        Op.FORWARD: compute.forward_ms,
        Op.BACKWARD: compute.backward_ms,
        Op.UPDATE: compute.update_ms,
        Op.LOSS: compute.loss_ms,
    }
    return {op: ms / 1e3 for op, ms in durations_ms.items() if ms is not None}
