"""A channel on a virtual clock."""

from __future__ import annotations

from collections import deque

from splitrun.plan import Channel, LinkState, Plan
from splitrun.simulate.simulation import Transit


class Pipe:
    """The state of one channel."""

    def __init__(self, channel: Channel, row_bytes: int) -> None:
        self.credits = channel.capacity
        self.arrivals: deque[float] = deque()
        self.blocked: int | None = None
        """The role that waits at one of the ends; never both, for one waits for the other."""
        self.transits: list[Transit] = []
        self._timing = channel.timing
        self._row_bytes = row_bytes
        self._link = LinkState()

    def enter(self, now: float, step: int, micro: int, rows: int) -> None:
        """Put a message on the link."""
        size, arrive = rows * self._row_bytes, now
        if self._timing is not None:
            self._link = self._timing.send(self._link, now, size, len(self.transits))
            arrive = self._link.last_arrival
        self.arrivals.append(arrive)
        self.transits.append(Transit(step, micro, size, now, arrive))


def open_pipes(plan: Plan) -> dict[tuple[str, str], Pipe]:
    """The channels of a plan, by source and target."""
    return {
        (channel.source, channel.target): Pipe(channel, plan.bytes_per_row(channel))
        for channel in plan.channels
    }
