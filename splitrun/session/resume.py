"""How a run goes on: found again in its directory, and restarted after a failure.

A run that is resumed is found in its directory, with what is left of it, and its experiment is
prepared anew. A restart begins the next attempt in the same process, after a failure that need not
come again. An attempt is one `train`; its end is written down whatever happens, and where the next
one begins, the caller says.
"""

from __future__ import annotations

import difflib
import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from splitrun.data import OnDownload
from splitrun.errors import Interrupted, MissingExtra, RunDirectoryError, RunFailed, UsageError
from splitrun.files import why_odd
from splitrun.interrupts import interrupted, listening, stopped_by
from splitrun.lock import locked
from splitrun.records.run import Environment, fate
from splitrun.session.checkpoint import Checkpoint, Store
from splitrun.session.environment import cpu_model
from splitrun.session.prepare import Experiment, Tell, prepare
from splitrun.session.run_directory import RunDirectory, attempts_of, fired_faults, refuse_odd
from splitrun.spec import Document, Spec, resolved_yaml
from splitrun.spec.effective import as_trained
from splitrun.spec.model import Supervision


@dataclass(frozen=True)
class Resume:
    """Where a run is to go on."""

    directory: RunDirectory
    checkpoint: Checkpoint | None
    """None: at its first step."""
    attempts: int
    """How many the run has had."""
    remarks: tuple[str, ...]
    """What the user should know: damaged checkpoints, another machine."""
    spec: Spec | None = None
    """Default: the run's."""
    beside: Path | None = None
    """Where relative paths and classes are looked up; default: where they were."""
    changes: tuple[str, ...] = ()
    """Of the spec, as lines of a difference."""
    ended: str = "failed"
    """How the attempt before ended."""

    @property
    def step(self) -> int:
        """The first that is left."""
        return self.checkpoint.step if self.checkpoint else 0


def find_resume(path: Path) -> Resume:
    """The newest checkpoint of a run that is whole.

    Raises:
        RunDirectoryError: no run directory, a run that is done or under way, no checkpoint, or
            links in it, by which what is written would land elsewhere.
    """
    directory = RunDirectory.open(path)
    refuse_odd(path, "rename it")
    _refuse_links(path)
    fired_faults(directory)
    manifest = directory.manifest()
    if why := why_odd(Path(manifest.directory)):
        message = f"{path / 'manifest.json'}: damaged: of its directory, {why}"
        raise RunDirectoryError(f"{message}; restore the file, or train again")
    if manifest.status == "done":
        message = f"{path}: the run is done, so there is nothing to resume"
        raise RunDirectoryError(f"{message}; `splitrun report {path}` tells how it went")
    ended = fate(path, manifest.status)
    with locked(path):
        found = Store(directory.checkpoints, directory.document().spec.parties, 1).newest()
    if found.checkpoint is None:
        what = "killed, and " if ended == "killed" else ""
        what += "no checkpoint is whole" if found.damaged else "no checkpoint"
        lines = [*found.damaged, f"{path}: {what}, so nothing tells where to go on; train again"]
        if directory.document().spec.checkpoint is None:
            lines[-1] += ", with `checkpoint.every_epochs=1` or every_steps"
        raise RunDirectoryError("\n".join(lines))
    remarks = (*found.damaged, *_other_machine(manifest.environment))
    attempts = len(attempts_of(directory))
    return Resume(directory, found.checkpoint, attempts, remarks, ended=ended)


def _refuse_links(path: Path) -> None:
    try:
        entries = [
            *path.iterdir(),
            *path.glob("checkpoints/*"),
            *path.glob("checkpoints/*/*"),
            *path.glob("attempts/*"),
        ]
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}; make it readable"
        raise RunDirectoryError(message) from error
    for entry in entries:
        if entry.is_symlink():
            message = f"{entry}: a link, and a run goes on only where all of it is in one place"
            raise RunDirectoryError(f"{message}; put in its place what it leads to")


def find_restart(path: Path) -> Resume:
    """Where a run that has just failed in this process begins again: at its newest checkpoint that
    is whole or, without one, at its first step.

    Raises:
        RunDirectoryError: no run directory.
    """
    directory = RunDirectory.open(path)
    with locked(path):
        found = Store(directory.checkpoints, directory.document().spec.parties, 1).newest()
    return Resume(directory, found.checkpoint, len(attempts_of(directory)), found.damaged)


def accept(resume: Resume, document: Document, beside: Path | None = None) -> Resume:
    """The resume with what a spec changes of the run's own: only what cannot touch its result.

    Args:
        beside: where relative paths and classes are looked up now; default: where they were.

    Raises:
        UsageError: something else was changed; with the difference.
    """
    directory = resume.directory
    began, spec = directory.document().spec, document.spec
    if spec.pipeline.depth == "auto":
        pipeline = spec.pipeline.model_copy(update={"depth": began.pipeline.depth})
        spec = spec.model_copy(update={"pipeline": pipeline})
    accepted = _with_freedoms(began, spec)
    refused = _difference(accepted, spec, "the run's spec", str(document.file))
    if refused:
        message = f"{directory.path}: the spec was changed, and a run goes on as it began"
        remedy = f"use `splitrun train --resume {directory.path}` alone, or train anew"
        raise UsageError("\n".join([*refused, f"{message}; {remedy}"]))
    changed = [line for line in _difference(began, accepted)[2:] if line.startswith(("-", "+"))]
    return replace(resume, spec=accepted, beside=beside, changes=tuple(changed))


