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
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from splitrun import __version__
from splitrun.cli import (
    bench,
    certs,
    compare,
    examples,
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
from splitrun.cli.options import Quiet, for_example, with_quiet
from splitrun.cli.output import echo, quieted
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
    epilog="`splitrun COMMAND --help` has examples. Exit codes: 0 done; 1 the run failed; 2 the "
    "spec or the command line is wrong; 3 an optional package is missing; 4 a gate failed; 5 the "
    "result could not be printed; 130, 143 and 129 interrupted by Ctrl-C, SIGTERM and SIGHUP.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_EXAMPLES: Mapping[Callable[..., None], tuple[str, ...]] = {
    train.train: (
        "train quickstart.yaml pipeline.depth=8 links.default.latency_ms=50",
        "train --resume @last",
    ),
    party.party: (
        "party bank spec.yaml --listen 0.0.0.0:7000 --tls certs",
        "party partner spec.yaml --connect bank.example:7000 --tls certs",
    ),
    init.init: ("init bank=bank.csv partner=partner.csv --label churned",),
    runs.evaluate: ("eval @last", "eval @best:auroc --input june.csv"),
    predict.predict: (
        "predict @last --input new.csv -o answers.csv",
        "predict @last --input bank=bank.csv --input partner=partner.parquet",
    ),
    export.export: ("export @last -o model", "export @last --role bob.bottom -o bob.onnx"),
    specs.validate: ("validate quickstart.yaml", "validate quickstart.yaml --json"),
    specs.plan: ("plan quickstart.yaml pipeline.depth=8", "plan quickstart.yaml --probe"),
    compare.compare: (
        "compare quickstart.yaml --depths 2,4 --seeds 5",
        "compare @last @best:auroc",
    ),
    bench.bench: ("bench quickstart.yaml -P pipeline.depth=1,2,4,8 --repeats 5",),
    value.value: ("value spec.yaml --metric auroc",),
    ls.ls: ("ls --sort auroc --where pipeline.depth=4", "ls --csv --limit 20"),
    show.show: ("show @last",),
    remove.rm: ("rm 8796 @last --dry-run",),
    remove.prune: ("prune --keep-best 3 --by auroc --older-than 30d --dry-run",),
    runs.watch: ("watch @last", "watch @last --replay 10"),
    runs.trace: ("trace @last --steps 100:120 -o trace.json",),
    runs.report: ("report @last",),
    examples.examples: ("examples", "examples quickstart > quickstart.yaml"),
    specs.schema: ("schema > splitrun.schema.json",),
}
"""Of each command, command lines that make sense."""
_NAMES = {runs.evaluate: "eval"}
"""Of those that are not called as their functions are."""

for _command, _lines in _EXAMPLES.items():
    app.command(
        _NAMES.get(_command, _command.__name__),
        short_help=(_command.__doc__ or "").partition("\n")[0],
        epilog=for_example(*_lines),
    )(with_quiet(_command))
app.add_typer(certs.app, name="certs")


def _say_version(asked: bool) -> None:  # noqa: FBT001
    if asked:
        echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: bool = typer.Option(  # noqa: ARG001, FBT001
        False, "--version", "-V", help="Print the version.", callback=_say_version, is_eager=True
    ),
    quiet: Quiet = False,
) -> None:
    if quiet:
        context.with_resource(quieted())


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
