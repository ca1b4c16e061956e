"""A party's encoded rows, and how parties' rows were joined, as files of tensors.

Each file has the digest of its content in it, and is looked through when it is read.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from splitrun.data.encoding import PartyEncoder
from splitrun.data.join import Alignment, Join
from splitrun.data.on_disk import (
    MappedTensors,
    map_tensors,
    new_file,
    path_of_open,
    unnamed_file,
    write_tensors,
)
from splitrun.data.party_data import Data
from splitrun.data.table import Categories
from splitrun.errors import Problem
from splitrun.files import open_regular
from splitrun.records.data import JoinRecord, PartySummary


class _About(msgspec.Struct, frozen=True):
    """What is kept of a party's data beside tensors."""

    party: str
    encoder: dict[str, Any]
    digests: dict[str, str]
    summary: PartySummary | None
    doubts: tuple[Problem, ...]
    notes: tuple[str, ...]


def write_data(path: Path, data: Data) -> None:
    """A new file.

    Raises:
        OSError: it cannot be written.
    """
    with new_file(path) as file:
        _write(file, data)


def read_data(path: Path) -> Data:
    """What `write_data` wrote, looked through.

    Raises:
        OSError, ValueError, RunDirectoryError: it is missing or damaged.
    """
    with open_regular(path, elsewhere=True) as file:
        mapped = map_tensors(file)
    data, digests = _data_of(mapped, path)
    if _digests(data) != digests:
        raise ValueError(f"{path.name} is not what was written")
    mapped.expect_random_access()
    _remember(data, path)
    return data


def open_data(data: Data) -> int:
    """A party's rows as an open file, for another process to map: the one that they are mapped from
    where there is one; else one without a name, which is written once for as long as there are
    these rows.

    Raises:
        DataError: there is no room for it.
    """
    first = _rows(data)[0]
    known: _Known | None = _files.get(first)  # type: ignore[no-untyped-call]
    if known is not None and known.is_of(data):
        with suppress(OSError):  # it has been removed meanwhile
            return _opened(known.path)
    file = unnamed_file(sum(tensor.nbytes for tensor in _rows(data)))
    weakref.finalize(first, os.close, file)
    with os.fdopen(os.dup(file), "wb") as writable:
        _write(writable, data)
    path = path_of_open(file)
    _remember(data, path)
    return _opened(path)


def map_data(file: int) -> Data:
    """What `open_data` of another process gave, mapped, and not looked through; the file is
    closed."""
    with os.fdopen(file, "rb") as readable:
        mapped = map_tensors(readable)
    mapped.expect_random_access()
    data, _ = _data_of(mapped, Path("rows"))
    return data


@dataclass(frozen=True)
class _Known:
    """A file with rows."""

    rows: Sequence[weakref.ref[Tensor]]
    encoder: PartyEncoder
    path: Path

    def is_of(self, data: Data) -> bool:
        """Whether the rows are these, whatever part of them is trained on."""
        rows = _rows(data)
        same = len(rows) == len(self.rows) and self.encoder is data.encoder
        return same and all(ref() is row for ref, row in zip(self.rows, rows, strict=True))


_files: WeakIdKeyDictionary = WeakIdKeyDictionary()
"""By the first tensor of a party's rows, the file that they are in."""


def _remember(data: Data, path: Path) -> None:
    if rows := _rows(data):
        _files[rows[0]] = _Known([weakref.ref(tensor) for tensor in rows], data.encoder, path)


def _rows(data: Data) -> Sequence[Tensor]:
    optional = (data.labels, data.weights, data.own_rows)
    return (*data.features, *(tensor for tensor in optional if tensor is not None))


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _write(file: BinaryIO, data: Data) -> None:
    optional = {"labels": data.labels, "weights": data.weights, "own_rows": data.own_rows}
    tensors = {
        "train_ids": data.train_ids,
        "test_ids": data.test_ids,
        "validation_ids": data.validation_ids,
        **{f"features.{index}": tensor for index, tensor in enumerate(data.features)},
        **{name: tensor for name, tensor in optional.items() if tensor is not None},
        **_of_keys(data.keys),
    }
    about = _About(
        data.party,
        data.encoder.to_json(),
        _digests(data),
        data.summary,
        data.doubts,
        data.notes,
    )
    write_tensors(file, tensors, {"about": msgspec.json.encode(about).decode()})


