from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import OneHotEncoder

from tests.data.loading import Loaded, load_data, words
from tests.data.specs import make_spec

PARTIES = ("alice", "bob", "carol", "dave", "erin")
EMBEDDING = {"type": "embedding_mlp"}


def generate(parties: int, loss: str = "binary_cross_entropy", **dataset: Any) -> Loaded:
    bottom = EMBEDDING if dataset.get("categorical") else None
    spec = make_spec(
        {"type": "synthetic", **dataset},
        {name: [] for name in PARTIES[:parties]},
        loss=loss,
        bottom=bottom,
        scaling="none",
    )
    return load_data(spec, Path())


def same(left: tuple[torch.Tensor, ...], right: tuple[torch.Tensor, ...]) -> bool:
    return all(map(torch.equal, left, right))


def score(data: Loaded, parties: tuple[str, ...]) -> float:
    """Accuracy or R² on held-out rows of a linear model over these parties' numbers, their
    squares, and their one-hot categories."""
    blocks: list[Any] = []
    for name in parties:
        numbers = data.features[name][0].numpy()
        blocks.append(numbers)
        blocks.append(np.einsum("ri,rj->rij", numbers, numbers).reshape(len(numbers), -1))
        if len(data.features[name]) > 1:
            encoder = OneHotEncoder(sparse_output=False)
            blocks.append(encoder.fit_transform(data.features[name][1].numpy()))
    inputs, labels = np.hstack(blocks), data.labels.numpy().ravel()
    model = LogisticRegression(C=0.1, max_iter=500) if data.classes else Ridge()
    train, test = data.train_ids.numpy(), data.test_ids.numpy()
    return float(model.fit(inputs[train], labels[train]).score(inputs[test], labels[test]))


@settings(max_examples=15)
@given(
    parties=st.integers(2, 5),
    numeric=st.integers(0, 3),
    categorical=st.integers(0, 2),
    seed=st.integers(0, 99),
    loss=st.sampled_from(["binary_cross_entropy", "mse"]),
)
def test_equal_settings_generate_equal_rows(
    parties: int, numeric: int, categorical: int, seed: int, loss: str
) -> None:
    shape = {"numeric": numeric + (categorical == 0), "categorical": categorical, "rows": 200}
    first = generate(parties, loss, generator_seed=seed, cardinality=5, **shape)
    second = generate(parties, loss, generator_seed=seed, cardinality=5, **shape)
    assert torch.equal(first.labels, second.labels)
    assert all(same(first.features[name], second.features[name]) for name in first.features)
    other = generate(parties, loss, generator_seed=seed + 1, cardinality=5, **shape)
    assert not same(first.features["alice"], other.features["alice"])


@pytest.mark.parametrize("parties", [2, 5])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy", "mse"])
def test_the_label_needs_every_party(parties: int, loss: str) -> None:
    classes = 3 if loss == "cross_entropy" else 2
    data = generate(parties, loss, rows=4000, numeric=3, classes=classes, noise=0.1)
    names = PARTIES[:parties]
    everyone = score(data, names)
    losses = {
        name: everyone - score(data, tuple(other for other in names if other != name))
        for name in names
    }
    assert min(losses.values()) > 0.02, (everyone, losses)


def test_categories_carry_signal_and_few_of_them_most_rows() -> None:
    data = generate(2, "mse", rows=5000, numeric=0, categorical=2, cardinality=20)
    assert score(data, ("alice", "bob")) > score(data, ("alice",)) + 0.1
    values = words(data, "alice")
    assert set(values) == {f"v{index}" for index in range(20)}
    shares = torch.bincount(data.features["alice"][1][:, 0]) / 5000
    assert shares[1 + values.index("v0")] > 5 * shares[1 + values.index("v19")]


def test_one_party_more_does_not_change_anothers_columns() -> None:
    two, five = (generate(n, rows=500, numeric=3, categorical=2) for n in (2, 5))
    assert two.inputs["bob"].numeric == 3
    assert torch.equal(two.features["bob"][0], five.features["bob"][0])


def test_neighbours_columns_are_correlated_in_part() -> None:
    data = generate(2, rows=20_000, numeric=2)
    both = torch.cat([data.features[name][0] for name in ("alice", "bob")], dim=1)
    correlation = torch.corrcoef(both.T)
    assert correlation[1, 3] == pytest.approx(0.3, abs=0.03)
    assert correlation[0, 2] == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_every_class_has_a_fair_share(classes: int) -> None:
    data = generate(3, "cross_entropy", rows=7000, classes=classes)
    assert data.classes == tuple(str(index) for index in range(classes))
    shares = torch.bincount(data.labels) / 7000
    assert shares.min() > 0.4 / classes


def target(data: Loaded) -> torch.Tensor:
    """The label's numbers in their own unit."""
    (label,) = (encoder.label for encoder in data.encoders.values() if encoder.label)
    return label.restored(data.labels)


def test_noise_is_relative_to_the_signal() -> None:
    clear, noisy = (target(generate(2, "mse", rows=20_000, noise=noise)) for noise in (0.0, 2.0))
    assert clear.std() == pytest.approx(1, abs=0.01)
    assert (noisy - clear).std() == pytest.approx(2, abs=0.05)


def test_a_party_may_hold_columns_generated_for_another() -> None:
    columns = {"alice": ["bob_num0", "alice_num1"], "bob": ["bob_num1"]}
    settings = {"type": "synthetic", "numeric": 2, "rows": 100}
    data = load_data(make_spec(settings, columns, scaling="none"), Path())
    own = generate(2, numeric=2, rows=100)
    assert torch.equal(data.features["alice"][0][:, 0], own.features["bob"][0][:, 0])
    assert torch.equal(data.labels, own.labels)
