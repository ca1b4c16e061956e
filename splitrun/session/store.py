"""A trained model on disk, a shard per party: safetensors for every role, JSON for all else that
predicting needs.

    model/<party>/model.json                 format, encoder, digests of weights and data
    model/<party>/<role>.safetensors         parameters and buffers
    model/<party>/<role>.extra.safetensors   tensors of what `get_extra_state()` gives, if it does

The label's classes are in the label holder's shard alone. Nothing is pickled, neither written nor
read. A saved model is evaluated again here: the same batches through the same program give the same
bits.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from splitrun.data import PartyEncoder
from splitrun.errors import RunDirectoryError, UsageError, one_line
from splitrun.events import party_of
from splitrun.files import is_something, read_bytes, remove, sync
from splitrun.model import (
    Finite,
    Stage,
    evaluate,
    extra_states,
    fill,
    named_tensors,
    set_extra_states,
    weights_sha256,
)
from splitrun.party import Party
from splitrun.records.run import Manifest, fate, way_on
from splitrun.runtime import Observer, find_runtime
from splitrun.session.checkpoint import decode, encode
from splitrun.session.job import job_of
from splitrun.session.prepare import prepare
from splitrun.session.run_directory import RunDirectory, read_json

FORMAT = 2
_MISFIT = (ValueError, KeyError, TypeError, AttributeError, RuntimeError)


def save(directory: Path, parties: Iterable[Party], stages: Mapping[str, Stage]) -> str:
    """Write a model, and what it was trained on, in place of any that is there.

    Args:
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
        digests |= _save_shard(written / party.name, party, own)
    sync(written)
    written.rename(directory)
    sync(directory.parent)
    return weights_sha256(digests)


def _save_shard(directory: Path, party: Party, stages: Mapping[str, Stage]) -> dict[str, str]:
    """Write a party's part of a model; gives the digests of its roles' weights."""
    directory.mkdir()
    digests = {role: stage.digest() for role, stage in stages.items()}
    extra = {role: encode(extra_states(stage.module), "extra") for role, stage in stages.items()}
    content = {
        "format": FORMAT,
        "weights_sha256": digests,
        "data_digest": party.data.digest,
        "encoder": party.data.encoder.to_json(),
        "extra": {role: tree for role, (tree, _) in extra.items()},
    }
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


def load_weights(directory: Path, stages: Mapping[str, Stage]) -> None:
    """Fill the modules of stages, by role, with the saved parameters and buffers.

    Raises:
        RunDirectoryError: there is no model, or it is damaged, or not one of these modules.
    """
    for role, stage in stages.items():
        party, module = party_of(role), stage.module
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
            raise RunDirectoryError(f"{message}; restore the file, or train again") from error
        found, expected = stage.digest(), content["weights_sha256"].get(role, "")
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
        message = f"{path}: no model here, for the run ended before it had one"
        raise RunDirectoryError(f"{message}; train again, or name another run")
    keys = {"format": int, "weights_sha256": dict, "data_digest": str, "encoder": dict}
    content = read_json(path, keys | {"extra": dict}, None)  # it lists every category
    if content["format"] != FORMAT:
        message = f"{path}: a model of format {content['format']}, not of {FORMAT}"
        raise RunDirectoryError(f"{message}; use the splitrun that saved it, or train again")
    return content


@dataclass(frozen=True)
class Evaluation:
    """What a saved model makes of the held-out rows."""

    status: str
    """Of the run: `done`, or `interrupted` for a model whose training was not finished, and so on;
    see `splitrun.records.run.fate`."""
    metrics: dict[str, float | None]
    at_the_end: Mapping[str, float | None]
    """What the training found at its end; empty where it was not finished."""
    row_ids: Tensor
    """Rows of the source, int64 `[rows]`."""
    predictions: Tensor
    """Probabilities, float32 `[rows, outputs]`; or numbers in the label's own units, float64 where
    the model was trained on standardised ones."""
    classes: tuple[str, ...]
    """Label values in the order of the outputs; empty for regression."""

    @property
    def differing(self) -> tuple[str, ...]:
        """Metrics that are others than at the end of the training."""
        known = self.at_the_end
        return tuple(
            name
            for name in self.metrics
            if self.metrics[name] != known.get(name, self.metrics[name])
        )


def _at_the_end(manifest: Manifest) -> Mapping[str, float | None]:
    if manifest.status != "done" or manifest.result is None:
        return {}
    return manifest.result.metrics.get("test", {})


def evaluate_run(
    path: Path, *, data_dir: Path | None = None, allow_code: bool = False
) -> Evaluation:
    """Evaluate the model of a run on the rows that were held out.

    Args:
        data_dir: where known datasets are looked up first.
        allow_code: import and run the classes that the run's spec names.

    Raises:
        RunDirectoryError: not a run directory, or one without a sound model.
        UsageError: its data cannot be read, or no rows were held out.
    """
    directory = RunDirectory.open(path)
    manifest = directory.manifest()
    status = fate(path, manifest.status)
    if status == "killed" and not is_something(directory.model):
        killed = f"{path}: the run was killed before it had a model"
        raise RunDirectoryError(f"{killed}; {way_on(path, manifest)}")
    document = directory.document()
    experiment = prepare(
        document,
        directory=Path(manifest.directory),
        data_dir=data_dir,
        encoders={party: load_encoder(directory.model, party) for party in document.spec.parties},
        allow_code=allow_code,
    )
    check_data(directory.model, experiment.parties)
    spec, plan = document.spec, experiment.plan.evaluation()
    if not plan.evaluation_batches:
        raise UsageError(f"{path}: no rows were held out; train with dataset.test_fraction above 0")
    metrics = spec.training.metrics or spec.top.loss.default_metrics
    holder = experiment.parties.label_holder.data
    outputs: list[Tensor] = []
    found: dict[str, float | None] = {}

    def score(output: Tensor, labels: Tensor) -> dict[str, float | None]:
        outputs.append(output)
        found.update(evaluate(spec.top.loss, metrics, output, labels, holder.label_unit))
        return found

    job = job_of(experiment.parties, plan)
    load_weights(directory.model, {name: work.stage for name, work in job.roles.items()})
    top = replace(job.roles[plan.top.name], score=score)
    roles = {**job.roles, plan.top.name: top}
    find_runtime("serial")(replace(job, roles=roles, deadline=None, digests=False), Observer())
    return Evaluation(
        status=status,
        metrics=found,
        at_the_end=_at_the_end(manifest),
        row_ids=holder.test_ids,
        predictions=holder.restored(spec.top.loss.predictions(outputs[0])),
        classes=holder.classes,
    )
