"""Checkpoints on disk: whole, or recognised as not whole.

    checkpoints/step-00001200/manifest.json         step, books, data, digest of every file, its own
    checkpoints/step-00001200/<role>.json           the tree of the role's state
    checkpoints/step-00001200/<role>.safetensors    its tensors

A checkpoint is written under another name, every file and the directory are synced, and only then
it gets its name. So a name stands for a whole checkpoint, whenever the process is killed; what a
disk does to it afterwards, the digests tell.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load, save

from splitrun.errors import told
from splitrun.files import check_regular, read_bytes, sync
from splitrun.model import State
from splitrun.session.checkpoint.codec import decode, encode

FORMAT = 1
_DAMAGE = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, RecursionError)


@dataclass(frozen=True)
class Checkpoint:
    """A run after `step` steps."""

    step: int
    roles: dict[str, State]
    """By role name, until stages are given it."""
    books: Mapping[str, Any]
    """The ledger's state."""
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
    books: dict[str, Any]


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
        if not self._directory.is_dir():
            self._directory.mkdir()
            for needed in (*self._directory.parent.glob("*.*"), self._directory.parent):
                sync(needed)
        target = self._directory / f"step-{checkpoint.step:08d}"
        temporary = self._directory / f".{target.name}.tmp"
        try:
            temporary.mkdir()
            _write(temporary, checkpoint)
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync(self._directory)
        for old in self._newest_first()[self._keep :]:
            shutil.rmtree(old, ignore_errors=True)

    def newest(self) -> Found:
        """The newest checkpoint that is whole."""
        damaged: list[str] = []
        for path in self._newest_first():
            try:
                return Found(_read(path), tuple(damaged))
            except _DAMAGE as error:
                damaged.append(f"{path}: damaged, so it is passed over: {told(error)}")
        return Found(None, tuple(damaged))

    def clean(self, newest: int) -> None:
        """Remove what writers left behind when they were killed, and what is newer than a step."""
        for path in self._directory.glob(".step-*.tmp"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self._newest_first():
            if _step(path) > newest:
                shutil.rmtree(path, ignore_errors=True)

    def _newest_first(self) -> list[Path]:
        named = [path for path in self._directory.glob("step-*") if path.name[5:].isdecimal()]
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
        put(f"{role}.safetensors", save(tensors))
        put(f"{role}.json", json.dumps(tree).encode())
    content = msgspec.to_builtins(
        _Content(
            FORMAT,
            checkpoint.step,
            list(checkpoint.roles),
            dict(digests),
            dict(checkpoint.data),
            dict(checkpoint.books),
        )
    )
    put("manifest.json", json.dumps({"content": content, "sha256": _digest(content)}).encode())
    sync(directory)


def _read(directory: Path) -> Checkpoint:
    manifest = json.loads(read_bytes(directory / "manifest.json"))
    if manifest["sha256"] != _digest(manifest["content"]):
        raise ValueError("manifest.json was changed")
    content = msgspec.convert(manifest["content"], _Content)
    if content.format != FORMAT:
        raise ValueError(f"of format {content.format}, not of {FORMAT}")

    def get(name: str) -> bytes:
        path = directory / name
        if path.parent != directory:
            raise ValueError(f"{name} lies elsewhere")
        check_regular(path)
        found = path.read_bytes()
        if hashlib.sha256(found).hexdigest() != content.files[name]:
            raise ValueError(f"{name} was changed")
        return found

    roles = {
        role: decode(json.loads(get(f"{role}.json")), load(get(f"{role}.safetensors")))
        for role in content.roles
    }
    return Checkpoint(content.step, roles, content.books, content.data)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
