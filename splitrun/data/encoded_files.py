"""A party's encoded rows, and how parties' rows were joined, as files of tensors.

Each file has the digest of its content in it, and is looked through when it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from splitrun.data.encoding import PartyEncoder
from splitrun.data.join import Alignment, Join
from splitrun.data.on_disk import read_tensors, write_tensors
from splitrun.data.party_data import Data
from splitrun.data.table import Categories
from splitrun.errors import Problem
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
    optional = {"labels": data.labels, "own_rows": data.own_rows}
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
    write_tensors(path, tensors, {"about": msgspec.json.encode(about).decode()})


def read_data(path: Path) -> Data:
    """What `write_data` wrote, looked through.

    Raises:
        OSError, ValueError, RunDirectoryError: it is missing or damaged.
    """
    mapped = read_tensors(path)
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
            own_rows=tensors.get("own_rows"),
            keys=_keys(tensors),
            encoder=PartyEncoder.from_json(about.encoder, str(path)),
            summary=about.summary,
            doubts=about.doubts,
            notes=about.notes,
        )
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    if _digests(data) != about.digests:
        raise ValueError(f"{path.name} is not what was written")
    mapped.expect_random_access()
    return data


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
    write_tensors(path, tensors, {"about": msgspec.json.encode(about).decode()})


def read_join(path: Path, data: Mapping[str, Data]) -> Join:
    """What `write_join` wrote, looked through.

    Args:
        data: of the parties that were joined.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    mapped = read_tensors(path)
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
