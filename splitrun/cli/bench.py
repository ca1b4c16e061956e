"""`splitrun bench`: how fast is it, over a grid of settings, and does it stay so?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from splitrun.cli.options import (
    AllowCode,
    DataDir,
    Json,
    Overrides,
    RunsDir,
    SpecFile,
    Unproven,
    asked,
    load_document,
    note_no_faults,
    own_stdout,
    tell_warnings,
)
from splitrun.cli.output import LOADING, Phases, Progress, echo_json, note, warn
from splitrun.cli.streams import deliver
from splitrun.components import start_ahead
from splitrun.errors import GateFailed, SplitrunError, UsageError
from splitrun.lock import locked

if TYPE_CHECKING:
    from splitrun.spec import Document
    from splitrun.study.bench.grid import Axis
    from splitrun.study.bench.result import Results
    from splitrun.study.bench.soak import Soaked
    from splitrun.study.bench.store import BenchDirectory, Report
    from splitrun.study.bench.sweep import Bench, BenchCell


class Preset(StrEnum):
    """What a bench can be about."""

    SCALE = "scale"
    DEPTH = "depth"
    BATCH = "batch"
    SOAK = "soak"
    """No grid: one long run."""


_MINUTES = 10.0
"""Minutes of a soak, unless others are asked for."""


def bench(
    context: typer.Context,
    spec: SpecFile,
    overrides: Overrides = None,
    varied: Annotated[
        list[str] | None,
        typer.Option("-P", metavar="KEY=VALUE,…", help="An axis of the grid; repeatable."),
    ] = None,
    preset: Annotated[
        Preset | None,
        typer.Option("--preset", help="Axes that are often wanted; soak: one long run instead."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="KEY=VALUE,…",
            help="Speedups are against the cell that differs in these alone. Default: "
            "pipeline=sequential or pipeline.depth=1 where that is swept, else the first cell.",
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option("--repeats", min=1, help="Trials of a cell; default: until it is precise."),
    ] = None,
    budget: Annotated[
        float,
        typer.Option("--budget", metavar="SECONDS", help="Time for a cell's trials, at most."),
    ] = 10.0,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="How long a soak lasts; default: 10.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Steps of a soak at least, instead of minutes."),
    ] = None,
    exports: Annotated[
        list[Path] | None,
        typer.Option("--export", metavar="FILE", help="Write .json, .csv or .md; repeatable."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what is measured already.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            metavar="N",
            help="With --on ray, so many cells at once, at most. Cells are timed, so here they "
            "run one after another, whatever N is.",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="ray[:ADDRESS]",
            help="Time cells on a Ray cluster, each alone on a node; ADDRESS: auto or HOST:PORT.",
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    data_dir: DataDir = None,
    progress: Annotated[
        Progress, typer.Option("--progress", help="auto: a table on a terminal, else plain lines.")
    ] = Progress.AUTO,
    unproven: Unproven = False,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Measure how fast the experiment runs, in every cell of a grid.

    Each cell is written down as it finishes: the same command, started again, goes on from there.
    """
    phases = Phases(progress)
    phases.status("starting …")
    for value, option in ((budget, "--budget"), (minutes, "--minutes")):
        if value is not None and not 0 < value < math.inf:
            raise typer.BadParameter("must be a positive number", param_hint=option)
    if preset is Preset.SOAK:
        of_grids = {"-P": varied, "--baseline": baseline, "--repeats": repeats}
        of_grids |= {"--fresh": fresh, "--jobs": jobs, "--on": on}
        _refuse(of_grids, "is for a grid, and a soak is one run")
    else:
        _refuse({"--minutes": minutes, "--steps": steps}, "is for --preset soak")
    typed = asked(context, overrides)
    document = load_document(spec, overrides, data_dir)
    note_no_faults(document)
    start_ahead("ray" if on else document.spec.runtime.type)
    if jobs is not None and on is None:
        note("--jobs: cells are timed, and run one after another here; --on ray times one per node")
    phases.line(LOADING)  # the imports below alone take seconds
    from splitrun.study.bench.measure import BenchSettings
    from splitrun.study.bench.store import BenchDirectory, check_export
    from splitrun.study.bench.sweep import Bench, line_up

    for file in exports or ():
        check_export(file)
    if preset is Preset.SOAK:
        directory = BenchDirectory.create(runs_dir, document, (), typed)
        with locked(directory.path):
            soaked = _soaked(
                _Soak(document, data_dir, unproven, allow_code),
                directory,
                minutes or _MINUTES,
                steps,
                progress,
            )
        _export(soaked.report, exports)
        shown = partial(_show, soaked.report, as_json=json_output)
        deliver(shown, directory.path / "soak.json", partial(_judge_soak, soaked))
        return
    axes, compared = _axes(document, varied or (), preset, baseline)
    cells = line_up(spec, overrides or (), axes, data_dir)
    _refuse_unproven(cells, unproven=unproven)
    if on is not None:
        _refuse_nested(cells)
    directory = BenchDirectory.create(runs_dir, document, axes, typed)
    settings = BenchSettings(repeats, budget, unproven)
    grid = Bench(document, axes, compared, cells, settings, directory, data_dir, allow_code)
    with locked(directory.path):
        if fresh:
            directory.clear()
        results = _swept(grid, on, jobs, progress)
    report = results.report()
    _export(report, exports)
    shown = partial(_show, report, as_json=json_output)
    deliver(shown, directory.path / "bench.json", partial(_judge, results))


