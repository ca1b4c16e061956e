"""`splitrun value`: what do the partners' data bring, and what do they take?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.options import (
    AllowCode,
    DataDir,
    Jobs,
    Json,
    On,
    Overrides,
    RunsDir,
    SpecFile,
    asked,
    load_judged,
    note_no_faults,
    own_stdout,
    tell_warnings,
)
from splitrun.cli.output import LOADING, Phases, Progress, echo_json
from splitrun.cli.study import deliver_study
from splitrun.components import start_ahead
from splitrun.units import SCREEN, within

if TYPE_CHECKING:
    from rich.table import Table

    from splitrun.records.comparison import MeanRecord
    from splitrun.records.value import ValueRecord

_NO_TERMINAL = 100
"""Columns of the table where no screen has another number of them."""


def value(
    context: typer.Context,
    spec: SpecFile,
    overrides: Overrides = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", min=1, help="Trainings with all parties, and without each; 3 or more tell."
        ),
    ] = 5,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Permutations of every column, for each seed.")
    ] = 5,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="What gains are of; default: the first of training.metrics.",
        ),
    ] = None,
    jobs: Jobs = None,
    on: On = None,
    runs_dir: RunsDir = Path("runs"),
    data_dir: DataDir = None,
    progress: Annotated[
        Progress, typer.Option("--progress", help="auto: a status on a terminal, else plain lines.")
    ] = Progress.AUTO,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Tell what each partner's data bring: with and without it, column by column, at which cost.

    Models are trained with all parties and without each, on the same rows at the same seeds.
    """
    phases = Phases(progress)
    phases.status("starting …")
    document = load_judged(spec, overrides, data_dir, metric)
    typed = asked(context, overrides)
    note_no_faults(document)
    start_ahead("ray" if on else "processes" if (jobs or 1) > 1 else "serial")
    phases.line(LOADING)  # the imports below alone take seconds
    from splitrun.cli.output import show_download
    from splitrun.cli.screens import screen_for
    from splitrun.session import prepare
    from splitrun.study.directory import VALUATION, keep, study_directory
    from splitrun.study.executors import executor_of
    from splitrun.study.value import ValueSettings, line_up
    from splitrun.study.value import value as value_parties

    settings = ValueSettings(seeds, repeats)
    executor = executor_of(document.spec, jobs, on, data_dir, allow_code=allow_code)
    with own_stdout():
        with show_download(quiet=progress is Progress.NONE) as on_download:
            experiment = prepare(
                document,
                data_dir=data_dir,
                on_download=on_download,
                probe=True,
                allow_code=allow_code,
                tell=phases.status,
            )
        tell_warnings(experiment)
        document = experiment.document  # its depth is known now
        with document.located():
            arms = line_up(experiment)
        with study_directory(runs_dir, document, VALUATION, typed) as directory:
            with screen_for(progress) as screen:
                found = value_parties(
                    *(arms, settings, metric, directory.path, screen.phase), executor
                )
            record = keep(directory, document, VALUATION, settings, found, typed)
    deliver_study(
        directory.path / VALUATION.file,
        lambda: echo_json(record.to_json()) if json_output else _show(record),
        names_page=not json_output,
    )


def _show(record: ValueRecord) -> None:
    """Print a valuation for a person."""
    from splitrun.cli.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=_NO_TERMINAL)
    console.print(_table(record))
    console.print()
    rows = f"{record.evaluated_rows:,} {record.decided_on} rows"
    seeds = SCREEN.plural(int(record.settings["seeds"]), "seed")
    lines = (
        f"{record.metric} {SCREEN.value(record.with_all.mean)} with all parties, on {rows}; "
        f"{seeds}; [] are 95 % intervals",
        *(it.verdict for it in record.partners),
    )
    for line in lines:
        console.say(line)


def _table(record: ValueRecord) -> Table:
    """A row for each party, and below it one for each of its columns."""
    from rich import box
    from rich.table import Column, Table

    table = Table(
        Column("party, column", no_wrap=True),
        *(
            Column(head, justify="right", no_wrap=True)
            for head in (f"gain in {record.metric}", "over permuted")
        ),
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    for it in record.parties:
        table.add_row(it.party, _estimate(it.gain), _estimate(it.importance))
        for name, each in sorted(it.columns.items(), key=lambda column: -(column[1].mean or 0)):
            table.add_row(f"  {name}", "", _estimate(each))
    return table


def _estimate(record: MeanRecord | None) -> str:
    if record is None:
        return SCREEN.unknown
    return f"{SCREEN.change(record.mean)} {within(record.ci95, '.4f')}".strip()
