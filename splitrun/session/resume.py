"""A run directory, found again: what is left of the run, and its experiment prepared anew."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from splitrun.data import OnDownload
from splitrun.errors import RunDirectoryError, UsageError
from splitrun.session.checkpoint import Checkpoint, Store, changed_parts, data_parts
from splitrun.session.environment import cpu_model
from splitrun.session.lives import lives_of
from splitrun.session.lock import locked
from splitrun.session.prepare import Experiment, prepare
from splitrun.session.run_directory import RunDirectory
from splitrun.spec import Document, resolved_yaml


@dataclass(frozen=True)
class Resume:
    """Where a run is to go on."""

    directory: RunDirectory
    checkpoint: Checkpoint | None
    """None: at its first step."""
    lives: int
    """How many the run has had."""
    remarks: tuple[str, ...]
    """What the user should know: damaged checkpoints, another machine."""

    @property
    def step(self) -> int:
        """The first that is left."""
        return self.checkpoint.step if self.checkpoint else 0


def find_resume(path: Path) -> Resume:
    """The newest checkpoint of a run that is whole.

    Raises:
        RunDirectoryError: no run directory, a run that is done or under way, or no checkpoint.
    """
    directory = RunDirectory.open(path)
    manifest = directory.manifest()
    if manifest["status"] == "done":
        message = f"{path}: the run is done, so there is nothing to resume"
        raise RunDirectoryError(f"{message}; `splitrun report {path}` tells how it went")
    with locked(path):
        found = Store(directory.checkpoints, 1).newest()
    if found.checkpoint is None:
        what = "no checkpoint is whole" if found.damaged else "no checkpoint"
        lines = [*found.damaged, f"{path}: {what}, so nothing tells where to go on; train again"]
        lines[-1] += ", with `checkpoint.every_epochs=1` or every_steps"
        raise RunDirectoryError("\n".join(lines))
    remarks = (*found.damaged, *_other_machine(manifest))
    return Resume(directory, found.checkpoint, len(lives_of(directory)), remarks)


def find_restart(path: Path) -> Resume:
    """Where a run that has just failed in this process begins again: at its newest checkpoint that
    is whole or, without one, at its first step.

    Raises:
        RunDirectoryError: no run directory.
    """
    directory = RunDirectory.open(path)
    with locked(path):
        found = Store(directory.checkpoints, 1).newest()
    return Resume(directory, found.checkpoint, len(lives_of(directory)), found.damaged)


def refuse_other_spec(resume: Resume, document: Document) -> None:
    """A run goes on as it began.

    Raises:
        UsageError: with the difference.
    """
    began = resume.directory.document().spec
    spec = document.spec
    if spec.pipeline.depth == "auto":
        pipeline = spec.pipeline.model_copy(update={"depth": began.pipeline.depth})
        spec = spec.model_copy(update={"pipeline": pipeline})
    before, now = resolved_yaml(began).splitlines(), resolved_yaml(spec).splitlines()
    if before == now:
        return
    path = resume.directory.path
    difference = difflib.unified_diff(
        before, now, "the run's spec", str(document.file), lineterm=""
    )
    message = f"{path}: the spec was changed, and a run goes on as it began"
    remedy = f"use `splitrun train --resume {path}` alone, or train anew"
    raise UsageError("\n".join([*difference, f"{message}; {remedy}"]))


def prepare_resume(
    resume: Resume,
    *,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    allow_code: bool = False,
) -> Experiment:
    """The run's experiment, with fresh models; `train` gives them the checkpoint's state.

    The arguments are those of `prepare`.

    Raises:
        UsageError: spec, data or models cannot be used any more, or the data have changed.
    """
    directory = resume.directory
    experiment = prepare(
        directory.document(),
        directory=Path(directory.manifest()["directory"]),
        data_dir=data_dir,
        on_download=on_download,
        allow_code=allow_code,
    )
    data = data_parts(experiment.data)
    changed = changed_parts(resume.checkpoint.data, data) if resume.checkpoint else []
    if changed:
        message = f"{directory.path}: the data have changed: {', '.join(changed)}"
        raise RunDirectoryError(f"{message}; restore them, or train anew")
    return experiment


def _other_machine(manifest: Mapping[str, Any]) -> list[str]:
    """What may round differently than before."""
    before = manifest.get("environment", {})
    pairs = [
        ("the processor", before.get("cpu"), cpu_model()),
        ("torch", before.get("packages", {}).get("torch"), version("torch")),
    ]
    return [
        f"{name} was {old} and is {new}: results may differ in their last bits"
        for name, old, new in pairs
        if old != new
    ]