def _data_of(mapped: MappedTensors, path: Path) -> tuple[Data, Mapping[str, str]]:
    """The rows in a file, and the digests that they should have."""
    tensors = mapped.tensors
    try:
        about = msgspec.json.decode(mapped.about["about"], type=_About)
        data = Data(
            about.party,
            train_ids=tensors["train_ids"],
            test_ids=tensors["test_ids"],
            validation_ids=tensors["validation_ids"],
            features=tuple(it for name, it in sorted(tensors.items()) if name[:9] == "features."),
            labels=tensors.get("labels"),
            weights=tensors.get("weights"),
            own_rows=tensors.get("own_rows"),
            keys=_keys(tensors),
            encoder=PartyEncoder.from_json(about.encoder, str(path)),
            summary=about.summary,
            doubts=about.doubts,
            notes=about.notes,
        )
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    return data, about.digests


class _AboutJoin(msgspec.Struct, frozen=True):
    """What is kept of a join beside tensors."""

    record: JoinRecord
    warnings: tuple[str, ...]
    sha256: str


def write_join(path: Path, join: Join) -> None:
    """A new file.

    Raises:
        OSError: it cannot be written.
    """
    tensors = {
        **{f"rows.{party}": torch.from_numpy(it.rows) for party, it in join.alignments.items()},
        **{f"lone.{party}": torch.from_numpy(rows) for party, rows in join.lone.items()},
        **_of_keys(join.keys),
    }
    about = _AboutJoin(join.record, join.warnings, _sha256(tensors))
    with new_file(path) as file:
        write_tensors(file, tensors, {"about": msgspec.json.encode(about).decode()})


def read_join(path: Path, data: Mapping[str, Data]) -> Join:
    """What `write_join` wrote, looked through.

    Args:
        data: of the parties that were joined.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    with open_regular(path, elsewhere=True) as file:
        mapped = map_tensors(file)
    try:
        about = msgspec.json.decode(mapped.about["about"], type=_AboutJoin)
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    if _sha256(mapped.tensors) != about.sha256:
        raise ValueError(f"{path.name} is not what was written")
    rows = {name: tensor.numpy() for name, tensor in mapped.tensors.items()}
    return Join(
        {
            party: Alignment(rows[f"rows.{party}"], it.keys)
            for party, it in data.items()
            if f"rows.{party}" in rows
        },
        {party: rows[f"lone.{party}"] for party in data if f"lone.{party}" in rows},
        about.record,
        _keys(mapped.tensors),
        about.warnings,
    )


def _of_keys(keys: Categories | None) -> dict[str, Tensor]:
    """Keys as tensors, if there are some."""
    if keys is None:
        return {}
    values = np.frombuffer(msgspec.json.encode(keys.values), np.uint8)
    return {"keys": torch.from_numpy(keys.codes), "key_values": torch.tensor(values)}


def _keys(tensors: Mapping[str, Tensor]) -> Categories | None:
    """The inverse."""
    if "keys" not in tensors:
        return None
    values = msgspec.json.decode(tensors["key_values"].numpy().data, type=tuple[str, ...])
    return Categories(tensors["keys"].numpy(), values)


def _sha256(tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {list(tensor.shape)}".encode())
        found.update(tensor.contiguous().numpy().data)
    return found.hexdigest()


def _digests(data: Data) -> dict[str, str]:
    """Of all tensors, by what they are of."""
    digests = dict(data.digests)
    if data.keys is not None:
        keys = hashlib.sha256(np.ascontiguousarray(data.keys.codes).data)
        keys.update(msgspec.json.encode(data.keys.values))
        digests["the keys"] = keys.hexdigest()
    return digests
