"""The arithmetic of an emulated link, one way: when a message that enters now will arrive.

A link is a pipe. A message waits until the one before it has left the sender, occupies the sender
for bytes / bandwidth, and then travels for latency + jitter; messages never overtake each other.
Runtimes apply it to the wall clock and the simulator to a virtual one.
"""

from __future__ import annotations

from dataclasses import dataclass

from splitrun.seeds import uniform
from splitrun.spec import Link


@dataclass(frozen=True)
class LinkState:
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
