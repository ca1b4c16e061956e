"""Emulated compute: how long an instruction lasts on hardware that is not here.

Runtimes wait that long; the simulator counts it as time that needs no core.
"""

from __future__ import annotations

from dataclasses import dataclass

from splitrun.plan.instruction import Op
from splitrun.spec import Compute


@dataclass(frozen=True)
class ComputeEmulation:
    """What a role's `compute` section makes of the time that its instructions take here."""

    compute: Compute

    def lasts(self, op: Op, elapsed_s: float) -> float:
        """Seconds from the start of an instruction whose work took `elapsed_s` here to its end.

        Counted from the actual start, so that an instruction that was late makes only itself late.
        Work that takes longer than its emulated duration is not cut short.
        """
        if op not in _FIELDS:
            return elapsed_s
        if self.compute.scale is not None:
            return self.compute.scale * elapsed_s
        duration_ms: float | None = getattr(self.compute, _FIELDS[op])
        return elapsed_s if duration_ms is None else max(elapsed_s, duration_ms / 1e3)


_FIELDS = {
    Op.FORWARD: "forward_ms",
    Op.BACKWARD: "backward_ms",
    Op.UPDATE: "update_ms",
    Op.LOSS: "loss_ms",
}
