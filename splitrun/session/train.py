"""One run, from a prepared experiment to a trained model in a run directory."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from splitrun.errors import Interrupted, RunFailed, SplitrunError, told
from splitrun.events import Sink
from splitrun.plan import planned_faults
from splitrun.session.life import Life, Result, Source
from splitrun.session.lock import locked
from splitrun.session.prepare import Experiment
from splitrun.session.resume import Resume
from splitrun.session.run_directory import RunDirectory


def train(
    experiment: Experiment,
    runs_dir: Path,
    sinks: Sequence[Sink] = (),
    sources: Sequence[Source] = (),
    resume: Resume | None = None,
) -> Result:
    """Run an experiment's plan, or what is left of it, and save what comes of it.

    Whatever happens, the run directory tells: its manifest says `done`, `failed` or `interrupted`.

    Args:
        resume: go on in its directory, from its checkpoint; `runs_dir` has no part in it then.

    Raises:
        RunFailed: naming role, instruction and batch.
        Interrupted: the user stopped the run; what was trained until then is saved.
        RunDirectoryError: the checkpoint does not fit, or another process is at the run.
    """
    planned = planned_faults(experiment.document.spec, experiment.plan)
    directory = resume.directory if resume else RunDirectory.create(runs_dir, experiment.document)
    with locked(directory.path):
        return _train(Life(experiment, directory, planned, sinks, sources, resume), directory)


def _train(life: Life, directory: RunDirectory) -> Result:
    with _one_interrupt():
        try:
            try:
                life.execute()
                result = life.result(life.save_model())
            except KeyboardInterrupt as error:
                raise _interrupted(life, directory, error) from error
            life.close("done", "", result)
        except Interrupted:
            raise
        except Exception as error:
            where = "writing" if isinstance(error, OSError) else "an unforeseen point"
            failed = RunFailed("the run", where, told(error))
            failure = error if isinstance(error, SplitrunError) else failed
            with suppress(OSError):  # on a full disk nothing more can be said there
                life.close("failed", str(failure))
            stacks = ""
            if isinstance(failure, RunFailed):
                failure.run_dir, stacks = str(directory.path), failure.stacks
            directory.note_failure("".join(traceback.format_exception(error)), stacks)
            failure.add_note(f"the run directory is {directory.path}")
            life.add_remedy(failure)
            raise failure from error
    return result


def _interrupted(life: Life, directory: RunDirectory, error: KeyboardInterrupt) -> Interrupted:
    """Write down what was trained until now.

    Raises:
        OSError: it could not be written.
    """
    life.attend()
    message = f"interrupted after {life.ledger.steps} of {life.plan.steps} steps"
    life.close("interrupted", message, life.result(life.save_model()))
    interrupted = Interrupted(message)
    for note in getattr(error, "__notes__", ()):
        interrupted.add_note(note)
    interrupted.add_note(f"what was trained until then is in {directory.path}")
    life.add_remedy(interrupted)
    return interrupted


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """The first Ctrl-C stops the run in order; further ones wait until it has been written down."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
