"""`run` and `compare`: what trains, started from Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from splitrun.api.compared import Comparison
from splitrun.api.given import (
    FilePath,
    Overrides,
    SpecLike,
    asked,
    directory_of,
    document_of,
    one_at_a_time,
    path_or_none,
    warn,
    warn_each,
)
from splitrun.api.made import Run
from splitrun.components import start_ahead
from splitrun.dashboard import PlainLines
from splitrun.events import Sink
from splitrun.report.write import written_or_why
from splitrun.session import prepare, supervised
from splitrun.session.attempts import Attempts, AttemptStart
from splitrun.session.sinks import make_sinks
from splitrun.spec import Codec
from splitrun.study.arms import Arm, Schedule, line_up
from splitrun.study.compare import CompareSettings
from splitrun.study.compare import compare as compare_arms
from splitrun.study.directory import COMPARISON, keep, study_directory
from splitrun.study.executors import executor_of
from splitrun.study.watcher import Watcher


def run(
    spec: SpecLike,
    overrides: Overrides | None = None,
    *,
    runs_dir: FilePath = "runs",
    data_dir: FilePath | None = None,
    allow_code: bool = False,
    progress: bool = False,
) -> Run:
    """Train a spec's model, as `splitrun train` does.

    Args:
        spec: a YAML file, or a mapping as such a file has it; relative paths of a mapping start at
            the working directory.
        overrides: values by dotted keys, as `{"pipeline.depth": 8}`.
        runs_dir: where the run's directory is made.
        data_dir: where a public dataset's file is looked up first.
        allow_code: import and run the classes that the spec names.
        progress: show on stderr how it is getting on, a line every few seconds.

    Raises:
        UsageError: the spec, its data or its models cannot be used; nothing has run.
        RunFailed: the run began and could not be finished.
        Interrupted: a signal stopped it, Ctrl-C among them; what was trained until then is saved.
    """
    with one_at_a_time:
        typed = asked(overrides)
        document = document_of(spec, typed.overrides, path_or_none(data_dir))
        runs = directory_of(runs_dir)
        start_ahead(document.spec.runtime.type)

        def offer() -> list[Sink]:
            return make_sinks(document.spec.sinks)

        offered = offer()
        experiment = prepare(document, data_dir=path_or_none(data_dir), allow_code=allow_code)
        warn_each(experiment.warnings)
        attempts = Attempts(experiment, runs, lambda: _shown(progress), offer, warn, warn, typed)
        policy, first = document.spec.supervision, AttemptStart(experiment, None, offered)
        result = supervised(policy, attempts.run, first, attempts.next_start)
    return Run(Path(result.run_dir).absolute(), allow_code=allow_code)


@contextmanager
def _shown(progress: bool) -> Iterator[list[Sink]]:  # noqa: FBT001
    yield [PlainLines(sys.stderr)] if progress else []


def compare(
    spec: SpecLike,
    overrides: Overrides | None = None,
    *,
    schedules: Sequence[Schedule] | None = None,
    depths: Sequence[int] | None = None,
    codecs: Sequence[Codec] = (),
    repeats: int | None = None,
    budget_s: float = 60.0,
    seeds: int = 3,
    metric: str | None = None,
    margin: float = 0.005,
    target: float | None = None,
    jobs: int | None = None,
    on: str | None = None,
    runs_dir: FilePath = "runs",
    data_dir: FilePath | None = None,
    allow_code: bool = False,
) -> Comparison:
    """Measure what pipelining does to speed and metric, as `splitrun compare` does.

    Args:
        spec: as for `run`, and so are `overrides`, `runs_dir`, `data_dir` and `allow_code`.
        schedules: beside sequential; default: all that the models allow.
        depths: of `stale`, beside what is foretold the fastest; default: 2, 4 and 8.
        codecs: every arm takes part again with each of these codecs of all links.
        repeats: rounds of timing; default: until it is precise.
        budget_s: seconds for the timing; three rounds are timed in any case.
        seeds: whole trainings per arm, for the metric.
        metric: what arms are judged by; default: the first of `training.metrics`.
        margin: differences of the metric below this count as none.
        target: a value of the metric: also find out the time until it is reached.
        jobs: whole trainings at once, each in a process of its own.
        on: `ray`, or `ray:ADDRESS`: trainings run on a Ray cluster.

    Raises:
        UsageError: the spec, its data or its models cannot be used, or nothing could be compared.
        RunFailed: a role failed.
        Interrupted: a signal stopped it; what was measured until then is kept.
    """
    settings = CompareSettings(
        *(_as_tuple(schedules), _as_tuple(depths), repeats, budget_s, seeds, margin, target),
        codecs=tuple(codecs),
    )
    with one_at_a_time:
        data, watcher = path_or_none(data_dir), _Warnings()
        typed = asked(overrides)
        document = document_of(spec, typed.overrides, data, metric)
        executor = executor_of(document.spec, jobs, on, data, allow_code=allow_code)
        arms = line_up(
            *(document, settings.schedules, settings.depths, watcher),
            codecs=settings.codecs,
            data_dir=data,
            allow_code=allow_code,
        )
        with study_directory(directory_of(runs_dir), document, COMPARISON, typed) as directory:
            comparison = compare_arms(*(arms, settings, metric, directory.path, watcher), executor)
            record = keep(directory, document, COMPARISON, settings, comparison, typed)
        if unwritten := written_or_why(directory.path):
            warn(str(unwritten))
    return record


_Item = TypeVar("_Item")


def _as_tuple(items: Sequence[_Item] | None) -> tuple[_Item, ...] | None:
    return None if items is None else tuple(items)


class _Warnings(Watcher):
    """Warns of what is odd about an experiment, and of arms that are left out."""

    def tell(self, line: str) -> None:
        """Warn of it."""
        warn(line.removeprefix("warning: "))

    def left_out(self, arm: Arm, why: str) -> None:
        """Warn of it."""
        warn(f"left out {arm}: {why}")