def _judge_soak(soaked: Soaked) -> None:
    if not soaked.steadiness.stable:
        raise GateFailed(soaked.steadiness.verdict)


def _judge(results: Results) -> None:
    if failed := sum(cell.failed for cell in results.cells):
        raise SplitrunError(f"{failed} of {len(results.cells)} cells failed")


def _refuse(options: Mapping[str, object], reason: str) -> None:
    for option, value in options.items():
        if value:
            raise UsageError(f"{option}: {reason}; leave it out")


def _axes(
    document: Document, varied: Sequence[str], preset: Preset | None, baseline: str | None
) -> tuple[tuple[Axis, ...], Mapping[str, str]]:
    """The grid's axes, and what its cells are compared with."""
    from splitrun.study.bench.grid import (
        combined,
        default_baseline,
        parse_axis,
        parse_baseline,
        preset_axes,
    )

    wanted: tuple[Axis, ...] = ()
    if preset is not None and preset is not Preset.SOAK:
        wanted = preset_axes(preset.value, document.spec)
    axes = combined(wanted, [parse_axis(argument) for argument in varied])
    return axes, parse_baseline(baseline, axes) if baseline else default_baseline(axes)


def _swept(grid: Bench, on: str | None, jobs: int | None, progress: Progress) -> Results:
    from splitrun.cli.bench_progress import BenchProgress
    from splitrun.cli.output import show_download
    from splitrun.cli.screens import screen_for
    from splitrun.study.bench.sweep import OneByOne, Timer, sweep, warnings_of

    for warning in warnings_of(grid.cells):
        if warning not in grid.document.warnings:
            warn(warning)
    with ExitStack() as stack:
        stack.enter_context(own_stdout())
        on_download = stack.enter_context(show_download(quiet=progress is Progress.NONE))
        timer: Timer = OneByOne(on_download)
        if on is not None:
            from splitrun.study.bench.on_ray import nodes_of
            from splitrun.study.executors import cluster_address
            from splitrun.study.executors.ray_task import Place

            data_dir = grid.data_dir.absolute() if grid.data_dir else None
            place = Place(cluster_address(on), data_dir, grid.allow_code)
            timer = stack.enter_context(nodes_of(place, grid.document.directory, jobs, note))
        screen = stack.enter_context(screen_for(progress))
        values = [cell.labels for cell in grid.cells]
        shown = BenchProgress(screen, values, grid.settings.budget_s, at_once=timer.at_once)
        results = sweep(grid, shown, timer)
    if all(cell.measured is None and not cell.failed for cell in results.cells):
        raise UsageError("\n".join(["none of the cells can be run", *results.problems]))
    return results


def _refuse_unproven(cells: Sequence[BenchCell], *, unproven: bool) -> None:
    from splitrun.session import is_advised

    if unproven and not any(cell.document and is_advised(cell.document.spec) for cell in cells):
        raise UsageError("--unproven: no cell has pipeline.depth=auto; leave it out")


def _refuse_nested(cells: Sequence[BenchCell]) -> None:
    from splitrun.study.executors import refuse_nested

    for cell in cells:
        if cell.document is not None:
            refuse_nested(cell.document.spec)


class _Soak(NamedTuple):
    """What is run."""

    document: Document
    data_dir: Path | None
    unproven: bool
    allow_code: bool


def _soaked(
    what: _Soak,
    directory: BenchDirectory,
    minutes: float,
    steps: int | None,
    progress: Progress,
) -> Soaked:
    from splitrun.cli.output import show_download
    from splitrun.cli.screens import LineScreen, Screen, soak_progress
    from splitrun.session import prepare
    from splitrun.study.bench.soak import soak

    quiet = progress is Progress.NONE
    with own_stdout():
        with show_download(quiet=quiet) as on_download:
            experiment = prepare(
                what.document,
                data_dir=what.data_dir,
                on_download=on_download,
                unproven=what.unproven,
                allow_code=what.allow_code,
                tell=Phases(progress).status,
            )
        tell_warnings(experiment)
        screen = Screen() if progress is Progress.NONE else LineScreen()
        return soak(experiment, directory, 60 * minutes, steps, soak_progress(screen))


def _export(report: Report, exports: Sequence[Path] | None) -> None:
    from splitrun.study.bench.store import export

    for file in exports or ():
        export(file, report)


def _show(report: Report, *, as_json: bool) -> None:
    from splitrun.cli.screens import print_report

    if as_json:
        echo_json(report.record.to_json())
    else:
        print_report(report)
