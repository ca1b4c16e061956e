"""Checkpoints on disk, a shard per party: whole, or recognised as not whole.

    checkpoints/<party>/step-00001200/manifest.json         step, statistics, data, digests
    checkpoints/<party>/step-00001200/<role>.json           the tree of the role's state
    checkpoints/<party>/step-00001200/<role>.safetensors    its tensors

A shard is written under another name, every file and the directory are synced, and only then it
gets its name. So a name stands for a whole shard, whenever the process is killed; what a disk does
to it afterwards, the digests tell. A step is a checkpoint if all parties have its shard, and older
shards are forgotten only then.

A role's state is kept as JSON and named tensors, exact to the bit. What JSON has no word for is an
object: `{"dict": [[key, value], …]}`, `{"tuple": […]}`, `{"tensor": name, "stride": […]}`. Python
writes a finite float so that it reads back the same.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
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
from splitrun.events import party_of
from splitrun.files import is_directory, is_regular, read_bytes, remove, sync
from splitrun.model import State

FORMAT, _JOINT = 3, 2
"""The second is that of 0.1.0."""
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
    """By role, what `RunStatistics.state` told of it."""
    data: Mapping[str, Mapping[str, str]]
    """By party, digests of what it was trained on; see `Data.digests`."""


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
    """The checkpoints of one run, of which the newest `keep` are kept.

    Args:
        parties: that have a shard of each.
    """

    def __init__(self, directory: Path, parties: Iterable[str], keep: int) -> None:
        self._directory = directory
        self._shards = {party: directory / party for party in parties}
        self._keep = keep

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint down, then forget those that are too old.

        Raises:
            OSError: it could not be written; those before it are as they were.
        """
        self._make_directories()
        for party, directory in self._shards.items():
            target = directory / f"step-{checkpoint.step:08d}"
            temporary = directory / f".{target.name}.tmp"
            remove(temporary)
            try:
                temporary.mkdir()
                _write(temporary, party, checkpoint)
                remove(target)
                temporary.rename(target)
            finally:
                with suppress(OSError):  # the next writer removes it first, or says why it cannot
                    remove(temporary)
            sync(directory)
        kept = self.steps[: self._keep]
        old = [path for path in self._every_shard() if _step(path) not in kept]
        for path in (*old, *self._joint()):
            with suppress(OSError):  # it is found again when the next one is written
                remove(path)

    def newest(self, at_most: int | None = None) -> Found:
        """The newest checkpoint that is whole.

        Args:
            at_most: of no later step.
        """
        damaged: list[str] = []
        for step in self.steps:
            if at_most is not None and step > at_most:
                continue
            paths = {name: path / f"step-{step:08d}" for name, path in self._shards.items()}
            roles, statistics, data = dict[str, State](), dict[str, Any](), {}
            path = self._directory
            try:
                for party, path in paths.items():
                    content = _read(path, roles)
                    statistics |= content.statistics
                    data[party] = content.data
                return Found(Checkpoint(step, roles, statistics, data), tuple(damaged))
            except _DAMAGE as error:
                damaged.append(_passed_over(path, error))
        for path in self._joint():
            try:
                return Found(_read_joint(path), tuple(damaged))
            except _DAMAGE as error:
                damaged.append(_passed_over(path, error))
        return Found(None, tuple(damaged))

    def clean(self, newest: int) -> int | None:
        """Remove what writers left behind when they were killed, and what is newer than a step;
        gives the first step of which a checkpoint was removed.

        Raises:
            OSError: something cannot be removed, and would be taken for one of this attempt.
        """
        for path in self._directory.glob("**/.step-*.tmp"):
            remove(path)
        every = (*self._every_shard(), *self._joint())
        removed = [path for path in every if _step(path) > newest]
        for path in removed:
            remove(path)
        return min(map(_step, removed), default=None)

    def _make_directories(self) -> None:
        """Make what is missing, synced with all that the run directory holds by then."""
        missing = [path for path in self._shards.values() if not is_directory(path)]
        if not missing:
            return
        self._directory.mkdir(exist_ok=True)
        for path in missing:
            path.mkdir()
        parent = self._directory.parent
        for needed in (*filter(is_regular, parent.glob("*.*")), self._directory, parent):
            sync(needed)

    @property
    def steps(self) -> list[int]:
        """Those that every party has a shard of, the newest first."""
        steps = [set(map(_step, _steps_in(path))) for path in self._shards.values()]
        return sorted(set[int].intersection(*steps), reverse=True)

    def _every_shard(self) -> list[Path]:
        return [path for directory in self._shards.values() for path in _steps_in(directory)]

    def _joint(self) -> list[Path]:
        """What 0.1.0 has left, the newest first."""
        return _steps_in(self._directory)


