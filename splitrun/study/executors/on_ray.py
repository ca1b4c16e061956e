"""Tasks of a Ray cluster, with the cores they need.

What crosses is a task's spec, in which its seed is, and what came of it. Rows are read where the
task runs, once by each of Ray's processes there, by the paths of the spec; they have to be the ones
that the study was planned with.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from splitrun.cluster.connection import connected, refuse_missing
from splitrun.errors import RunFailed
from splitrun.party import Parties
from splitrun.spec import Spec
from splitrun.study.executors.at_once import Attempt
from splitrun.study.executors.executor import Tell
from splitrun.study.executors.ray_task import Place, Reading, answer
from splitrun.study.executors.submitted import Submitted
from splitrun.study.executors.task import Answer, K, Outcome, R, Request, Task

AnyTask = Task[Any, Any]
_LOOKS_EVERY_S = 0.5
_SAYS_AFTER_S = 2.0
"""Of waiting for a node's cores."""


class OnRay:
    """Runs tasks on a cluster, each with as many cores as it computes on.

    Args:
        jobs: so many at once, at most; None: as many as there are cores for.

    Raises:
        MissingExtra: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, place: Place, spec: Spec, jobs: int | None = None) -> None:
        self._place, self._cpus = place, spec.runtime.intra_op_threads
        refuse_missing()
        cores = float(os.cpu_count() or 1)
        if place.address is not None:
            with self._connected() as ray:
                cores = ray.cluster_resources().get("CPU", 0.0)
        most = max(1, int(cores // self._cpus))
        self.at_once = most if jobs is None else min(most, jobs)

    def _connected(self) -> AbstractContextManager[Any]:
        return connected(self._place.address, self._cpus, "--on ray")

    def outcomes(
        self, parties: Parties, tasks: Iterator[Task[K, R]], tell: Tell
    ) -> Generator[Outcome[K, R]]:
        """See `Executor.outcomes`."""
        with self._connected() as ray:
            reading = ray.put(Reading.of(parties, self._place))
            with _Tasks(ray, self._cpus, self.at_once, tell, reading).ending() as at_work:
                yield from at_work.outcomes(tasks)

    @contextmanager
    def alone(self, tell: Tell) -> Iterator[None]:
        """See `Executor.alone`. A cluster that is another's may have work of others here: all of
        this node's cores are taken, as soon as they are free. One that was started for the tasks
        has ended with them."""
        if self._place.address is None:
            yield
            return
        with self._connected() as ray, taken(ray, tell):
            yield


@contextmanager
def taken(ray: Any, tell: Tell) -> Iterator[None]:
    """In here all cores of the machine that this process is on are ours, of all nodes there.

    Args:
        tell: told if they have to be waited for.
    """
    name = ray.get_runtime_context().get_node_id()
    host = next(it["NodeManagerAddress"] for it in ray.nodes() if it["NodeID"] == name)
    here = [it for it in ray.nodes() if it["Alive"] and it["NodeManagerAddress"] == host]
    cores = [cpus for it in here if (cpus := it["Resources"].get("CPU"))]
    if not cores:  # it gives none to tasks
        yield
        return
    group = ray.util.placement_group([{"CPU": cpus, f"node:{host}": 0.001} for cpus in cores])
    try:
        says_at = time.monotonic() + _SAYS_AFTER_S
        while not group.wait(_LOOKS_EVERY_S):
            if time.monotonic() > says_at:
                tell("waiting for the cluster's other work on this machine: timing wants its cores")
                says_at = float("inf")
        yield
    finally:
        ray.util.remove_placement_group(group)


class _Tasks(Submitted[AnyTask, Outcome[Any, Any]]):
    """Tasks that a cluster has been given."""

    def __init__(self, ray: Any, cpus: int, most: int, tell: Tell, reading: Any) -> None:
        super().__init__(ray, most, tell)
        self._reading = reading
        self._answer = ray.remote(num_cpus=cpus, max_retries=0)(answer)
        self._remarks: set[str] = set()

    def submit(self, attempt: Attempt[AnyTask]) -> Any:
        """See `Submitted`."""
        return self._answer.remote(self._reading, Request.of(attempt.work))

    def outcome(self, work: AnyTask, found: Answer) -> Outcome[Any, Any]:
        """See `Submitted`."""
        sys.stdout.write(found.printed)
        if found.remark and found.remark not in self._remarks:
            self._remarks.add(found.remark)
            self._tell(f"warning: {found.remark}")
        return found.outcome(work)

    def lost(self, work: AnyTask, error: RunFailed) -> Outcome[Any, Any]:
        """See `AtOnce`."""
        return Outcome(work.key, error=error)
