"""What an attempt needs of parties that are not in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from splitrun.events import Emit, LinkMeasured
from splitrun.runtime import Job, RoleStatus


class Elsewhere(Protocol):
    """The parties of a run that are not here, for an attempt of those that are."""

    def enter(self, directory: Path) -> None:
        """The attempt has its run directory."""
        ...

    def join(self, job: Job, emit: Emit) -> Job:
        """The job with the ends of channels that lead there."""
        ...

    def begin(self, poll: Callable[[], None]) -> None:
        """Wait until all are ready, calling `poll` meanwhile."""
        ...

    def measured(self) -> Sequence[LinkMeasured]:
        """What the links to them are like."""
        ...

    def look(self, statuses: Sequence[RoleStatus]) -> None:
        """Told what roles here are at."""
        ...

    def poll(self) -> None:
        """Look at what they have come to.

        Raises:
            RunFailed: it ends the attempt here, too.
        """
        ...
