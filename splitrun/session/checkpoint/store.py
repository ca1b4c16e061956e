"""Checkpoints on disk: whole, or recognised as not whole.

    checkpoints/step-00001200/manifest.json         step, statistics, data, digests
    checkpoints/step-00001200/<role>.json           the tree of the role's state
    checkpoints/step-00001200/<role>.safetensors    its tensors

A checkpoint is written under another name, every file and the directory are synced, and only then
it gets its name. So a name stands for a whole checkpoint, whenever the process is killed; what a
disk does to it afterwards, the digests tell.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from splitrun.errors import one_line
from splitrun.files import is_directory, is_regular, read_bytes, remove, sync
from splitrun.model import State


def encode(tree: Any, name: str = "state") -> tuple[Any, dict[str, Tensor]]:
    """A tree of dicts, lists, tuples, numbers, text, None and tensors, as JSON and tensors by name.

    Raises:
        TypeError: it holds something else.
    """
    tensors: dict[str, Tensor] = {}
    return _encoded(tree, name, tensors), tensors


def _encoded(tree: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if isinstance(tree, Tensor):
        tensors[name] = tree.contiguous()
        return {"tensor": name, "stride": list(tree.stride())}
    if isinstance(tree, Mapping):
        each = [[key, _encoded(value, f"{name}.{key}", tensors)] for key, value in tree.items()]
        return {"dict": each}
    if isinstance(tree, list | tuple):
        items = [_encoded(value, f"{name}.{i}", tensors) for i, value in enumerate(tree)]
        return items if isinstance(tree, list) else {"tuple": items}
    raise TypeError(f"{name}: a {type(tree).__name__} cannot be kept in a checkpoint")


def decode(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree that `encode` was given.

    Raises:
        KeyError, ValueError: it was not made by `encode`.
    """
    if isinstance(tree, list):
        return [decode(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "dict" in tree:
        return {key: decode(value, tensors) for key, value in tree["dict"]}
    if "tuple" in tree:
        return tuple(decode(item, tensors) for item in tree["tuple"])
    tensor = tensors[tree["tensor"]]
    if list(tensor.stride()) == tree["stride"]:
        return tensor
    return torch.empty_strided(tensor.shape, tree["stride"], dtype=tensor.dtype).copy_(tensor)


FORMAT = 2
_STEP = re.compile("step-[0-9]{1,20}")
_MOST_HEADER_BYTES = 100_000_000
"""Of the table of tensors in a file of safetensors, which reads no larger one."""
_DAMAGE = (
    OSError,
    MemoryError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    SafetensorError,
    RecursionError,
)


@dataclass(frozen=True)
class Checkpoint:
    """A run after `step` steps."""

    step: int
    roles: dict[str, State]
    """By role name, until stages are given it."""
    statistics: Mapping[str, Any]
    """The statistics's state."""
    data: Mapping[str, str]
    """Digests of what it was trained on; see `Data.digests`."""


@dataclass(frozen=True)
class Found:
    """The newest checkpoint that is whole, and what is wrong with newer ones."""

    checkpoint: Checkpoint | None
    damaged: tuple[str, ...]


class _Content(msgspec.Struct):
    """Of `manifest.json`."""

    format: int
    step: int
    roles: list[str]
    files: dict[str, str]
    """SHA-256 by name."""
    data: dict[str, str]
    statistics: dict[str, Any]


class Store:
    """The checkpoints of one run, of which the newest `keep` are kept."""

    def __init__(self, directory: Path, keep: int) -> None:
        self._directory = directory
        self._keep = keep

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint down, then forget those that are too old.

        Raises:
            OSError: it could not be written; those before it are as they were.
        """
        if not is_directory(self._directory):
            self._directory.mkdir()
            parent = self._directory.parent
            for needed in (*filter(is_regular, parent.glob("*.*")), parent):
                sync(needed)
        target = self._directory / f"step-{checkpoint.step:08d}"
        temporary = self._directory / f".{target.name}.tmp"
        remove(temporary)
        try:
            temporary.mkdir()
            _write(temporary, checkpoint)
            remove(target)
            temporary.rename(target)
        finally:
            with suppress(OSError):  # the next writer removes it first, or says why it cannot
                remove(temporary)
        sync(self._directory)
        for old in self._newest_first()[self._keep :]:
            with suppress(OSError):  # it is found again when the next one is written
                remove(old)

    def newest(self) -> Found:
        """The newest checkpoint that is whole."""
        damaged: list[str] = []
        for path in self._newest_first():
            try:
                return Found(_read(path), tuple(damaged))
            except _DAMAGE as error:
                damaged.append(f"{path}: damaged, so it is passed over: {one_line(error)}")
        return Found(None, tuple(damaged))

    def clean(self, newest: int) -> int | None:
        """Remove what writers left behind when they were killed, and what is newer than a step;
        gives the first step of which a checkpoint was removed.

        Raises:
            OSError: something cannot be removed, and would be taken for one of this attempt.
        """
        for path in self._directory.glob(".step-*.tmp"):
            remove(path)
        first = None
        for path in self._newest_first():
            if _step(path) > newest:
                remove(path)
                first = _step(path)
        return first

    def _newest_first(self) -> list[Path]:
        named = [path for path in self._directory.glob("step-*") if _STEP.fullmatch(path.name)]
        return sorted(named, key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.name[5:])


def _write(directory: Path, checkpoint: Checkpoint) -> None:
    digests: dict[str, str] = {}

    def put(name: str, content: bytes) -> None:
        with (directory / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        digests[name] = hashlib.sha256(content).hexdigest()

    for role, state in checkpoint.roles.items():
        tree, tensors = encode(state)
        content = save(tensors)
        if int.from_bytes(content[:8], "little") > _MOST_HEADER_BYTES:
            raise OSError(errno.EFBIG, f"{role} has too many tensors for one file", directory.name)
        put(f"{role}.safetensors", content)
        del content
        put(f"{role}.json", json.dumps(tree).encode())
    told = msgspec.to_builtins(
        _Content(
            FORMAT,
            checkpoint.step,
            list(checkpoint.roles),
            dict(digests),
            dict(checkpoint.data),
            dict(checkpoint.statistics),
        )
    )
    put("manifest.json", json.dumps({"content": told, "sha256": _digest(told)}).encode())
    sync(directory)


def _read(directory: Path) -> Checkpoint:
    manifest = json.loads(read_bytes(directory / "manifest.json", None))
    if manifest["sha256"] != _digest(manifest["content"]):
        raise ValueError("manifest.json was changed")
    content = msgspec.convert(_renamed(manifest["content"]), _Content)
    if content.format != FORMAT:
        raise ValueError(f"of format {content.format}, not of {FORMAT}")

    def get(name: str) -> bytes:
        path = directory / name
        if path.parent != directory:
            raise ValueError(f"{name} lies elsewhere")
        found = read_bytes(path, None)
        if hashlib.sha256(found).hexdigest() != content.files[name]:
            raise ValueError(f"{name} was changed")
        return found

    roles = {
        role: decode(json.loads(get(f"{role}.json")), load(get(f"{role}.safetensors")))
        for role in content.roles
    }
    return Checkpoint(content.step, roles, content.statistics, content.data)


def _renamed(content: dict[str, Any]) -> dict[str, Any]:
    """The content with the names that statistics have now; 0.1.0 called them books."""
    if "books" not in content:
        return content
    books: dict[str, Any] = content["books"]
    return content | {"statistics": books | {"staleness": books["lateness"]}}


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
