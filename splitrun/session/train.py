"""One run, from a prepared experiment to a trained model in a run directory."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from splitrun.errors import Interrupted, RunDirectoryError, RunFailed, SplitrunError, told
from splitrun.events import Sink
from splitrun.plan import planned_faults
from splitrun.session.interrupts import Interrupts
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

    However it ends, the run directory tells: its manifest says `done`, `failed` or `interrupted`.

    Args:
        resume: go on in its directory, from its checkpoint; `runs_dir` has no part in it then.

    Raises:
        RunFailed: naming role, instruction and batch.
        Interrupted: the user stopped the run; what was trained until then is saved.
        RunDirectoryError: the checkpoint does not fit, another process is at the run, or its
            directory cannot be written.
    """
    planned = planned_faults(experiment.document.spec, experiment.plan)
    directory = resume.directory if resume else RunDirectory.create(runs_dir, experiment.document)
    interrupts = Interrupts()
    with locked(directory.path):
        try:
            life = Life(experiment, directory, planned, sinks, sources, resume, interrupts)
        except OSError as error:
            message = f"{directory.path}: cannot be written: {error.strerror or told(error)}"
            raise RunDirectoryError(f"{message}; make room, or make it writable") from error
        with interrupts.listening():
            return _train(life, directory, interrupts)


def _train(life: Life, directory: RunDirectory, interrupts: Interrupts) -> Result:
    try:
        try:
            life.execute()
            with interrupts.held():
                result = life.result(life.save_model())
                life.close("done", "", result)
        except KeyboardInterrupt as error:
            raise _interrupted(life, directory, error) from error
    except Interrupted:
        raise
    except Exception as error:
        where = "writing" if isinstance(error, OSError) else "an unforeseen point"
        failed = RunFailed("the run", where, told(error))
        failure = error if isinstance(error, SplitrunError) else failed
        with interrupts.held():
            stacks = ""
            if isinstance(failure, RunFailed):
                failure.run_dir, stacks = str(directory.path), failure.stacks
            directory.note_failure("".join(traceback.format_exception(error)), stacks)
            with suppress(OSError):  # on a full disk nothing more can be said there
                life.close("failed", str(failure))
        failure.add_note(f"the run directory is {directory.path}")
        life.add_remedy(failure)
        if interrupts.kept:
            raise _with_notes_of(failure, Interrupted(f"interrupted; {failure}")) from error
        raise failure from error
    return result


def _interrupted(life: Life, directory: RunDirectory, error: KeyboardInterrupt) -> Interrupted:
    """Write down what was trained until now.

    Raises:
        OSError: it could not be written.
    """
    life.attend()
    message = f"interrupted after {life.ledger.steps} of {life.plan.steps} steps"
    life.close("interrupted", message, life.result(life.save_model()) if life.has_begun else None)
    interrupted = _with_notes_of(error, Interrupted(message))
    if life.has_begun:
        interrupted.add_note(f"what was trained until then is in {directory.path}")
    life.add_remedy(interrupted)
    return interrupted


def _with_notes_of(other: BaseException, interrupted: Interrupted) -> Interrupted:
    for note in getattr(other, "__notes__", ()):
        interrupted.add_note(note)
    return interrupted
