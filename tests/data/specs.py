"""Specs and files for the tests of `splitrun.data`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from splitrun.data import InputShape, OnDownload, PartyEncoder
from splitrun.party import Parties
from splitrun.spec.model import Spec

BANK_COLUMNS = {
    "alice": ["age", "job", "marital", "education"],
    "bob": [
        *("default", "balance", "housing", "loan", "contact", "day", "month", "duration"),
        *("campaign", "pdays", "previous", "poutcome"),
    ],
}


def make_spec(
    dataset: Mapping[str, Any],
    columns: Mapping[str, Sequence[str]],
    *,
    loss: str = "binary_cross_entropy",
    bottom: Mapping[str, Any] | None = None,
    scaling: str = "standard",
) -> Spec:
    """A spec whose parties all have the same kind of bottom."""
    bottom = {"out": 4, **(bottom or {"type": "mlp"})}
    parties = {
        name: {"columns": list(taken), "bottom": bottom, "scaling": scaling}
        for name, taken in columns.items()
    }
    top = {"party": next(iter(columns)), "loss": loss}
    return Spec.model_validate(
        {"name": "test", "dataset": dict(dataset), "parties": parties, "top": top}
    )


def csv_spec(columns: Mapping[str, Sequence[str]], **settings: Any) -> Spec:
    """A spec over `rows.csv` with label `y`; settings are the dataset's, or `make_spec`'s."""
    own = {key: settings.pop(key) for key in ("loss", "bottom", "scaling") if key in settings}
    dataset = {"type": "csv", "path": "rows.csv", "label": "y", **settings}
    return make_spec(dataset, columns, **own)


def write_rows(directory: Path, header: str, rows: Sequence[str]) -> Path:
    """Writes `rows.csv` with these lines."""
    path = directory / "rows.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True)
class Loaded:
    """What all parties of a spec have loaded, side by side."""

    train_ids: Tensor
    test_ids: Tensor
    features: Mapping[str, tuple[Tensor, ...]]
    """By party with a bottom, as are the two below."""
    inputs: Mapping[str, InputShape]
    labels: Tensor
    classes: tuple[str, ...]
    encoders: Mapping[str, PartyEncoder]
    """By party."""
    digests: Mapping[str, str]


def load_data(
    spec: Spec,
    directory: Path,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    encoders: Mapping[str, PartyEncoder] | None = None,
) -> Loaded:
    """Load all parties of a spec in this process."""
    parties = Parties.load(
        spec, directory, data_dir=data_dir, on_download=on_download, encoders=encoders
    )
    holder = parties.label_holder.data
    assert holder.labels is not None
    fitted = {party.name: party.data.encoder for party in parties}
    return Loaded(
        holder.train_ids,
        holder.test_ids,
        {party.name: party.data.features for party in parties if party.data.features},
        {name: each.features.shape for name, each in fitted.items() if each.features},
        holder.labels,
        holder.classes,
        fitted,
        parties.digests,
    )


def words(data: Loaded, party: str) -> tuple[str, ...]:
    """The distinct words of a party's first column of categories."""
    features = data.encoders[party].features
    assert features is not None
    return features.categorical[0].values
