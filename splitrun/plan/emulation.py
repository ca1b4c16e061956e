"""The arithmetic of emulated links and emulated compute.

A link is a pipe. A message waits until the one before it has left the sender, occupies the sender
for bytes / bandwidth, and then travels for latency + jitter; messages never overtake each other.
Runtimes apply it to the wall clock and the simulator to a virtual one.

Emulated compute says how long an instruction lasts on hardware that is not here. Runtimes wait that
long; the simulator counts it as time that needs no core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from splitrun.plan.schedule import Op
from splitrun.seeds import uniform
from splitrun.spec import Compute, Link


class LinkState(NamedTuple):
    """When the sender is free again, and when the last message arrives; in seconds."""

    free_at: float = float("-inf")
    last_arrival: float = float("-inf")


@dataclass(frozen=True)
class LinkTiming:
    """One direction of a link, in seconds and bytes."""

    latency_s: float
    bytes_per_s: float
    jitter_s: float
    stream: tuple[str | int, ...]
    """Names the random stream of the jitter: (seed, channel)."""

    @classmethod
    def of(cls, link: Link, *stream: str | int) -> LinkTiming:
        """The timing of a spec's link; `stream` names the random stream of its jitter."""
        bandwidth = link.bandwidth_mbps
        return cls(
            latency_s=link.latency_ms / 1e3,
            bytes_per_s=float("inf") if bandwidth is None else bandwidth * 1e6 / 8,
            jitter_s=link.jitter_ms / 1e3,
            stream=stream,
        )

    def send(self, state: LinkState, now: float, size: int, sequence: int) -> LinkState:
        """The state after message number `sequence`, of `size` bytes, enters at time `now`."""
        sent = max(now, state.free_at) + size / self.bytes_per_s
        jitter = self.jitter_s * uniform(*self.stream, sequence) if self.jitter_s else 0.0
        return LinkState(sent, max(state.last_arrival, sent + self.latency_s + jitter))


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