def _with_freedoms(began: Spec, spec: Spec) -> Spec:
    """The first with what it may take from the second."""
    names = ("type", "address", "checksums", "memory_limit_mb")
    free = {name: getattr(spec.runtime, name) for name in names}
    update: dict[str, object] = {
        "supervision": spec.supervision,
        "sinks": spec.sinks,
        "runtime": began.runtime.model_copy(update=free),
        "parties": {
            name: party.model_copy(update={"ray": spec.parties[name].ray})
            if name in spec.parties
            else party
            for name, party in began.parties.items()
        },
    }
    if began.checkpoint and spec.checkpoint:
        keep = {"keep": spec.checkpoint.keep}
        update["checkpoint"] = began.checkpoint.model_copy(update=keep)
    return began.model_copy(update=update)


def _difference(before: Spec, now: Spec, named: str = "", now_named: str = "") -> list[str]:
    old, new = (resolved_yaml(spec).splitlines() for spec in (before, now))
    return list(difflib.unified_diff(old, new, named, now_named, lineterm=""))


def prepare_resume(
    resume: Resume,
    *,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    allow_code: bool = False,
    tell: Tell = lambda _: None,
) -> Experiment:
    """The run's experiment, prepared anew; `train` gives its models the checkpoint's state.

    The arguments are those of `prepare`.

    Raises:
        UsageError: spec, data or models cannot be used any more, or the data have changed.
    """
    directory = resume.directory
    document = directory.document()
    spec = resume.spec or document.spec
    if resume.checkpoint is not None:  # which has all weights
        spec = as_trained(spec)
    experiment = prepare(
        replace(document, spec=spec),
        directory=resume.beside or Path(directory.manifest().directory),
        data_dir=data_dir,
        on_download=on_download,
        allow_code=allow_code,
        tell=tell,
    )
    now = experiment.parties.digests
    before = now
    if resume.checkpoint is not None:
        before = {
            what: digest
            for shard in resume.checkpoint.data.values()
            for what, digest in shard.items()
        }
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        message = f"{directory.path}: the data have changed: {', '.join(changed)}"
        raise RunDirectoryError(f"{message}; restore them, or train anew")
    return experiment


def _other_machine(before: Environment) -> list[str]:
    """What may round differently than before."""
    pairs = [
        ("the processor", before.cpu, cpu_model()),
        ("torch", before.packages.get("torch"), version("torch")),
    ]
    return [
        f"{name} was {old} and is {new}: results may differ in their last bits"
        for name, old, new in pairs
        if old != new
    ]


Start = TypeVar("Start")
Result = TypeVar("Result")


def supervised(
    policy: Supervision,
    live: Callable[[Start], Result],
    start: Start,
    next_start: Callable[[RunFailed, int], Start],
) -> Result:
    """What the first attempt that does not fail comes to.

    Args:
        live: one attempt, from a starting point on.
        start: of the first attempt.
        next_start: of the attempt after a failure; it is told which restart that is, from 1.

    Raises:
        RunFailed: what ended the last attempt; a note says why there is no other.
        UsageError: the first attempt could not begin.
        Interrupted: a signal came before a restart.
    """
    restarts = 0
    failed: RunFailed | None = None
    with listening() as interrupts:
        while True:
            try:
                if failed is not None:
                    restarts += 1
                    start = next_start(failed, restarts)
                return live(start)
            except (UsageError, MissingExtra) as error:
                if failed is None:
                    raise
                failed.add_note(f"not restarted: {error}")
                raise failed from error
            except KeyboardInterrupt as error:
                if failed is None:
                    raise
                raise _not_restarted(failed, stopped_by(error)) from error
            except RunFailed as error:
                if policy.on_failure == "stop" or interrupts.ended:
                    raise
                allowed = restarts < policy.restarts
                why = why_not_restarted(error, failed) if allowed else _spent(restarts)
                if why:
                    error.add_note(f"not restarted: {why}")
                    raise
                failed = _without_frames(error)
            del start
            gc.collect()


def _spent(restarts: int) -> str:
    return f"{restarts} restarts were allowed"


def _not_restarted(failed: RunFailed, number: int) -> Interrupted:
    """How a run ends whose next attempt had not begun when a signal came."""
    ended = Interrupted(f"{interrupted(number)} before a restart; {failed}", number)
    for note in getattr(failed, "__notes__", ()):
        ended.add_note(note)
    return ended


def _without_frames(error: RunFailed) -> RunFailed:
    """The error without what its tracebacks keep alive: optimizers, versions and batches of the
    attempt that failed."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def why_not_restarted(error: RunFailed, before: RunFailed | None = None) -> str:
    """Why a failure is not worth a restart; empty if it is.

    A run's result depends on its spec alone, so what lies in numbers or rows comes again, and so
    does what has come twice in one place.

    Args:
        before: the failure of the attempt before.
    """
    if error.recurs:
        return "it would come again"
    if not error.run_dir:
        return "it did not come to a run"
    if error.left_behind:
        return f"{' and '.join(error.left_behind)} may still hold what a new attempt needs"
    if before and _place(error) == _place(before):
        return "it came again in the same place"
    return ""


def _place(error: RunFailed) -> tuple[type[RunFailed], str, str]:
    return type(error), error.role, error.instruction
