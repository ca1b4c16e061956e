"""`splitrun compare`: does pipelining pay, at which depth, and what does it cost?"""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from splitrun.cli import completion
from splitrun.cli.compare_table import show_comparison, show_finished, show_runs
from splitrun.cli.options import (
    AllowCode,
    DataDir,
    Jobs,
    Json,
    On,
    RunsDir,
    Unproven,
    asked,
    load_judged,
    note_no_faults,
    own_stdout,
    run_found,
)
from splitrun.cli.output import LOADING, Phases, Progress, echo_json
from splitrun.cli.study import deliver_study
from splitrun.components import start_ahead
from splitrun.errors import GateFailed, UsageError
from splitrun.files import is_directory
from splitrun.units import SCREEN

if TYPE_CHECKING:
    from splitrun.spec import Codec
    from splitrun.study.arms import Arm, Schedule
    from splitrun.study.comparison import Comparison

_OF_SPECS = (
    *("schedules", "depths", "codecs", "repeats", "budget", "seeds"),
    *("metric", "margin", "target", "arm", "fail_below", "unproven", "jobs", "on"),
)
"""Options that mean nothing where runs are compared."""
_FEWEST_ROUNDS = 3
"""With an interval; `splitrun.study.intervals.FEWEST`, without its imports."""


class AssertedSameness(StrEnum):
    """What `--assert` can demand of an arm's metric."""

    EQUIVALENT = "equivalent"
    IDENTICAL = "identical"


