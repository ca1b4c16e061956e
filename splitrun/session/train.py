"""One run, from a prepared experiment to a trained model in a run directory."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from msgspec import structs

from splitrun.errors import Interrupted, RunDirectoryError, RunFailed, SplitrunError, one_line
from splitrun.events import Sink
from splitrun.interrupts import Interrupts, interrupted, listening, stopped_by
from splitrun.lock import locked
from splitrun.plan import planned_faults
from splitrun.records.run import UNTYPED, Invocation, RunResult
from splitrun.runtime import find_runtime
from splitrun.session.attempt import Attempt, Source
from splitrun.session.elsewhere import Elsewhere
from splitrun.session.prepare import Experiment
from splitrun.session.resume import Resume
from splitrun.session.run_directory import RunDirectory
from splitrun.session.sinks import SinkGroup, Warn


def train(
    experiment: Experiment,
    runs_dir: Path,
    sinks: Sequence[Sink] = (),
    sources: Sequence[Source] = (),
    resume: Resume | None = None,
    warn: Warn = lambda _: None,
    elsewhere: Elsewhere | None = None,
    asked: Invocation = UNTYPED,
) -> RunResult:
    """Run an experiment's plan, or what is left of it, and save what comes of it.

    However it ends, the run directory tells: its manifest says `done`, `failed` or `interrupted`.
    A signal that asks for an end stops it in order; see `splitrun.interrupts`.

    Args:
        sinks: they only show the run: one that fails is left out, and the run goes on.
        resume: go on in its directory, from its checkpoint; `runs_dir` has no part in it then.
        warn: told at once of a sink that is left out; the manifest tells of it, too.
        elsewhere: parties of the plan that are not the experiment's.
        asked: what was typed to start it, for the manifest.

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
            group = SinkGroup(sinks, warn)
            try:
                attempt = Attempt(
                    *(experiment, directory, planned, group, sources, resume, interrupts),
                    elsewhere,
                    asked,
                )
            except OSError as error:
                message = (
                    f"{directory.path}: cannot be written: {error.strerror or one_line(error)}"
                )
                raise RunDirectoryError(f"{message}; make room, or make it writable") from error
        with _told(attempt, directory, interrupts):
            interrupts.let_through()
            job = attempt.begin()
            with attempt.sources():
                kind = "threaded" if elsewhere else document.spec.runtime.type
                outcome = find_runtime(kind)(job, attempt.observer)
            return attempt.finish(outcome)


@contextmanager
def _told(attempt: Attempt, directory: RunDirectory, interrupts: Interrupts) -> Iterator[None]:
    """However what is done in here ends before it is done, the run directory tells.

    Raises:
        RunFailed: what failed, and how to go on.
        Interrupted: it was stopped; what was trained until then is saved.
    """
    try:
        try:
            yield
        except KeyboardInterrupt as error:
            interrupts.end()
            raise _interrupted(attempt, directory, error) from error
    except Interrupted:
        raise
    except Exception as error:
        where = "writing" if isinstance(error, OSError) else "an unforeseen point"
        failed = RunFailed("the run", where, one_line(error))
        failure = error if isinstance(error, SplitrunError) else failed
        with interrupts.held():
            stacks = ""
            if isinstance(failure, RunFailed):
                failure.run_dir, stacks = str(directory.path), failure.stacks
                attempt.discard(failure)
            directory.note_failure("".join(traceback.format_exception(error)), stacks)
            with suppress(OSError):  # on a full disk nothing more can be said there
                attempt.close("failed", str(failure))
            failure.add_note(f"the run directory is {directory.path}")
            attempt.add_remedy(failure)
            number = interrupts.asked
            if number is not None and not interrupts.ended:
                ended = Interrupted(f"{interrupted(number)}; {failure}", number)
                raise _with_notes_of(failure, ended) from error
            raise failure from error


def _interrupted(
    attempt: Attempt, directory: RunDirectory, error: KeyboardInterrupt
) -> Interrupted:
    """Write down what was trained until now.

    Raises:
        OSError: it could not be written.
    """
    attempt.poll()
    number = stopped_by(error)
    message = (
        f"{interrupted(number)} after {attempt.statistics.steps} of {attempt.plan.steps} steps"
    )
    result, note = None, ""
    if attempt.has_begun:
        best_step = attempt.recall_best()
        result = structs.replace(attempt.result(attempt.save_model()), best_step=best_step)
        note = f"what was trained until then is in {directory.path}"
        if best_step is not None:
            note = f"the best weights until then, of step {best_step}, are in {directory.path}"
    attempt.close("interrupted", message, result)
    ended = _with_notes_of(error, Interrupted(message, number))
    if note:
        ended.add_note(note)
    attempt.add_remedy(ended)
    return ended


def _with_notes_of(other: BaseException, ended: Interrupted) -> Interrupted:
    for note in getattr(other, "__notes__", ()):
        ended.add_note(note)
    return ended
