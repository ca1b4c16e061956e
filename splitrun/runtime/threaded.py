"""The threaded runtime: every role runs its program in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from splitrun.runtime.role import Worker


def tasks(workers: Sequence[Worker]) -> Mapping[str, Callable[[], None]]:
    """One task per role."""
    return {worker.role.name: worker.run for worker in workers}
