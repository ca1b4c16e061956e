"""A party, made again in its process: its rows are mapped from a file that is given, or read where
the process is."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splitrun.data import Alignment, Data, PartyEncoder, SplitRows
from splitrun.data.encoded_files import map_data
from splitrun.errors import DataError
from splitrun.party import Party
from splitrun.processes.control import Assignment, Reading
from splitrun.spec import loads


def reading_of(party: Party) -> Reading:
    """What a process needs to know to read a party's rows itself."""
    data, aligned = party.data, party.alignment
    return Reading(
        None if party.data_dir is None else str(party.data_dir),
        data.encoder.to_json(),
        None if aligned is None else aligned.rows.tobytes(),
        data.digests,
    )


def party_of(given: Assignment, files: Iterator[int]) -> Party:
    """The party of an assignment.

    Args:
        files: those that go with it; that of the rows is taken from them.

    Raises:
        DataError: its rows are not here, or not those that were planned with.
    """
    spec = loads(given.spec, "resolved.yaml").spec
    directory = Path(given.directory)
    train, validation, test = (
        _numbers(given.ids[name]) for name in ("train_ids", "validation_ids", "test_ids")
    )
    if given.reading is None:
        data = map_data(next(files))
    else:
        reading = given.reading
        aligned = None if reading.aligned is None else _numbers(reading.aligned).numpy()
        try:
            data = Party.load(
                spec,
                given.party,
                directory,
                data_dir=None if reading.data_dir is None else Path(reading.data_dir),
                encoder=PartyEncoder.from_json(dict(reading.encoder), "what was planned with"),
                rows=SplitRows(train.numpy(), validation.numpy(), test.numpy()),
                alignment=None if aligned is None else Alignment(aligned, None),
            ).data
        except DataError as error:
            raise DataError(f"on {platform.node()}: {error}") from error
    data = replace(data, train_ids=train, validation_ids=validation, test_ids=test)
    if given.reading is not None:
        _refuse_other(data, given.reading)
    return Party(spec, given.party, directory, data)


def _refuse_other(data: Data, reading: Reading) -> None:
    """Refuse rows that are not those that were planned with.

    Raises:
        DataError: naming what differs.
    """
    other = [what for what, digest in reading.digests.items() if data.digests.get(what) != digest]
    if other:
        what = f"on {platform.node()}: {' and '.join(other)}"
        message = f"{what} are not those that the run was planned with"
        raise DataError(f"{message}; give this machine the same files, at the same path")


def _numbers(content: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(bytearray(content), np.int64))
