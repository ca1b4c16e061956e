"""The files of an export: a role's ONNX, a party's description as JSON, and the reader of both.

The description's keys are explained in docs/export.md; `reader.py` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitrun import __version__
from splitrun.errors import ModelError, Problem, UsageError
from splitrun.events import party_of
from splitrun.export.graph import NotExportable
from splitrun.export.roles import bottom_graph, top_graph
from splitrun.export.saved import SavedRoles
from splitrun.model import intra_op_threads, refused
from splitrun.spec import reading_of

FORMAT = 1
"""Of a party's description."""
READER = "reader.py"


@dataclass(frozen=True)
class Exported:
    """What an export comes to."""

    status: str
    """Of the run; see `OpenedRun.status`."""
    files: Mapping[str, bytes]
    """By name."""


def export_role(path: Path, role: str, *, allow_code: bool = False) -> Exported:
    """One role's ONNX.

    Args:
        path: the run's directory.
        allow_code: import and run the class that the spec names for it.

    Raises:
        UsageError: a role that the directory does not have.
        RunDirectoryError: not a run directory, or one without a sound model.
        ModelError: a class that may not be run, or that ONNX has no file for.
        MissingExtra: a package for it is not installed.
    """
    saved = SavedRoles.open(path)
    saved.refuse_other(role)
    return Exported(saved.run.status, {_file(role): _onnx(saved, role, allow_code=allow_code)})


def export(path: Path, *, allow_code: bool = False) -> Exported:
    """Every role that a run's directory has, each party's description, and the reader.

    Raises:
        RunDirectoryError, ModelError, MissingExtra: as for `export_role`.
    """
    saved = SavedRoles.open(path)
    if not isinstance(saved.spec.dataset.label, str):
        message = f"{path}: has several labels, of which no reader of exported files can tell"
        raise UsageError(f"{message}; export its roles one by one, with --role")
    files = {_file(role): _onnx(saved, role, allow_code=allow_code) for role in saved.digests}
    for party in saved.parties:
        described = json.dumps(_description(saved, party), indent=1, ensure_ascii=False)
        files[f"{party}.json"] = f"{described}\n".encode()
    files[READER] = Path(__file__).with_name(READER).read_bytes()
    return Exported(saved.run.status, files)


def _file(role: str) -> str:
    return f"{role}.onnx"


def _onnx(saved: SavedRoles, role: str, *, allow_code: bool) -> bytes:
    spec, run = saved.spec, saved.run
    module = saved.module(role, allow_code=allow_code)
    properties = {
        "splitrun": __version__,
        "run": run.name,
        "role": role,
        "weights_sha256": saved.digests[role],
    }
    with run.document.located(), intra_op_threads(spec.runtime.intra_op_threads):
        try:
            if saved.is_top(role):
                graph = top_graph(spec, saved.loss, module, saved.cuts(role))
            else:
                features = saved.encoder(party_of(role)).features
                assert features is not None, "there is a bottom, so there are columns"
                graph = bottom_graph(role, module, features)
            return graph.to_onnx(properties, run.directory)
        except NotExportable as error:
            raise _refusal(saved, role, error) from error


def _refusal(saved: SavedRoles, role: str, error: NotExportable) -> ModelError:
    section = saved.spec.top.model
    if not saved.is_top(role):
        section = saved.spec.parties[party_of(role)].bottom
    if section is None:  # a top without a model; then it is what the loss says of its outputs
        what = f"the predictions of {saved.spec.top.loss.title} cannot be written as ONNX: {error}"
        return ModelError([Problem(("top", "loss"), what, "compute them by PyTorch alone")])
    what = f"{section.title} cannot be written as ONNX: {error}"
    remedy = "have its forward() use tensors and PyTorch's layers alone, and export again"
    return refused(section, role, what, remedy)


def _description(saved: SavedRoles, party: str) -> dict[str, Any]:
    """All that turns a party's rows into its bottom's inputs, and the top's predictions into what
    the label holder's label says."""
    encoder, reading = saved.encoder(party), reading_of(saved.spec, party)
    features, label = encoder.features, encoder.label
    described: dict[str, Any] = {
        "format": FORMAT,
        "splitrun": __version__,
        "run": saved.run.name,
        "party": party,
        "roles": {
            role: {
                "kind": "top" if saved.is_top(role) else "bottom",
                "file": _file(role),
                "weights_sha256": digest,
            }
            for role, digest in saved.digests.items()
            if party_of(role) == party
        },
    }
    if features is not None:
        described["reading"] = {
            "decimal": reading.decimal,
            "thousands": reading.thousands,
            "units": reading.units,
            "missing_values": reading.missing_values,
        }
        read = reading.columns_for(column.name for column in features.numeric)
        described["dates"] = {
            name: {"format": reading.dates[name].format, "parts": reading.dates[name].parts}
            for name in read
            if name in reading.dates
        }
        described["numbers"] = [column.model_dump() for column in features.numeric]
        described["categories"] = [column.model_dump() for column in features.categorical]
        described["categories_become"] = features.inputs
    if label is not None:
        described["label"] = {
            "name": label.column,
            "classes": label.classes,
            "mean": label.scale.mean if label.scale else 0.0,
            "deviation": label.scale.deviation if label.scale else 1.0,
        }
    return described
