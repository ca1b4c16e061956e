"""Where a study's trainings run: in this process, or in several others.

Whichever it is, results come in the order of the tasks, and each is what the same task comes to
anywhere else, to the bit. What is timed is no task: it runs alone, when no task does.
"""

from splitrun.errors import UsageError
from splitrun.study.executors.executor import Executor, InProcess
from splitrun.study.executors.process_pool import ProcessPool
from splitrun.study.executors.task import Outcome, Task

__all__ = ["Executor", "InProcess", "Outcome", "ProcessPool", "Task", "executor_of"]


def executor_of(jobs: int) -> Executor:
    """What runs so many trainings at once on this machine.

    Raises:
        UsageError: that is no number of them.
    """
    if not isinstance(jobs, int) or jobs < 1:
        raise UsageError(f"jobs: {jobs!r}; give a whole number from 1")
    return ProcessPool(jobs) if jobs > 1 else InProcess()
