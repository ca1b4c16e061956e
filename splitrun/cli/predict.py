"""`splitrun predict`, and what it shares with `splitrun eval`: files that are given in place of
those of the training, and files that predictions are written to."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from splitrun.cli.options import AllowCode, Json, RunDir, own_stdout
from splitrun.cli.output import Phases, echo, echo_json, followed
from splitrun.cli.streams import printed
from splitrun.errors import UsageError
from splitrun.files import is_directory, is_regular, is_something, replacing

if TYPE_CHECKING:
    from splitrun.data import Join
    from splitrun.session import Inputs, Predictions
    from splitrun.session.trained import Unseen

InputFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="[PARTY=]FILE",
        help="Rows that the model has not seen: one file for all parties or, where each had its "
        "own in the training, one for each.",
    ),
]
STDOUT = Path("-")
_SUFFIXES = ("", ".csv", ".txt", ".parquet")
_MOST_NAMED = 5


def predict(
    run_dir: RunDir,
    inputs: InputFiles = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where predictions are written: CSV, or Parquet if it ends in .parquet; - is "
            "stdout.",
        ),
    ] = STDOUT,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            help="Rows that are computed at once; default: 4096, as in the training, so that rows "
            "that were held out get the same bits again.",
        ),
    ] = None,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Tell what a run's saved model says of new rows.

    They need no labels, and may have more columns.
    """
    phases = Phases()
    phases.status("starting …")
    from splitrun.plan import EVALUATION_BATCH_ROWS
    from splitrun.session import predict as predict_rows

    given = parsed(inputs or ())
    if given is None:
        raise UsageError("no rows to predict; add --input FILE, or --input PARTY=FILE for each")
    if json_output and output == STDOUT:
        raise UsageError("--json: stdout carries the predictions; write these to a file with -o")
    _refuse_output(output, given, force=force)
    phases.status("predicting …")
    with own_stdout():
        batch_rows = batch_size or EVALUATION_BATCH_ROWS
        made = predict_rows(run_dir, given, batch_rows=batch_rows, allow_code=allow_code)
    if made.status != "done":
        echo(f"warning: the run is {made.status}; this is the model it has saved", err=True)
    tell_new(made.join, made.unseen)
    told = made.predictions
    write(told, output)
    rows, predicted = len(told.keys), len(told.values)
    if output == STDOUT:
        return
    with printed(output):
        if json_output:
            echo_json(
                {
                    "run_dir": str(run_dir),
                    "output": str(output),
                    "rows": rows,
                    "predicted": predicted,
                    "without_partner": rows - predicted,
                    "unseen": unseen_json(made.unseen),
                }
            )
        else:
            echo(f"{output}\n  rows     {rows:,}, {predicted:,} of them predicted")


def parsed(arguments: Sequence[str]) -> Inputs | None:
    """What `--input` says; None where it is not there.

    Raises:
        UsageError: a party, or what all share, has two files; or some are a party's and some not.
    """
    if not arguments:
        return None
    from splitrun.spec.section import PARTY_PATTERN

    files: dict[str, Path] = {}
    for argument in arguments:
        party, equals, path = argument.partition("=")
        if not (equals and re.match(PARTY_PATTERN, party)):
            party, path = "", argument
        if party in files:
            whose = f"{party} has two files" if party else "two files for all parties"
            raise UsageError(f"--input {argument}: {whose}; give one")
        if not path:
            raise UsageError(f"--input {argument}: names no file; give --input {argument}FILE")
        files[party] = Path(path)
    shared = files.pop("", None)
    if shared is None:
        return files
    if files:
        message = f"--input {shared}: a file for all parties beside one of {next(iter(files))}"
        raise UsageError(f"{message}; give one for all, or PARTY=FILE for each")
    return shared


def tell_new(join: Join | None, unseen: Unseen) -> None:
    """Tell how new rows were joined, and warn of words that no training row had, a line for each
    column."""
    from splitrun.cli.data_lines import join_line

    if join is not None:
        echo(join_line(join.record), err=True)
        for warning in join.warnings:
            echo(f"warning: {warning}", err=True)
    for party, columns in unseen.items():
        for each in columns:
            shown = ", ".join(repr(value) for value in each.values[:_MOST_NAMED])
            shown += ", …" if len(each.values) > _MOST_NAMED else ""
            what = f"{party}'s {each.column} is {shown} in {each.rows:,} row(s)"
            echo(f"warning: {what}, which no training row had; all such are one to it", err=True)


def unseen_json(unseen: Unseen) -> dict[str, dict[str, object]]:
    """The same for a program, by party and column."""
    return {
        party: {
            each.column: {"rows": each.rows, "values": each.values[:_MOST_NAMED]}
            for each in columns
        }
        for party, columns in unseen.items()
    }


def write(predictions: Predictions, path: Path) -> None:
    """Write predictions as CSV, or as Parquet where the file's name ends so; another file of this
    name is replaced once all is written.

    Raises:
        UsageError: it cannot be written.
    """
    if path == STDOUT:
        for text in _csv(predictions):
            if sys.stdout.isatty():
                echo(text, nl=False)
            else:
                sys.stdout.write(text)
        return
    target = followed(path)
    try:
        if is_directory(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with replacing(target) as file:
            if target.suffix == ".parquet":
                _write_parquet(predictions, file)
            else:
                file.writelines(text.encode() for text in _csv(predictions))
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror}"
        raise UsageError(f"{message}; name a file in a directory that exists") from error


def _csv(predictions: Predictions) -> Iterator[str]:
    """The text, header first, in pieces."""
    from splitrun.session.predictions import CHUNK_ROWS
    from splitrun.units import csv_cell

    rows = predictions.rows()
    chunk: Sequence[Sequence[object]] = [predictions.header]
    while chunk:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([csv_cell(cell) for cell in row] for row in chunk)
        yield text.getvalue()
        chunk = list(islice(rows, CHUNK_ROWS))


def _write_parquet(predictions: Predictions, file: BinaryIO) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    from splitrun.session.predictions import CHUNK_ROWS

    of = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    kinds = [of[kind] for kind in predictions.types]
    schema = pa.schema(list(zip(predictions.header, kinds, strict=True)))
    rows = predictions.rows()
    with parquet.ParquetWriter(file, schema) as writer:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            columns = zip(*chunk, strict=True)
            arrays = [pa.array(cells, kind) for cells, kind in zip(columns, kinds, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _refuse_output(path: Path, inputs: Inputs, *, force: bool) -> None:
    """Refuse, before anything is computed, a file that predictions are not to be written to.

    Raises:
        UsageError: it is there already, is one of the inputs, or of another kind.
    """
    if path == STDOUT:
        return
    if path.suffix not in _SUFFIXES:
        message = f"{path}: predictions are written as CSV or Parquet"
        raise UsageError(f"{message}; end its name in .csv or .parquet")
    given = [inputs] if isinstance(inputs, Path) else inputs.values()
    if any(path.resolve() == each.resolve() for each in given):
        raise UsageError(f"{path}: holds the new rows themselves; name another file with -o")
    if not is_directory(path.parent):
        message = f"{path}: cannot be written: {os.strerror(errno.ENOENT)}"
        raise UsageError(f"{message}; name a file in a directory that exists")
    if is_something(path) and not is_regular(path):
        raise UsageError(f"{path}: is no file; name one with -o, or leave it out for stdout")
    if is_something(path) and not force:
        raise UsageError(f"{path}: is there already; add --force to replace it, or name another")
