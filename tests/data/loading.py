"""What all parties of a spec load, for the tests of `splitrun.data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from splitrun.data import InputShape, OnDownload, PartyEncoder
from splitrun.party import Parties
from splitrun.spec import Spec


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
