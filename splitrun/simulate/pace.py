"""How long emulated hardware takes: elapsed time, which needs no core of ours.

The arithmetic of `splitrun.runtime.emulation`, without its clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from splitrun.plan import Op
from splitrun.spec import Compute


@dataclass(frozen=True)
class Pace:
    """What a role's `compute` section makes of the time that its instructions take here."""

    compute: Compute | None

    def lasts(self, op: Op, elapsed_s: float) -> float:
        """Seconds from the start of an instruction whose work took `elapsed_s` here to its end.

        A scale above 1 comes before durations, and work that takes longer than its emulated
        duration is not cut short.
        """
        compute = self.compute
        if compute is None or op not in _FIELDS:
            return elapsed_s
        if compute.scale is not None and compute.scale > 1:
            return compute.scale * elapsed_s
        duration_ms: float | None = getattr(compute, _FIELDS[op])
        return elapsed_s if duration_ms is None else max(elapsed_s, duration_ms / 1e3)


_FIELDS = {
    Op.FORWARD: "forward_ms",
    Op.BACKWARD: "backward_ms",
    Op.UPDATE: "update_ms",
    Op.LOSS: "loss_ms",
}
