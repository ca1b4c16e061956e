"""The threaded runtime: every role runs its program in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from splitrun.runtime.worker import Worker


def tasks(workers: Sequence[Worker]) -> Mapping[str, Callable[[], None]]:
    """One task per role."""
    return {worker.role.name: worker.run for worker in workers}