def _passed_over(path: Path, error: BaseException) -> str:
    return f"{path}: damaged, so it is passed over: {one_line(error)}"


def _steps_in(directory: Path) -> list[Path]:
    """What has the name of a step there, the newest first."""
    named = [path for path in directory.glob("step-*") if _STEP.fullmatch(path.name)]
    return sorted(named, key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.name[5:])


def _write(directory: Path, party: str, checkpoint: Checkpoint) -> None:
    """Write a party's shard, whose files and directory are synced."""
    digests: dict[str, str] = {}

    def put(name: str, content: bytes) -> None:
        with (directory / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        digests[name] = hashlib.sha256(content).hexdigest()

    roles = [role for role in checkpoint.roles if party_of(role) == party]
    for role in roles:
        tree, tensors = encode(checkpoint.roles[role])
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
            roles,
            dict(digests),
            dict(checkpoint.data.get(party, {})),
            {role: checkpoint.statistics[role] for role in roles},
        )
    )
    put("manifest.json", json.dumps({"content": told, "sha256": _digest(told)}).encode())
    sync(directory)


def _read(directory: Path, roles: dict[str, State]) -> _Content:
    """What a shard's manifest says; its roles' states are added to `roles`."""
    manifest = json.loads(read_bytes(directory / "manifest.json", None))
    if manifest["sha256"] != _digest(manifest["content"]):
        raise ValueError("manifest.json was changed")
    content = msgspec.convert(_renamed(manifest["content"]), _Content)
    if content.format not in (_JOINT, FORMAT):
        raise ValueError(f"of format {content.format}, not of {FORMAT}")
    if content.step != _step(directory):
        raise ValueError(f"of step {content.step}")

    def get(name: str) -> bytes:
        path = directory / name
        if path.parent != directory:
            raise ValueError(f"{name} lies elsewhere")
        found = read_bytes(path, None)
        if hashlib.sha256(found).hexdigest() != content.files[name]:
            raise ValueError(f"{name} was changed")
        return found

    for role in content.roles:
        tensors = load(get(f"{role}.safetensors"))
        roles[role] = decode(json.loads(get(f"{role}.json")), tensors)
    return content


def _read_joint(directory: Path) -> Checkpoint:
    """A checkpoint of 0.1.0, which had all roles in one directory, and statistics of the whole."""
    roles: dict[str, State] = {}
    content = _read(directory, roles)
    whole = content.statistics
    statistics: dict[str, Any] = {
        role: {"staleness": staleness} for role, staleness in whole["staleness"].items()
    }
    names = ("steps", "samples", "last_loss", "test", "history")
    (top,) = (role for role in roles if role.endswith(".top"))
    statistics[top]["top"] = {
        **{name: whole[name] for name in names},
        "earlier_train_s": whole["train_s"],
        "earlier_evaluation_s": whole["evaluation_s"],
    }
    return Checkpoint(content.step, roles, statistics, {"": content.data})


def _renamed(content: dict[str, Any]) -> dict[str, Any]:
    """The content with the names that statistics have now; 0.1.0 called them books."""
    if "books" not in content:
        return content
    books: dict[str, Any] = content["books"]
    return content | {"statistics": books | {"staleness": books["lateness"]}}


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


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
