"""A clock, and cores that are shared by everyone who works.

Egalitarian processor sharing (Kleinrock 1967): n roles that work get min(1, C/n) of a core each.
Where C is below 1, they get in each other's way, the more of them the more: one alone has a whole
core, all of them have C together, and between the two it falls in a line. As all of them advance at
one rate, one number tells how far everybody has come: the work that a role working since the
beginning would have got done. A role that starts now on `work` is done when that number has grown
by `work`, whoever comes and goes meanwhile, so that a heap of such marks is all there is to keep
(the virtual time of Parekh and Gallager 1993).
"""

from __future__ import annotations

import math
from heapq import heappop, heappush


class Clock:
    """Virtual time in seconds from 0, and what roles, known by number, wait for.

    Equal times are taken in the order of the roles, so that a simulation can be repeated.
    """

    def __init__(self, cores: float, roles: int) -> None:
        self.now = 0.0
        self.idle_s = 0.0
        """How long nobody has worked in all."""
        self._rates = [_rate(cores, together, roles) for together in range(1, roles + 1)]
        self._served = 0.0
        self._working: list[tuple[float, int]] = []
        self._sleeping: list[tuple[float, int]] = []

    def work(self, role: int, work_s: float) -> None:
        """Let `advance` name the role when it has done so much work."""
        heappush(self._working, (self._served + work_s, role))

    def sleep(self, role: int, until: float) -> None:
        """Let `advance` name the role at a time that is not past."""
        heappush(self._sleeping, (until, role))

    def advance(self) -> int | None:
        """Move on to the next moment when a role is done waiting; None if none waits."""
        working, sleeping = self._working, self._sleeping
        wake = sleeping[0][0] if sleeping else math.inf
        if working:
            rate = self._rates[len(working) - 1]
            finish = self.now + max(0.0, working[0][0] - self._served) / rate
            if finish <= wake:
                self.now = finish
                self._served, role = heappop(working)
                return role
            self._served += (wake - self.now) * rate
        if not sleeping:
            return None
        if not working:
            self.idle_s += wake - self.now
        self.now, role = heappop(sleeping)
        return role


def _rate(cores: float, together: int, roles: int) -> float:
    """Of a core, what each of those who work together gets."""
    if cores < 1 and roles > 1:
        cores = 1 + (cores - 1) * (together - 1) / (roles - 1)
    return min(1.0, cores / together)
