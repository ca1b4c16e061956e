"""The directory of a comparison or a valuation, for the report and for whoever comes later.

runs/<utc>-<name>-compare-<hash>/
    spec.yaml, resolved.yaml   as in a run directory
    status.json                running, done, interrupted or failed, and why
    plan.json                  the baseline's plan, explained
    measured.jsonl             every training and every trial, as they came
    comparison.json            what was found out; not there before the end
    arms/<arm>/events.jsonl    a trial of each arm, with all that happened in it
    report.html

A valuation's is `…-value-<hash>`; it has `value.json` instead, and no arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from splitrun import __version__
from splitrun.errors import Interrupted, RunFailed, one_line
from splitrun.events import Sink
from splitrun.files import append_text, is_regular, remove
from splitrun.interrupts import interrupted, listening, stopped_by
from splitrun.lock import locked
from splitrun.plan import Plan
from splitrun.records.comparison import (
    MeasuredLine,
    MeasuredTraining,
    MeasuredTrial,
    StudyRecord,
    StudyStatus,
)
from splitrun.records.run import UNTYPED, Invocation
from splitrun.session import RunDirectory
from splitrun.session.environment import environment
from splitrun.spec import Document
from splitrun.study.arms import Arm
from splitrun.study.scoring import Scores
from splitrun.study.timing import TimedArm, Trial
from splitrun.study.training import Recorder
from splitrun.study.watcher import Course, Watcher

if TYPE_CHECKING:
    from splitrun.study.compare import CompareSettings
    from splitrun.study.value import ValueSettings

Status = Literal["running", "done", "interrupted", "failed"]


@dataclass(frozen=True)
class StudyKind:
    """What several runs are for."""

    noun: Literal["comparison", "valuation"]
    command: str
    again: str
    """What to do where it was broken off."""
    file: str
    """What was found out."""


COMPARISON = StudyKind("comparison", "compare", "compare again", "comparison.json")
VALUATION = StudyKind("valuation", "value", "value it again", "value.json")


@contextmanager
def study_directory(
    runs_dir: Path,
    document: Document,
    kind: StudyKind,
    asked: Invocation = UNTYPED,
) -> Iterator[RunDirectory]:
    """A new directory. If the study does not come to an end, it says so and keeps what was
    measured; where nothing was, it is removed again.

    Args:
        asked: what was typed to start it.

    Raises:
        UsageError: it cannot be made.
        RunFailed: it cannot be written any more.
        Interrupted: a signal came.
    """
    directory = RunDirectory.create(runs_dir, document, kind.command)
    with locked(directory.path):
        try:
            _tell(directory, kind, "running", asked)
            yield directory
        except BaseException as error:
            with listening() as interrupts:
                interrupts.end()  # or half of it would stay
                failure = _broken_off(directory, kind, error, asked)
            if failure is error:
                raise
            raise failure from error


def _broken_off(
    directory: RunDirectory, kind: StudyKind, error: BaseException, asked: Invocation
) -> BaseException:
    """Leave what was measured, and nothing where nothing was; gives what is to be told."""
    measured, stopped = directory.path / MEASURED, isinstance(error, KeyboardInterrupt)
    kept, failure = is_regular(measured), error
    if stopped:
        number = stopped_by(error)
        message = f"{interrupted(number)} before the {kind.noun} was done"
        remedy = "" if kept else f", so none of it is kept; {kind.again}"
        failure = Interrupted(message + remedy, number)
    elif isinstance(error, OSError):
        failure = RunFailed(f"the {kind.noun}", "writing", one_line(error))
    with suppress(OSError):  # on a full disk nothing more can be said there
        if kept:
            _tell(directory, kind, "interrupted" if stopped else "failed", asked, str(failure))
        else:
            remove(directory.path)
    if kept:
        failure.add_note(f"what was measured until then is in {measured}")
    return failure


def _tell(
    directory: RunDirectory, kind: StudyKind, status: Status, asked: Invocation, message: str = ""
) -> None:
    content = StudyStatus(kind=kind.noun, status=status, message=message, asked=asked)
    directory.write_json("status.json", content)


R_co = TypeVar("R_co", bound=StudyRecord, covariant=True)


class StudyResult(Protocol[R_co]):
    """What was found out."""

    def to_record(self, name: str) -> R_co:
        """As the file tells of it, but for what the directory knows."""
        ...


def keep(
    directory: RunDirectory,
    document: Document,
    kind: StudyKind,
    settings: CompareSettings | ValueSettings,
    result: StudyResult[R_co],
    asked: Invocation = UNTYPED,
) -> R_co:
    """Write the kind's file; gives what is in it.

    Raises:
        OSError: it cannot be written.
    """
    record = replace(
        result.to_record(document.spec.name),
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        splitrun=__version__,
        environment=environment(document.directory),
        settings=asdict(settings),
        asked=asked,
        report=str(directory.path / "report.html"),
    )
    directory.write_json(kind.file, record)
    _tell(directory, kind, "done", asked)
    return record


MEASURED = "measured.jsonl"


class MeasurementLog(Watcher):
    """Writes down every training and every trial, and tells another watcher.

    Args:
        directory: of the comparison.
        metric: what scores are of.
        watcher: told all of it, too.
    """

    def __init__(self, directory: Path, metric: str, watcher: Watcher) -> None:
        self._path = directory / MEASURED
        self._metric = metric
        self._watcher = watcher

    def begin(self, course: Course) -> None:
        """Pass it on."""
        self._watcher.begin(course)

    def tell(self, line: str) -> None:
        """Pass it on."""
        self._watcher.tell(line)

    def training(self, arm: Arm, plan: Plan, seed: int) -> Recorder | None:
        """Pass it on."""
        return self._watcher.training(arm, plan, seed)

    def left_out(self, arm: Arm, why: str) -> None:
        """Pass it on."""
        self._watcher.left_out(arm, why)

    def warming_up(self) -> None:
        """Pass it on."""
        self._watcher.warming_up()

    def timing(self, timed_arm: TimedArm, done: int, elapsed_s: float) -> None:
        """Pass it on."""
        self._watcher.timing(timed_arm, done, elapsed_s)

    def recording(self, timed_arm: TimedArm, number: int, count: int) -> Sequence[Sink]:
        """Pass it on."""
        return self._watcher.recording(timed_arm, number, count)

    def scored(self, arm: Arm, scores: Scores) -> None:
        """Write down the new score.

        Raises:
            OSError: it cannot be written.
        """
        seed, curve = list(scores.curves.items())[-1]
        self._write(
            MeasuredTraining(
                arm=str(arm),
                seed=seed,
                metric=self._metric,
                value=scores.values[-1],
                curve={str(epoch): value for epoch, value in curve.items()},
                weights_sha256=scores.weights_sha256[-1],
            )
        )
        self._watcher.scored(arm, scores)

    def round(
        self, trials: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Write down everybody's new trial.

        Raises:
            OSError: it cannot be written.
        """
        for timed_arm, each in trials.items():
            trial = MeasuredTrial(
                arm=str(timed_arm.arm),
                runtime=timed_arm.runtime,
                round=len(each),
                **asdict(each[-1]),
            )
            self._write(trial)
        self._watcher.round(trials, elapsed_s, budget_s)

    def _write(self, line: MeasuredLine) -> None:
        append_text(self._path, msgspec.json.encode(line).decode() + "\n")
