"""Files that a trained model is given in place of those it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from splitrun.data import (
    NewRows,
    PartyEncoder,
    available_columns,
    columns_of_model,
    refuse_missing_columns,
)
from splitrun.errors import UsageError
from splitrun.spec import Spec

Inputs = Path | Mapping[str, Path]
"""One file for all parties, or a file for each, by party; relative paths start at the working
directory."""


def with_inputs(spec: Spec, inputs: Inputs) -> Spec:
    """The spec with these files in the place of its own.

    Raises:
        UsageError: a party without a file, a file without a party, or a file for each where the
            training had one for all.
    """
    if not isinstance(inputs, Path):
        name = next(iter(inputs), "")
        message = f"--input {name}=…: the model was trained on one file for all parties"
        raise UsageError(f"{message}; give one, as --input FILE")
    if "path" not in type(spec.dataset).model_fields:
        message = f"--input {inputs}: the rows of {spec.dataset.type} come from no file of yours"
        raise UsageError(f"{message}; name a run that was trained on files")
    dataset = spec.dataset.model_copy(update={"path": str(inputs.absolute())})
    return spec.model_copy(update={"dataset": dataset})


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
    columns = frozenset().union(*available_columns(spec, directory).values())
    needed = [name for each in encoders.values() for name in columns_of_model(each, new_rows)]
    refuse_missing_columns(str(inputs), needed, columns)
