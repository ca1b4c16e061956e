"""Which columns a dataset has and who gets which, told without torch, pandas or numpy."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from splitrun.data.sources import OnDownload, Opening
from splitrun.errors import Path as SpecPath
from splitrun.errors import Problem, SpecError
from splitrun.spec import Spec


def opening(
    spec: Spec,
    directory: Path,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
) -> Opening:
    """What a spec's source needs to know."""
    parties = tuple(name for name, party in spec.parties.items() if party.bottom)
    return Opening(parties, directory, data_dir, on_download)


def available_columns(spec: Spec, directory: Path, data_dir: Path | None = None) -> tuple[str, ...]:
    """The dataset's column names, the label's among them; of a file, only the header is read.

    Args:
        directory: where relative paths of the spec start.
        data_dir: where to look first for a published dataset; nothing is downloaded.

    Raises:
        DataError: the file is missing, damaged, or has no usable header.
    """
    return spec.dataset.open(opening(spec, directory, data_dir)).columns()


def fingerprint(spec: Spec, directory: Path) -> str:
    """What changes where the rows of a spec's dataset do, and the spec itself does not."""
    return spec.dataset.open(opening(spec, directory)).fingerprint()


def assigned_columns(spec: Spec) -> dict[str, tuple[str, ...]]:
    """The columns of each party that has a bottom: those it lists or, by default,
    those that the dataset has for it."""
    return {name: _columns_of(spec, name) for name, party in spec.parties.items() if party.bottom}


def column_problems(spec: Spec, columns: Sequence[str]) -> list[Problem]:
    """Everything wrong with the spec's use of these columns, the dataset's own."""
    return [*_dataset_problems(spec, columns), *_party_problems(spec, columns)]


def check_columns(spec: Spec, directory: Path, data_dir: Path | None = None) -> None:
    """Check what a spec says about its dataset's columns; of a file, only the header is read.

    Raises:
        SpecError: with every problem found.
        DataError: the file is missing, damaged, or has no usable header.
    """
    columns = available_columns(spec, directory, data_dir)
    if problems := column_problems(spec, columns):
        raise SpecError(problems)


def _columns_of(spec: Spec, name: str) -> tuple[str, ...]:
    return spec.parties[name].listed or spec.dataset.default_columns(name) or ()


def _dataset_problems(spec: Spec, columns: Sequence[str]) -> Iterator[Problem]:
    dataset = spec.dataset
    yield from dataset.problems(spec, ("dataset",))
    if dataset.label not in columns:
        yield _unknown(("dataset", "label"), dataset.label, columns)
    elif columns.count(dataset.label) > 1:
        yield _ambiguous(("dataset", "label"), dataset.label)
    for index, column in enumerate(dataset.read_as_categories):
        if column not in columns:
            yield _unknown(("dataset", "categorical", index), column, columns)


def _party_problems(spec: Spec, columns: Sequence[str]) -> Iterator[Problem]:
    by_default = {
        column: party
        for party, assigned in assigned_columns(spec).items()
        if not spec.parties[party].listed
        for column in assigned
    }
    if spec.dataset.label in by_default:
        what = f"{spec.dataset.label!r} is the name of a generated column"
        yield Problem(("dataset", "label"), what, "name the label otherwise")
    for name, party in spec.parties.items():
        for index, column in enumerate(party.listed):
            path = ("parties", name, "columns", index)
            if column == spec.dataset.label:
                yield Problem(path, f"{column!r} is the label", "take it off the columns")
            elif column not in columns:
                yield _unknown(path, column, columns)
            elif columns.count(column) > 1:
                yield _ambiguous(path, column)
            elif column in by_default:
                owner = by_default[column]
                remedy = f"list the columns of {owner}, too"
                yield Problem(path, f"{column!r} is {owner}'s by default", remedy)


def _unknown(path: SpecPath, column: str, columns: Sequence[str]) -> Problem:
    close = difflib.get_close_matches(column, columns, n=1, cutoff=0.6)
    shown = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
    remedy = f"did you mean {close[0]!r}?" if close else f"there are {shown}"
    return Problem(path, f"no column {column!r} in the data", remedy)


def _ambiguous(path: SpecPath, column: str) -> Problem:
    what = f"{column!r} names two columns in the data"
    return Problem(path, what, "give each a name of its own")
