"""`splitrun`: the commands, and how errors become messages and exit codes.

Exit codes: 0 done; 1 the run failed; 2 the spec or the command line is wrong; 3 an
optional package is missing; 4 a gate failed; 5 the result could not be printed; 130, 143 and 129
interrupted by Ctrl-C, SIGTERM and SIGHUP.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from splitrun import __version__
from splitrun.cli import (
    bench,
    certs,
    compare,
    export,
    init,
    ls,
    party,
    predict,
    remove,
    runs,
    show,
    specs,
    streams,
    train,
    value,
)
from splitrun.cli.output import echo
from splitrun.errors import Interrupted, SplitrunError, UsageError
from splitrun.interrupts import interrupted, let_go, listening, stopped_by
from splitrun.units import plain


class _Commands(TyperGroup):
    """The commands; while one is loading, a signal interrupts it as it does a run."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the arguments up to the command's name."""
        with _said(), _told_plainly():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> object:
        """Run the command that the arguments name."""
        with _said(), _told_plainly():
            return super().invoke(ctx)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """An interrupt is an error like others, before Typer takes it for one of its own."""
    try:
        yield
    except KeyboardInterrupt as error:
        number = stopped_by(error)
        raise Interrupted(interrupted(number), number) from error


@contextlib.contextmanager
def _told_plainly() -> Iterator[None]:
    """What is wrong with a command line is told without what a terminal takes for commands."""
    try:
        yield
    except Exception as error:
        message = getattr(error, "message", None)
        if isinstance(message, str):
            error.message = plain(message)  # type: ignore[attr-defined]
        raise


app = typer.Typer(
    cls=_Commands,
    name="splitrun",
    help="Vertical split learning with pipeline parallelism, from a YAML spec.",
    epilog="Exit codes: 0 done; 1 the run failed; 2 the spec or the command line is wrong; 3 an "
    "optional package is missing; 4 a gate failed; 5 the result could not be printed; 130, 143 "
    "and 129 interrupted by Ctrl-C, SIGTERM and SIGHUP.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("party")(party.party)
app.command("init")(init.init)
app.command("eval")(runs.evaluate)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("validate")(specs.validate)
app.command("plan")(specs.plan)
app.command("compare")(compare.compare)
app.command("bench")(bench.bench)
app.command("value")(value.value)
app.command("ls")(ls.ls)
app.command("show")(show.show)
app.command("rm")(remove.rm)
app.command("prune")(remove.prune)
app.command("watch")(runs.watch)
app.command("trace")(runs.trace)
app.command("report")(runs.report)
app.command("schema")(specs.schema)
app.add_typer(certs.app, name="certs")


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version."),  # noqa: FBT001
) -> None:
    if version:
        echo(__version__)
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command line; gives its exit code. Messages for a person go to stderr."""
    with streams.unnoticed(), listening() as interrupts:
        try:
            with _said(), streams.guarded():
                return _code(arguments)
        except SplitrunError as error:
            interrupts.end()
            _tell(error)
            return error.exit_code


def _code(arguments: Sequence[str]) -> int:
    try:
        _refuse_odd(arguments)
        app(list(arguments), prog_name="splitrun", obj=tuple(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _tell(error: SplitrunError) -> None:
    if isinstance(error, Interrupted) and sys.stderr.isatty():
        typer.echo("\r", nl=False, err=True)  # noqa: TID251 - over the terminal's ^C
    for line in (str(error), *getattr(error, "__notes__", ())):
        echo(line, err=True)


def _refuse_odd(arguments: Sequence[str]) -> None:
    """Refuse what is not UTF-8: it could stand in no file and on no page.

    Raises:
        UsageError: naming the argument.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{argument}: not UTF-8; rename the file or directory") from error


def main() -> None:
    """The console script."""
    streams.open_closed()
    code = run(sys.argv[1:])
    let_go()
    streams.let_go()
    gc.freeze()  # else the interpreter's last collection walks all of PyTorch, for seconds
    if any(thread.daemon for thread in threading.enumerate()):
        # Left behind in code that does not come back. The interpreter would end under its feet,
        # which crashes in PyTorch.
        os._exit(code)
    sys.exit(code)
