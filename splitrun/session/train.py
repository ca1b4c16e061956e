"""One run, from a prepared experiment to a trained model in a run directory."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from splitrun.errors import Interrupted, RunDirectoryError, RunFailed, SplitrunError, told
from splitrun.events import Sink
from splitrun.interrupts import Interrupts, interrupted, listening, stopped_by
from splitrun.lock import locked
from splitrun.plan import planned_faults
from splitrun.session.audience import Audience, Warn
from splitrun.session.life import Life, Result, Source
from splitrun.session.prepare import Experiment
from splitrun.session.resume import Resume
from splitrun.session.run_directory import RunDirectory


def train(
    experiment: Experiment,
    runs_dir: Path,
    sinks: Sequence[Sink] = (),
    sources: Sequence[Source] = (),
    resume: Resume | None = None,
    warn: Warn = lambda _: None,
) -> Result:
    """Run an experiment's plan, or what is left of it, and save what comes of it.

    However it ends, the run directory tells: its manifest says `done`, `failed` or `interrupted`.
    A signal that asks for an end stops it in order; see `splitrun.interrupts`.

    Args:
        sinks: they only show the run: one that fails is left out, and the run goes on.
        resume: go on in its directory, from its checkpoint; `runs_dir` has no part in it then.
        warn: told at once of a sink that is left out; the manifest tells of it, too.

    Raises:
        RunFailed: naming role, instruction and batch.
        Interrupted: the run was stopped; what was trained until then is saved.
        RunDirectoryError: the checkpoint does not fit, another process is at the run, or its
            directory cannot be written.
    """
    planned = planned_faults(experiment.document.spec, experiment.plan)
    with ExitStack() as stack:
        interrupts = stack.enter_context(listening())
        stack.enter_context(interrupts.once())
        with interrupts.held():
            document = experiment.document
            directory = resume.directory if resume else RunDirectory.create(runs_dir, document)
            stack.enter_context(locked(directory.path))
            audience = Audience(sinks, warn)
            try:
                life = Life(experiment, directory, planned, audience, sources, resume, interrupts)
            except OSError as error:
                message = f"{directory.path}: cannot be written: {error.strerror or told(error)}"
                raise RunDirectoryError(f"{message}; make room, or make it writable") from error
        return _train(life, directory, interrupts)


def _train(life: Life, directory: RunDirectory, interrupts: Interrupts) -> Result:
    try:
        try:
            interrupts.let_through()
            life.execute()
            with interrupts.held():
                result = life.result(life.save_model())
                life.close("done", "", result)
                interrupts.finish()
        except KeyboardInterrupt as error:
            interrupts.end()
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
                life.discard(failure)
            directory.note_failure("".join(traceback.format_exception(error)), stacks)
            with suppress(OSError):  # on a full disk nothing more can be said there
                life.close("failed", str(failure))
            failure.add_note(f"the run directory is {directory.path}")
            life.add_remedy(failure)
            number = interrupts.asked
            if number is not None and not interrupts.ended:
                ended = Interrupted(f"{interrupted(number)}; {failure}", number)
                raise _with_notes_of(failure, ended) from error
            raise failure from error
    return result


def _interrupted(life: Life, directory: RunDirectory, error: KeyboardInterrupt) -> Interrupted:
    """Write down what was trained until now.

    Raises:
        OSError: it could not be written.
    """
    life.attend()
    number = stopped_by(error)
    message = f"{interrupted(number)} after {life.ledger.steps} of {life.plan.steps} steps"
    life.close("interrupted", message, life.result(life.save_model()) if life.has_begun else None)
    ended = _with_notes_of(error, Interrupted(message, number))
    if life.has_begun:
        ended.add_note(f"what was trained until then is in {directory.path}")
    life.add_remedy(ended)
    return ended


def _with_notes_of(other: BaseException, ended: Interrupted) -> Interrupted:
    for note in getattr(other, "__notes__", ()):
        ended.add_note(note)
    return ended
