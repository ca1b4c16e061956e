"""A trained model on disk, a shard per party: safetensors for every role, JSON for all else that
predicting needs.

    model/<party>/model.json                 format, encoder, facts, digests of weights and data
    model/<party>/<role>.safetensors         parameters and buffers
    model/<party>/<role>.extra.safetensors   tensors of what `get_extra_state()` gives, if it does

The label's classes are in the label holder's shard alone, and so is what its top takes of every
bottom. With the facts that the parties told each
other before the training, the plan is compiled again without a probe, be there one new row or none.
Nothing is pickled, neither written nor read. What is done with a saved model is in `trained`.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor, nn

from splitrun.data import PartyEncoder
from splitrun.errors import DataError, RunDirectoryError, one_line
from splitrun.events import party_of
from splitrun.files import is_something, read_bytes, remove, sync
from splitrun.model import (
    Cuts,
    Finite,
    Stage,
    digest_of,
    extra_states,
    fill,
    named_tensors,
    set_extra_states,
    weights_sha256,
)
from splitrun.party import Party, PartyFacts
from splitrun.plan import Plan, TensorFacts
from splitrun.session.checkpoint import decode, encode
from splitrun.session.run_directory import RESTORE, read_json, require

FORMAT = 3
_MISFIT = (ValueError, KeyError, TypeError, AttributeError, RuntimeError)


def save(directory: Path, plan: Plan, parties: Iterable[Party], stages: Mapping[str, Stage]) -> str:
    """Write a model, and what it was trained on, in place of any that is there.

    Args:
        plan: that it was trained by.
        stages: by role; each party's are those of its roles.

    Returns:
        The digest of its weights.
    """
    written = directory.with_name(f".{directory.name}.tmp")
    for old in (written, directory):
        remove(old)
    written.mkdir()
    digests: dict[str, str] = {}
    for party in parties:
        own = {role: stage for role, stage in stages.items() if party_of(role) == party.name}
        digests |= _save_shard(written / party.name, plan, party, own)
    sync(written)
    written.rename(directory)
    sync(directory.parent)
    return weights_sha256(digests)


def _save_shard(
    directory: Path, plan: Plan, party: Party, stages: Mapping[str, Stage]
) -> dict[str, str]:
    """Write a party's part of a model; gives the digests of its roles' weights."""
    directory.mkdir()
    digests = {role: stage.digest() for role, stage in stages.items()}
    extra = {role: encode(extra_states(stage.module), "extra") for role, stage in stages.items()}
    content = {
        "format": FORMAT,
        "weights_sha256": digests,
        "data_digest": party.data.digest,
        "encoder": party.data.encoder.to_json(),
        "facts": json.loads(party.told({role: plan.role_facts(role) for role in stages}).to_json()),
        "extra": {role: tree for role, (tree, _) in extra.items()},
    }
    if plan.top.name in stages:
        cuts = {bottom.name: plan.role_facts(bottom.name).cut for bottom in plan.bottoms}
        content["cuts"] = msgspec.to_builtins(cuts)
    (directory / "model.json").write_text(json.dumps(content), encoding="utf-8")
    mode = stat.S_IMODE((directory / "model.json").stat().st_mode)
    files = {f"{role}.extra": tensors for role, (_, tensors) in extra.items() if tensors}
    files |= {role: named_tensors(stage.module) for role, stage in stages.items()}
    for name, tensors in files.items():
        weights = directory / f"{name}.safetensors"
        save_file(_apart(tensors), weights)
        weights.chmod(mode)  # safetensors makes it for its owner alone
    for path in (*directory.iterdir(), directory):
        sync(path)
    return digests


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


def load_encoder(directory: Path, party: str) -> PartyEncoder:
    """What a party's models were trained to encode its columns with.

    Raises:
        RunDirectoryError: there is no model, or it is damaged.
    """
    content = _content(directory, party)
    return PartyEncoder.from_json(content["encoder"], str(directory / party / "model.json"))


def load_facts(directory: Path, party: str) -> PartyFacts:
    """What a party told the others before its models were trained.

    Raises:
        RunDirectoryError: there is no model, or it is damaged.
    """
    content = _content(directory, party)
    try:
        facts = PartyFacts.from_json(json.dumps(content["facts"]))
        if facts.train_rows < 1:
            raise DataError("no row was trained on")
    except DataError as error:
        message = f"{directory / party / 'model.json'}: damaged: {error}"
        raise RunDirectoryError(message.partition("; ")[0] + f"; {RESTORE}") from error
    return facts


def saved_parties(directory: Path, parties: Iterable[str]) -> tuple[str, ...]:
    """Those of the parties that have a shard here.

    Raises:
        RunDirectoryError: none has.
    """
    everybody = tuple(parties)
    found = tuple(name for name in everybody if is_something(directory / name / "model.json"))
    if not found:
        _content(directory, everybody[0])  # says why
    return found


def load_digests(directory: Path, party: str) -> Mapping[str, str]:
    """Of the weights of each of a party's roles, as they were saved.

    Raises:
        RunDirectoryError: there is no model, or it is damaged.
    """
    digests: Mapping[str, str] = _content(directory, party)["weights_sha256"]
    return digests


def load_cuts(directory: Path, party: str) -> Cuts:
    """What the label holder's top takes of every bottom, by role, in the parties' order.

    Raises:
        RunDirectoryError: there is no model, or it is damaged.
    """
    path = directory / party / "model.json"
    content = _content(directory, party)
    require(path, content, {"cuts": dict})
    try:
        return msgspec.convert(content["cuts"], dict[str, tuple[TensorFacts, ...]])
    except msgspec.ValidationError as error:
        raise RunDirectoryError(f"{path}: damaged: {error}; {RESTORE}") from error


def check_data(directory: Path, parties: Iterable[Party]) -> None:
    """Refuse data that are not those of the training: their split would mix up the rows.

    Raises:
        RunDirectoryError: a row, a label or the split is another one.
    """
    for party in parties:
        if _content(directory, party.name)["data_digest"] != party.data.digest:
            message = f"{directory}: the data are not those that this model was trained on"
            remedy = "restore them, for held-out rows could be ones it was trained on"
            raise RunDirectoryError(f"{message}; {remedy}")


def load_weights(directory: Path, modules: Mapping[str, nn.Module]) -> None:
    """Fill modules, by role, with the saved parameters and buffers.

    Raises:
        RunDirectoryError: there is no model, or it is damaged, or not one of these modules.
    """
    for role, module in modules.items():
        party = party_of(role)
        content, path = _content(directory, party), directory / party / f"{role}.safetensors"
        finite = Finite(module)
        try:
            fill(module, load(read_bytes(path, None)))
            if odd := finite.odd_weight():
                raise ValueError(f"{odd} is not finite")
            if states := content["extra"].get(role, {}).get("dict"):
                extra = directory / party / f"{role}.extra.safetensors"
                set_extra_states(module, _extra(extra, states))
        except (*_MISFIT, OSError, SafetensorError) as error:
            message = f"{path}: not the weights that were saved: {one_line(error)}"
            raise RunDirectoryError(f"{message}; {RESTORE}") from error
        found, expected = digest_of(module), content["weights_sha256"].get(role, "")
        if found != expected:
            raise RunDirectoryError(
                f"{path}: the weights' digest is {found[:12]}…, but {expected[:12]}… was saved, "
                "so the file was changed since; restore it, or train again"
            )


def _extra(path: Path, tree: object) -> Mapping[str, Any]:
    tensors = load(read_bytes(path, None)) if is_something(path) else {}
    states: Mapping[str, Any] = decode({"dict": tree}, tensors)
    return states


def _content(directory: Path, party: str) -> dict[str, Any]:
    if is_something(old := directory / "model.json"):
        message = f"{old}: a model of format 1, of splitrun 0.1, not of {FORMAT}"
        raise RunDirectoryError(f"{message}; use the splitrun that saved it, or train again")
    path = directory / party / "model.json"
    if not is_something(path):
        if is_something(directory.parent / "parties.json"):
            what = (
                f"{directory.parent}: one party's part of a run; {party}'s is in its own directory"
            )
            raise RunDirectoryError(f"{what}, and a model is asked for what it says as a whole")
        message = f"{path}: no model here, for the run ended before it had one"
        raise RunDirectoryError(f"{message}; train again, or name another run")
    content = read_json(path, {"format": int}, None)  # it lists every category
    if content["format"] != FORMAT:
        message = f"{path}: a model of format {content['format']}, not of {FORMAT}"
        raise RunDirectoryError(f"{message}; use the splitrun that saved it, or train again")
    require(path, content, _KEYS)
    return content


_KEYS = {
    "weights_sha256": dict,
    "data_digest": str,
    "encoder": dict,
    "facts": dict,
    "extra": dict,
}
