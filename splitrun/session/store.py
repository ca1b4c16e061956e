"""A trained model on disk: safetensors for every role, JSON for all else that predicting needs.

    model/model.json                 format, encoders and classes, digests of weights and data
    model/<role>.safetensors         parameters and buffers
    model/<role>.extra.safetensors   tensors of what `get_extra_state()` gives, where a class has it

Nothing is pickled, neither written nor read.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor, nn

from splitrun.data import Data, Encoders
from splitrun.errors import RunDirectoryError, one_line
from splitrun.files import is_something, read_bytes, remove, sync
from splitrun.model import Finite, extra_states, fill, named_tensors, set_extra_states
from splitrun.session.checkpoint.store import decode, encode
from splitrun.session.run_directory import read_json

FORMAT = 1
_MISFIT = (ValueError, KeyError, TypeError, AttributeError, RuntimeError)


def weights_sha256(modules: Mapping[str, nn.Module]) -> str:
    """SHA-256 over all roles' parameters and buffers: raw little-endian bytes, by role and name."""
    digest = hashlib.sha256()
    for role in sorted(modules):
        named = named_tensors(modules[role])
        for name in sorted(named):
            tensor = named[name].detach().cpu().contiguous()
            digest.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save(directory: Path, modules: Mapping[str, nn.Module], data: Data) -> str:
    """Write a model, and what it was trained on, in place of any that is there.

    Returns:
        The digest of its weights.
    """
    written = directory.with_name(f".{directory.name}.tmp")
    for old in (written, directory):
        remove(old)
    written.mkdir()
    digest = weights_sha256(modules)
    extra = {role: encode(extra_states(module), "extra") for role, module in modules.items()}
    content = {
        "format": FORMAT,
        "weights_sha256": digest,
        "data_digest": data.digest,
        "encoders": data.encoders.to_json(),
        "extra": {role: tree for role, (tree, _) in extra.items()},
    }
    (written / "model.json").write_text(json.dumps(content), encoding="utf-8")
    mode = stat.S_IMODE((written / "model.json").stat().st_mode)
    files = {f"{role}.extra": tensors for role, (_, tensors) in extra.items() if tensors}
    files |= {role: named_tensors(module) for role, module in modules.items()}
    for name, tensors in files.items():
        weights = written / f"{name}.safetensors"
        save_file(_apart(tensors), weights)
        weights.chmod(mode)  # safetensors makes it for its owner alone
    for path in (*written.iterdir(), written):
        sync(path)
    written.rename(directory)
    sync(directory.parent)
    return digest


def _apart(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, with a copy of each that lies in the memory of one before it."""
    tensors: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in named.items():
        memory = tensor.untyped_storage().data_ptr()
        detached = tensor.detach().contiguous()
        tensors[name] = detached.clone() if memory in taken else detached
        taken.add(memory)
    return tensors


def load_encoders(directory: Path) -> Encoders:
    """What the model was trained to encode its columns with.

    Raises:
        RunDirectoryError: there is no model, or it is damaged.
    """
    return Encoders.from_json(_content(directory)["encoders"], str(directory / "model.json"))


def check_data(directory: Path, data: Data) -> None:
    """Refuse data that are not those of the training: their split would mix up the rows.

    Raises:
        RunDirectoryError: a row, a label or the split is another one.
    """
    if _content(directory)["data_digest"] != data.digest:
        message = f"{directory}: the data are not those that this model was trained on"
        remedy = "restore them, for held-out rows could be ones it was trained on"
        raise RunDirectoryError(f"{message}; {remedy}")


def load_weights(directory: Path, modules: Mapping[str, nn.Module]) -> None:
    """Fill modules of the right shapes with the saved parameters and buffers.

    Raises:
        RunDirectoryError: there is no model, or it is damaged, or not one of these modules.
    """
    content = _content(directory)
    expected, extra = content["weights_sha256"], content.get("extra", {})
    for role, module in modules.items():
        path = directory / f"{role}.safetensors"
        finite = Finite(module)
        try:
            fill(module, load(read_bytes(path, None)))
            if odd := finite.odd_weight():
                raise ValueError(f"{odd} is not finite")
            if states := extra.get(role, {}).get("dict"):
                set_extra_states(module, _extra(directory / f"{role}.extra.safetensors", states))
        except (*_MISFIT, OSError, SafetensorError) as error:
            message = f"{path}: not the weights that were saved: {one_line(error)}"
            raise RunDirectoryError(f"{message}; restore the file, or train again") from error
    found = weights_sha256(modules)
    if found != expected:
        raise RunDirectoryError(
            f"{directory}: the weights' digest is {found[:12]}…, but {expected[:12]}… was saved, "
            "so the files were changed since; restore them, or train again"
        )


def _extra(path: Path, tree: object) -> Mapping[str, Any]:
    tensors = load(read_bytes(path, None)) if is_something(path) else {}
    states: Mapping[str, Any] = decode({"dict": tree}, tensors)
    return states


def _content(directory: Path) -> dict[str, Any]:
    path = directory / "model.json"
    if not is_something(path):
        message = f"{path}: no model here, for the run ended before it had one"
        raise RunDirectoryError(f"{message}; train again, or name another run")
    keys = {"format": int, "weights_sha256": str, "data_digest": str, "encoders": dict}
    content = read_json(path, keys, None)  # it lists every category that was seen
    if content["format"] != FORMAT:
        message = f"{path}: a model of format {content['format']}, not of {FORMAT}"
        raise RunDirectoryError(f"{message}; use the splitrun that saved it, or train again")
    return content
