"""Files that a trained model is given in place of those it was trained on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from splitrun.data import (
    NewRows,
    PartyEncoder,
    available_columns,
    columns_of_model,
    key_columns,
    refuse_missing_columns,
)
from splitrun.data.sources.files import CsvDataset
from splitrun.errors import DataError, UsageError
from splitrun.files import located
from splitrun.spec import Spec, has_own_files, reading_of
from splitrun.spec.wording import closest

Inputs = Path | Mapping[str, Path]
"""One file for all parties, or a file for each, by party; relative paths start at the working
directory."""


def with_inputs(spec: Spec, inputs: Inputs, directory: Path) -> Spec:
    """The spec with these files in the place of its own.

    Rows that a published dataset or a generator made are new in a file, too: it is read as CSV.

    Args:
        directory: where relative paths of the spec start.

    Raises:
        UsageError: a party without a file, a file without a party, or a file for each where the
            training had one for all, or the other way round.
    """
    if has_own_files(spec):
        return _with_one_for_each(spec, inputs, directory)
    if not isinstance(inputs, Path):
        message = f"--input {next(iter(inputs), '')}=…: the model was trained on one file for all"
        raise UsageError(f"{message} parties; give one, as --input FILE")
    dataset = spec.dataset
    if not dataset.own_files:
        reading = dataset.reading_keys.model_dump()
        weight = dataset.weight
        dataset = CsvDataset(type="csv", label=dataset.label, weight=weight, **reading)
    update = {"path": str(inputs.absolute()), "test_path": None}
    return spec.model_copy(update={"dataset": dataset.model_copy(update=update)})


def _with_one_for_each(spec: Spec, inputs: Inputs, directory: Path) -> Spec:
    if isinstance(inputs, Path):
        given = " ".join(f"--input {party}=FILE" for party in spec.parties)
        message = f"--input {inputs}: each party had a file of its own in the training"
        raise UsageError(f"{message}; give {given}")
    for party in inputs:
        if party not in spec.parties:
            near = closest(party, spec.parties) or next(iter(spec.parties))
            message = f"--input {party}={inputs[party]}: no party is called {party!r}"
            raise UsageError(f"{message}; did you mean --input {near}=…?")
    parties = {}
    for name, section in spec.parties.items():
        if name not in inputs:
            known = shlex.quote(f"{name}={located(section.path or '', directory)}")
            remedy = f"add --input {name}=FILE or, for the file of the training, --input {known}"
            raise UsageError(f"no file of {name}; {remedy}")
        update = {"path": str(inputs[name].absolute()), "test_path": None}
        parties[name] = section.model_copy(update=update)
    return spec.model_copy(update={"parties": parties})


def refuse_other_columns(
    spec: Spec,
    inputs: Inputs,
    directory: Path,
    encoders: Mapping[str, PartyEncoder],
    new_rows: NewRows,
) -> None:
    """Refuse files without some column that the model was trained on.

    Args:
        spec: with the files.

    Raises:
        DataError: naming file and columns.
    """
    for party, columns in available_columns(spec, directory).items():
        origin = inputs if isinstance(inputs, Path) else inputs[party]
        columns_read = columns_of_model(encoders[party], new_rows, spec.dataset.weight)
        read = reading_of(spec, party).columns_for(columns_read)
        needed = (*read, *key_columns(spec, party))
        refuse_missing_columns(str(origin), needed, columns)


def as_in_training(error: DataError) -> DataError:
    """The error about a file of new rows, with a remedy that is of use: how these are read was
    said once and for all by the spec of the training."""
    what, *remedy = re.split(r"; set (?='?(?:dataset|parties)\.)", str(error), maxsplit=1)
    if not remedy:
        return error
    return DataError(f"{what}; write the file as that of the training, or train with {remedy[0]}")
