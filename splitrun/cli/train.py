"""`splitrun train`: run a spec."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.options import (
    DataDir,
    Json,
    Overrides,
    RunsDir,
    load_document,
    own_stdout,
)
from splitrun.cli.resume import is_override, own_document, point

if TYPE_CHECKING:
    from splitrun.events import Sink
    from splitrun.session import Result


class Progress(StrEnum):
    """How a run shows that it is getting on."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    NONE = "none"


def train(
    context: typer.Context,
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="The experiment, a YAML file.")
    ] = None,
    overrides: Overrides = None,
    runs_dir: RunsDir = Path("runs"),
    data_dir: DataDir = None,
    progress: Annotated[
        Progress,
        typer.Option("--progress", help="auto: the dashboard on a terminal, else plain lines."),
    ] = Progress.AUTO,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            "--sink",
            metavar="NAME",
            help="Also hand events to tensorboard, or to a sink that a package offers; repeatable.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Go on with a run that was interrupted, killed or failed, in its directory, from "
            "its newest checkpoint. A SPEC has to be the run's own.",
        ),
    ] = None,
    json_output: Json = False,
) -> None:
    """Train the spec's model and save it, with all there is to know of the run."""
    if resume is not None and spec is not None and is_override(spec):
        spec, overrides = None, [str(spec), *(overrides or ())]
    if spec is not None:
        document = load_document(spec, overrides, data_dir)
    elif resume is not None:
        document = own_document(resume, overrides)
    else:
        context.fail("Missing argument 'SPEC'.")
    if progress is not Progress.NONE:
        typer.echo("loading data and models …", err=True)  # the imports below alone take seconds
    from splitrun.cli.download import show_download
    from splitrun.session import prepare, prepare_resume
    from splitrun.session import train as train_experiment
    from splitrun.telemetry import JsonLines, Sampler, load_sink

    offered = [load_sink(name) for name in sink or ()]
    start = point(resume, document) if resume else None
    if start and progress is not Progress.NONE:
        typer.echo(f"going on with {resume} from step {start.step:,}", err=True)
    with own_stdout():
        with show_download(quiet=progress is Progress.NONE) as on_download:
            experiment = (
                prepare_resume(start, data_dir=data_dir, on_download=on_download)
                if start
                else prepare(document, data_dir=data_dir, on_download=on_download)
            )
        if experiment.advice is not None:
            depth, reason = experiment.plan.depth, experiment.advice.reason
            typer.echo(f"pipeline.depth: auto is {depth} here: {reason}", err=True)
        roles = [role.name for role in experiment.plan.roles]
        sampler = partial(Sampler, roles=roles)
        with _sinks(progress) as sinks:
            every: list[Sink] = [JsonLines(), *offered, *sinks]
            result = train_experiment(experiment, runs_dir, every, [sampler], start)
    if json_output:
        typer.echo(json.dumps(asdict(result)))
    else:
        typer.echo(summary(document.spec.name, result))


@contextmanager
def _sinks(progress: Progress) -> Iterator[list[Sink]]:
    from rich.console import Console

    from splitrun.dashboard import Dashboard, PlainLines, ProgressBar

    console = Console(stderr=True)
    if progress is Progress.AUTO and console.is_terminal and not console.is_dumb_terminal:
        with Dashboard(console) as dashboard:
            yield [dashboard]
    elif progress is Progress.BAR:
        yield [ProgressBar(console)]
    elif progress is Progress.NONE:
        yield []
    else:
        yield [PlainLines(sys.stderr)]


def summary(name: str, result: Result) -> str:
    """What a finished run came to, for a person."""
    from splitrun.dashboard import metrics_text

    schedule = result.schedule + (f", depth {result.depth}" if result.depth > 1 else "")
    lines = [
        f"{name}: {schedule}",
        f"  steps    {result.steps:,} in {result.wall_s:.2f} s: "
        f"{result.samples_per_s:,.0f} samples/s",
        f"  train    loss {result.train_loss:.4f} (last epoch)",
    ]
    for split, metrics in result.metrics.items():
        lines.append(f"  {split:<7}  {metrics_text(metrics)}")
    lines += [f"  weights  sha256 {result.weights_sha256[:16]}…", f"  run      {result.run_dir}"]
    return "\n".join(lines)
