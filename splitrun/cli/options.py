"""Arguments and options that several commands share."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.models import ArgumentInfo

from splitrun.cli import completion
from splitrun.cli.output import Progress, is_quiet, note, quieted, warn
from splitrun.errors import UsageError
from splitrun.files import is_something, why_odd

if TYPE_CHECKING:
    from splitrun.catalogue.entry import Kind
    from splitrun.records.run import Invocation
    from splitrun.session import Experiment
    from splitrun.spec import Document

SpecFile = Annotated[
    Path,
    typer.Argument(
        metavar="SPEC", help="The experiment, a YAML file.", autocompletion=completion.specs
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Changes to the spec, e.g. pipeline.depth=8 training.epochs=2; ~links deletes a key.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where a public dataset's file, such as bank.csv, is looked up first; then come "
        "$SPLITRUN_DATA_DIR and the cache, and if none has it, it is downloaded.",
    ),
]


def _refuse_odd(directory: Path) -> Path:
    """Before anything is loaded: what a run writes tells of its directories.

    Raises:
        UsageError: its name is not UTF-8, or has control characters.
    """
    if why := why_odd(directory):
        raise UsageError(f"{directory.absolute()}: {why}; rename it, or name another")
    return directory


RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", help="Where the directory of the run is made.", callback=_refuse_odd
    ),
]
LookedIn = Annotated[
    Path, typer.Option("--runs-dir", help="Where runs are looked up, and names of them.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Only those of which it holds, such as pipeline.depth=4, auroc>0.9, status!=done or "
        "age<30d; repeatable.",
    ),
]


ADDRESS = "A run: its directory, any part of its name, @last, or @best:METRIC such as @best:auroc."


def run_argument(*kinds: Kind) -> ArgumentInfo:
    """An argument that is a run's directory or addresses one under runs/.

    Args:
        kinds: what may be meant; default: anything that `splitrun ls` lists.
    """

    def locate(path: Path) -> Path:
        return run_found(path, Path("runs"), *kinds)

    argument: ArgumentInfo = typer.Argument(
        metavar="RUN", help=ADDRESS, callback=locate, autocompletion=completion.runs
    )
    return argument


def run_found(path: Path, runs_dir: Path, *kinds: Kind) -> Path:
    """The directory that a path is, or that it addresses.

    Args:
        runs_dir: where names are looked up.
        kinds: what may be meant by a name; default: anything.
    """
    if is_something(path):
        return path
    from splitrun.catalogue.address import located

    return located(str(path), runs_dir, kinds)


RunDir = Annotated[Path, run_argument("run")]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Import and run the classes that the spec names; without it, they are refused.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        metavar="N",
        help="Whole trainings at once, each in a process of its own, with the same figures; what "
        "is timed is timed alone, after them.",
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="ray[:ADDRESS]",
        help="Run whole trainings on a Ray cluster, as many at once as it has cores for, or "
        "--jobs; ADDRESS: auto or HOST:PORT.",
    ),
]
Unproven = Annotated[
    bool,
    typer.Option(
        "--unproven",
        help="Take the faster of what is advised, though nobody has shown it to be as accurate.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Show no progress and say no notes; warnings and errors are said."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def for_example(*lines: str) -> str:
    """What the help of a command ends with.

    Args:
        lines: command lines, without the program's name.
    """
    unwrapped = "\b\n"  # says so to Click
    return unwrapped + "\n".join(("For example:", *(f"  splitrun {line}" for line in lines)))


def with_quiet(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option of its own that keeps it quiet, as `splitrun -q` does."""

    @wraps(command)
    def quietable(*, quiet: bool, **given: Any) -> None:
        with quieted() if quiet else contextlib.nullcontext():
            if is_quiet() and given.get("progress") is Progress.AUTO:
                given["progress"] = Progress.NONE
            command(**given)

    signature = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    option = inspect.Parameter("quiet", keyword, default=False, annotation=Quiet)
    quietable.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), option]
    )
    quietable.__annotations__ = {**command.__annotations__, "quiet": Quiet}
    return quietable


def asked(context: typer.Context, overrides: Sequence[str] | None) -> Invocation:
    """What was typed, for the records of what it starts."""
    from splitrun.records.run import Invocation

    return Invocation(command=tuple(context.obj or ()), overrides=tuple(overrides or ()))


def own_stdout() -> AbstractContextManager[object]:
    """While this lasts, what a user's module prints goes to stderr: stdout is for the result."""
    return contextlib.redirect_stdout(sys.stderr)


def load_document(spec: Path, overrides: list[str] | None, data_dir: Path | None) -> Document:
    """The spec with its overrides, and its columns checked; warnings go to stderr."""
    return checked(spec, overrides, data_dir, warn)


def checked(
    spec: Path,
    overrides: list[str] | None,
    data_dir: Path | None,
    tell: Callable[[str], object] = lambda _: None,
) -> Document:
    """The spec with its overrides, and its columns checked.

    Args:
        tell: told the warnings, before the columns are looked at.
    """
    from splitrun.data import check_columns
    from splitrun.spec import load

    _refuse_odd(spec.parent)
    document = load(spec, overrides or ())
    for warning in document.warnings:
        tell(warning)
    with document.located():
        check_columns(document.spec, document.directory, data_dir)
    return document


def load_judged(
    spec: Path, overrides: list[str] | None, data_dir: Path | None, metric: str | None
) -> Document:
    """The spec with its overrides, and with this metric alone, if it is one that has a name of its
    own; a class of the spec's is found among its metrics."""
    from splitrun.spec import judged_by, load

    if metric is not None and (judged := judged_by(load(spec, overrides or ()).spec, metric)):
        overrides = [*(overrides or ()), judged]
    return load_document(spec, overrides, data_dir)


def tell_warnings(experiment: Experiment) -> None:
    """Tell what has no effect or is odd, as one sees only by the data."""
    for warning in experiment.warnings:
        warn(warning)


def note_early_end(document: Document) -> None:
    """Tell whoever has the learning rate fall until a last step that the run may end before it."""
    training = document.spec.training
    if training.early_stopping is not None and training.lr_schedule.spans_run:
        note(
            "training.lr_schedule is laid out over all of training.epochs, and a run that stops "
            "early ends on its way"
        )


def note_no_faults(document: Document) -> None:
    """Tell whoever measures a spec with faults that none of them happens."""
    if document.spec.faults:
        note("faults happen in `splitrun train` alone, so none does here")
