"""`splitrun train`: run a spec, attempt by attempt, or go on with a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli import completion
from splitrun.cli.data_lines import tell_data
from splitrun.cli.options import (
    AllowCode,
    DataDir,
    Json,
    Overrides,
    RunsDir,
    Unproven,
    asked,
    load_document,
    own_stdout,
    run_found,
    tell_warnings,
)
from splitrun.cli.output import LOADING, Phases, Progress, echo, echo_json, shown, tell, warn
from splitrun.cli.streams import printed
from splitrun.components import start_ahead
from splitrun.errors import UsageError
from splitrun.files import is_something

if TYPE_CHECKING:
    from splitrun.events import Sink
    from splitrun.records.data import DataSummary
    from splitrun.records.run import RunResult
    from splitrun.session import Experiment, Resume
    from splitrun.spec import Document


def train(
    context: typer.Context,
    spec: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPEC", help="The experiment, a YAML file.", autocompletion=completion.specs
        ),
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
            help="Also hand events to tensorboard, mlflow, or a sink of a package; repeatable.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            autocompletion=completion.runs,
            help="Go on with a run that was interrupted, killed or failed, in its directory, from "
            "its newest checkpoint; its spec must have had `checkpoint`. SPEC and changes may be "
            "left out; those given must be the run's, but for supervision, checkpoint.keep, "
            "parties.*.ray, and runtime's type, address, checksums and memory_limit_mb.",
        ),
    ] = None,
    unproven: Unproven = False,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Train the spec's model; save it with all there is to know."""
    phases = Phases(progress)
    phases.status("starting …")
    resume = resume and run_found(resume, runs_dir, "run")
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
    start_ahead(document.spec.runtime.type)
    phases.line(LOADING)  # the imports below alone take seconds
    from splitrun.cli.output import show_download
    from splitrun.session import prepare, prepare_resume, supervised
    from splitrun.session.attempts import Attempts, AttemptStart
    from splitrun.session.sinks import make_sinks

    def offer() -> list[Sink]:
        return make_sinks(document.spec.sinks, sink or ())

    offered = offer()
    start = point(resume, document, spec) if resume else None
    if start and progress is not Progress.NONE:
        tell(f"going on with {resume}, {start.ended}, from step {start.step:,}")
    with own_stdout():
        with show_download(quiet=progress is Progress.NONE) as on_download:
            make_ready = (
                partial(prepare_resume, start)
                if start
                else partial(prepare, document, unproven=unproven)
            )
            experiment = make_ready(
                data_dir=data_dir,
                on_download=on_download,
                allow_code=allow_code,
                tell=phases.status,
            )
        tell_prepared(experiment, progress)
        phases.status("building the models …")
        attempts = Attempts(
            *(experiment, runs_dir, partial(shown, progress), offer, warn, partial(echo, err=True)),
            asked(context, overrides),
        )
        policy = experiment.document.spec.supervision
        first = AttemptStart(experiment, start, offered)
        result = supervised(policy, attempts.run, first, attempts.next_start)
    with printed(Path(result.run_dir) / "manifest.json"):
        if json_output:
            echo_json(result.to_json() | {"data": experiment.data.to_json()})
        else:
            echo(summary(document.spec.name, result, experiment.data))


def tell_prepared(experiment: Experiment, progress: Progress) -> None:
    """Tell what is to be known of an experiment before it is trained."""
    tell_warnings(experiment)
    if progress is not Progress.NONE:
        tell_data(experiment.data)
    if experiment.advice is not None:
        how = " by --unproven" if experiment.unproven else ""
        depth, reason = experiment.plan.depth, experiment.advice.reason
        tell(f"pipeline.depth: auto is {depth} here{how}: {reason}")


def summary(name: str, result: RunResult, data: DataSummary) -> str:
    """What a finished run came to, for a person."""
    from splitrun.records.run import links_section
    from splitrun.units import SCREEN

    schedule = result.schedule + (f", depth {result.depth}" if result.depth > 1 else "")
    target = data.label.target
    unit = f", in variances of {data.label.column}" if target and target.standardised else ""
    steps = f"{result.steps:,} in {result.wall_s:.2f} s: {SCREEN.rate(result.samples_per_s)}"
    loss = SCREEN.value(result.train_loss)
    has_loss = result.train_loss is not None
    told = {
        "steps": steps,
        **({} if result.best_step is None else {"best": _best(result)}),
        **({"train": f"loss {loss} (last epoch{unit})"} if has_loss else {}),
        **{rows: SCREEN.metrics(metrics) for rows, metrics in result.metrics.items()},
        "weights": f"sha256 {result.weights_sha256[:16]}…",
        "run": result.run_dir,
    }
    width = max(map(len, told))
    lines = (f"  {label:<{width}}  {text}" for label, text in told.items())
    measured: list[str] = []
    if 0 < len(result.links) <= _MOST_LINKS:
        measured = ["measured before the run, for a spec:", links_section(result.links)]
    elif result.links:
        measured = [f"{len(result.links)} directions of links were measured; see manifest.json"]
    return "\n".join((f"{name}: {schedule}", *lines, *measured))


_MOST_LINKS = 8
"""That are shown, a line for each direction."""


def _best(result: RunResult) -> str:
    """Which weights a run that might stop early has ended with."""
    ended = "stopped early" if result.stopped_early else "did not stop early"
    return f"the weights of step {result.best_step:,}; {ended}"


def is_override(spec: Path) -> bool:
    """Whether what stands in a spec's place is a change to the run's own."""
    if "=" not in str(spec) and not str(spec).startswith("~"):
        return False
    return not is_something(spec)


def own_document(run: Path, overrides: list[str] | None) -> Document:
    """The spec of a run, with changes that it will be refused for if they change anything."""
    from splitrun.session import RunDirectory
    from splitrun.spec import load

    return load(RunDirectory.open(run).resolved, overrides or ())


def point(run: Path, document: Document, spec: Path | None) -> Resume:
    """Where the run goes on; the user is told what is odd about it.

    Args:
        spec: as given; what it names is looked up beside it.
    """
    from splitrun.session import accept, find_resume

    resume = accept(find_resume(run), document, document.directory if spec else None)
    for remark in resume.remarks:
        warn(remark)
    return resume
