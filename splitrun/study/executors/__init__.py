"""Where a study's trainings run: in this process, in several others, or on a Ray cluster.

Whichever it is, results come in the order of the tasks, and each is what the same task comes to
anywhere else, to the bit. What is timed is no task: it runs alone, when no task does.
"""

from pathlib import Path

from splitrun.errors import UsageError
from splitrun.spec import Spec
from splitrun.study.executors.executor import Executor, InProcess
from splitrun.study.executors.process_pool import ProcessPool
from splitrun.study.executors.task import Outcome, Task

__all__ = [
    "Executor",
    "InProcess",
    "Outcome",
    "ProcessPool",
    "Task",
    "cluster_address",
    "executor_of",
    "refuse_nested",
]


def executor_of(
    spec: Spec,
    jobs: int | None = None,
    on: str | None = None,
    data_dir: Path | None = None,
    *,
    allow_code: bool = False,
) -> Executor:
    """What runs trainings.

    Args:
        spec: of the study.
        jobs: how many at once; None: one here, and on a cluster as many as it has cores for.
        on: `ray`, for a cluster of this machine's own, or `ray:` and a cluster's address; None:
            this machine.
        data_dir: where published datasets are looked up first.
        allow_code: classes that the spec names may be run.

    Raises:
        UsageError: there is no such number, or place.
        MissingExtra: Ray is not installed, or there is no cluster.
    """
    if jobs is not None and (not isinstance(jobs, int) or jobs < 1):
        raise UsageError(f"jobs: {jobs!r}; give a whole number from 1")
    if on is None:
        return InProcess() if jobs in (None, 1) else ProcessPool(jobs)
    address = cluster_address(on)
    refuse_nested(spec)
    from splitrun.study.executors.on_ray import OnRay
    from splitrun.study.executors.ray_task import Place

    return OnRay(Place(address, data_dir and data_dir.absolute(), allow_code), spec, jobs)


def cluster_address(on: str) -> str | None:
    """The address in `ray:ADDRESS`, None in `ray`.

    Raises:
        UsageError: it is neither.
    """
    kind, colon, address = on.partition(":")
    if kind != "ray" or (colon and not address):
        raise UsageError(f"--on {on}: it is no place; give ray, ray:auto or ray:HOST:PORT")
    return address or None


def refuse_nested(spec: Spec) -> None:
    """Refuse a spec whose runs want the cluster that their study takes.

    Raises:
        UsageError: it is such a one.
    """
    if spec.runtime.type == "ray":
        what = "runs whose own runtime is ray would wait for the cores that their study takes"
        raise UsageError(f"--on ray: {what}; add runtime.type=threaded")