def compare(
    context: typer.Context,
    spec: Annotated[
        Path,
        typer.Argument(
            metavar="SPEC|RUN",
            help="The experiment, a YAML file; or the first of several runs; or a comparison that "
            "is over, to print it again.",
            autocompletion=completion.specs_and_runs,
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE|RUN]...",
            help="Changes to the spec; or the other runs.",
            autocompletion=completion.runs,
        ),
    ] = None,
    schedules: Annotated[
        str | None,
        typer.Option(
            "--schedules",
            metavar="A,B,…",
            help="Schedules to set against sequential; default: all that the models allow.",
        ),
    ] = None,
    depths: Annotated[
        str | None,
        typer.Option(
            "--depths",
            metavar="N,N,…",
            help="Depths of stale, beside what is foretold the fastest; default: 2,4,8.",
        ),
    ] = None,
    codecs: Annotated[
        str | None,
        typer.Option(
            "--codecs",
            metavar="A,B,…",
            help="Every arm takes part again with each of these codecs of all links.",
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option("--repeats", min=1, help="Rounds of timing; default: until it is precise."),
    ] = None,
    budget: Annotated[
        float,
        typer.Option(
            "--budget",
            metavar="SECONDS",
            help="Time for the timing; three rounds are timed in any case.",
        ),
    ] = 60.0,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="Whole trainings per arm, for the metric.")
    ] = 3,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="What arms are judged by; default: the first of training.metrics.",
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option("--margin", help="Differences of the metric below this count as none.")
    ] = 0.005,
    target: Annotated[
        float | None,
        typer.Option(
            "--target", help="A value of the metric: also tell the time until it is reached."
        ),
    ] = None,
    arm: Annotated[
        str | None,
        typer.Option(
            "--arm",
            metavar="ARM",
            help="The arm that gates look at, such as stale:4; default: the recommended one.",
        ),
    ] = None,
    fail_below: Annotated[
        float | None,
        typer.Option(
            "--fail-below", metavar="X", help="Exit 4 unless the speedup is shown to be at least X."
        ),
    ] = None,
    asserted: Annotated[
        AssertedSameness | None,
        typer.Option("--assert", help="Exit 4 unless the metric, or the weights, are the same."),
    ] = None,
    jobs: Jobs = None,
    on: On = None,
    runs_dir: RunsDir = Path("runs"),
    data_dir: DataDir = None,
    progress: Annotated[
        Progress,
        typer.Option("--progress", help="auto: a table on a terminal, else a line per round."),
    ] = Progress.AUTO,
    unproven: Unproven = False,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Compare sequential and pipelined: speed and metric.

    Given runs instead, tell how those differ from the first; `--assert identical` wants the same
    weights of them. A run is a directory, any part of its name, @last or @best:METRIC.
    """
    phases = Phases(progress)
    phases.status("starting …")
    if spec.suffix not in (".yaml", ".yml"):
        spec = run_found(spec, runs_dir)
    if is_directory(spec):
        sources = {name: context.get_parameter_source(name) for name in _OF_SPECS}
        given = [
            f"--{name.replace('_', '-')}"
            for name, source in sources.items()
            if source is not None and source.name == "COMMANDLINE"
        ]
        others = [run_found(Path(other), runs_dir, "run") for other in overrides or ()]
        gates = [*given, *([f"--assert {asserted}"] if asserted else ())]
        if others or not show_finished(spec, gates, json_output=json_output):
            show_runs(spec, others, asserted, given, json_output=json_output)
        return
    _refuse_senseless(budget, margin, fail_below, target, repeats)
    chosen_schedules, chosen_depths = _schedules(schedules), _depths(depths)
    chosen_codecs = _codecs(codecs)
    document = load_judged(spec, overrides, data_dir, metric)
    typed = asked(context, overrides)
    note_no_faults(document)
    quiet = progress is Progress.NONE
    start_ahead("ray" if on else "processes" if (jobs or 1) > 1 else "serial")
    phases.line(LOADING)  # the imports below alone take seconds
    from splitrun.cli.comparison_progress import ComparisonProgress
    from splitrun.cli.output import show_download
    from splitrun.cli.screens import LineScreen, Screen, screen_for
    from splitrun.study.arms import line_up, named
    from splitrun.study.compare import CompareSettings
    from splitrun.study.compare import compare as compare_arms
    from splitrun.study.directory import COMPARISON, keep, study_directory
    from splitrun.study.executors import executor_of

    settings = CompareSettings(
        *(chosen_schedules, chosen_depths, repeats, budget, seeds, margin, target, unproven),
        chosen_codecs,
    )
    executor = executor_of(document.spec, jobs, on, data_dir, allow_code=allow_code)
    with own_stdout():
        with show_download(quiet=quiet) as on_download:
            arms = line_up(
                document,
                chosen_schedules,
                chosen_depths,
                ComparisonProgress(Screen() if quiet else LineScreen()),
                codecs=chosen_codecs,
                data_dir=data_dir,
                on_download=on_download,
                allow_code=allow_code,
                tell=phases.status,
            )
        named_arm = named(tuple(arms.subjects), arm) if arm else None
        with study_directory(runs_dir, document, COMPARISON, typed) as directory:
            with screen_for(progress) as screen:
                watcher = ComparisonProgress(screen)
                comparison = compare_arms(
                    *(arms, settings, metric, directory.path, watcher), executor
                )
            record = keep(directory, document, COMPARISON, settings, comparison, typed)
    gated = named_arm or comparison.choice.taken
    deliver_study(
        directory.path / COMPARISON.file,
        lambda: echo_json(record.to_json()) if json_output else show_comparison(record),
        lambda: _gate(comparison, gated, fail_below, asserted),
        names_page=not json_output,
    )


def _refuse_senseless(
    budget: float,
    margin: float,
    fail_below: float | None,
    target: float | None,
    repeats: int | None,
) -> None:
    for value, option in ((budget, "--budget"), (margin, "--margin"), (fail_below, "--fail-below")):
        if value is not None and not 0 < value < math.inf:
            raise typer.BadParameter("must be a positive number", param_hint=option)
    if target is not None and not math.isfinite(target):
        raise typer.BadParameter("must be a finite number", param_hint="--target")
    if fail_below is not None and repeats is not None and repeats < _FEWEST_ROUNDS:
        raise UsageError(
            f"--fail-below: {SCREEN.plural(repeats, 'round')} cannot show a speedup; "
            f"give --repeats {_FEWEST_ROUNDS} or more"
        )


def _schedules(text: str | None) -> tuple[Schedule, ...] | None:
    from splitrun.study.arms import SCHEDULES

    return None if text is None else _named(text, SCHEDULES, "--schedules")


def _codecs(text: str | None) -> tuple[Codec, ...]:
    from splitrun.study.arms import CODECS

    return () if text is None else _named(text, CODECS, "--codecs")


_Name = TypeVar("_Name", bound=str)


def _named(text: str, known: tuple[_Name, ...], option: str) -> tuple[_Name, ...]:
    """The words that a list names, in the order in which they are known."""
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in known:
            message = f"{name!r} is not one of {', '.join(known)}"
            raise typer.BadParameter(message, param_hint=option)
    return tuple(name for name in known if name in names)


def _depths(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not (part.isdecimal() and int(part) > 0):
            message = f"{part!r} is not a depth; write whole numbers, such as 2,4,8"
            raise typer.BadParameter(message, param_hint="--depths")
    return tuple(int(part) for part in parts)


def _gate(
    comparison: Comparison, arm: Arm, fail_below: float | None, asserted: AssertedSameness | None
) -> None:
    from splitrun.study import Finding, fails_assertion, fails_below

    if arm in comparison.diverged:
        if fail_below is not None or asserted is not None:
            raise GateFailed(f"{arm} diverged")
        return
    result = comparison.result(arm)
    failures, rounds = [], SCREEN.plural(result.speedup.count, "round")
    if fail_below is not None and fails_below(result.speedup, fail_below):
        shown = math.floor(result.speedup.interval.lower_bound * 1000) / 1000
        failures.append(
            f"--fail-below {fail_below:g}: {result.arm} is shown to be at least {shown:.3f}× as "
            f"fast as sequential over {rounds}; nothing more is certain"
            if shown > 0
            else f"--fail-below {fail_below:g}: {rounds} show nothing of {result.arm}; take more"
        )
    verdict = result.comparison.verdict
    if asserted is not None and fails_assertion(verdict, Finding(asserted.value)):
        failures.append(f"--assert {asserted}: {result.arm} is {verdict}")
    if failures:
        raise GateFailed("\n".join(failures))
