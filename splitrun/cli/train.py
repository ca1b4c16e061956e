"""`splitrun train`: run a spec."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.attempts import Attempts, Start
from splitrun.cli.options import (
    AllowCode,
    DataDir,
    Json,
    Overrides,
    RunsDir,
    Unproven,
    load_document,
    own_stdout,
    tell_warnings,
)
from splitrun.cli.output import echo, echo_json
from splitrun.cli.progress import Progress
from splitrun.cli.resume import is_override, own_document, point
from splitrun.cli.streams import printed
from splitrun.errors import UsageError

if TYPE_CHECKING:
    from splitrun.events import Sink
    from splitrun.session import Result


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
            "its newest checkpoint; its spec must have had `checkpoint`. SPEC and changes may be "
            "left out; those given must be the run's, but for supervision, checkpoint.keep, and "
            "runtime's type, checksums and memory_limit_mb.",
        ),
    ] = None,
    unproven: Unproven = False,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Train the spec's model and save it, with all there is to know of the run."""
    if resume is not None and unproven:
        raise UsageError("--unproven: a run that is resumed keeps its depth; leave it out")
    if resume is not None and spec is not None and is_override(spec):
        spec, overrides = None, [str(spec), *(overrides or ())]
    if spec is not None:
        document = load_document(spec, overrides, data_dir)
    elif resume is not None:
        document = own_document(resume, overrides)
    else:
        context.fail("Missing argument 'SPEC'.")
    if progress is not Progress.NONE:
        echo("loading data and models …", err=True)  # the imports below alone take seconds
    from splitrun.cli.download import show_download
    from splitrun.session import prepare, prepare_resume
    from splitrun.telemetry import load_sink

    def offer() -> list[Sink]:
        return [load_sink(name) for name in sink or ()]

    offered = offer()
    start = point(resume, document, spec) if resume else None
    if start and progress is not Progress.NONE:
        echo(f"going on with {resume}, {start.ended}, from step {start.step:,}", err=True)
    with own_stdout():
        with show_download(quiet=progress is Progress.NONE) as on_download:
            make_ready = (
                partial(prepare_resume, start)
                if start
                else partial(prepare, document, unproven=unproven)
            )
            experiment = make_ready(
                data_dir=data_dir, on_download=on_download, allow_code=allow_code
            )
        tell_warnings(experiment)
        if experiment.advice is not None:
            how = " by --unproven" if unproven else ""
            depth, reason = experiment.plan.depth, experiment.advice.reason
            echo(f"pipeline.depth: auto is {depth} here{how}: {reason}", err=True)
        result = Attempts(runs_dir, progress, offer).lead(Start(experiment, start, offered))
    with printed(Path(result.run_dir) / "manifest.json"):
        if json_output:
            echo_json(asdict(result))
        else:
            echo(summary(document.spec.name, result))


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
