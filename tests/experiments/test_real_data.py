"""Real files give what plain pandas, scikit-learn and PyTorch make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import Tensor, nn
from torch.nn import functional

from splitrun.data import BatchOrder
from splitrun.session import Experiment, prepare
from splitrun.spec import load
from tests.experiments.files import own_files
from tests.experiments.test_experiments import EXPERIMENTS
from tests.runtime.running import modules_of, trained

ADULT = EXPERIMENTS / "adult.yaml"
PLAINLY = ["pipeline=sequential", "~links", "~training.lr_schedule", "training.epochs=1"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """References run like roles do: with one thread within an operation."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def adult() -> Experiment:
    """The published files, prepared for one plain epoch."""
    return prepare(load(ADULT, [*own_files(ADULT), *PLAINLY]))


def published(experiment: Experiment) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The training and the test file, read by pandas."""
    dataset = experiment.document.spec.dataset
    train, test = (
        pd.read_csv(
            Path(getattr(dataset, path)),
            names=list(dataset.reading_keys.header),
            skipinitialspace=True,
            comment="|",
            keep_default_na=False,
        )
        for path in ("path", "test_path")
    )
    test["income"] = test["income"].str.rstrip(".")
    return train, test


def encoded(train: pd.DataFrame, test: pd.DataFrame, columns: list[str]) -> NDArray[np.float64]:
    """Standardised numbers, then one-hot words, of the rows of both files."""
    both = pd.concat([train, test])
    numeric = [name for name in columns if train[name].dtype.kind == "i"]
    words = [name for name in columns if name not in numeric]
    numbers = StandardScaler().fit(train[numeric]).transform(both[numeric])
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return np.hstack([numbers, encoder.fit(train[words]).transform(both[words])])


def test_adult_is_encoded_as_pandas_and_scikit_learn_would(adult: Experiment) -> None:
    train, test = published(adult)
    assert (len(train), len(test)) == (32_561, 16_281)
    holder = adult.parties.label_holder.data
    assert holder.classes == ("<=50K", ">50K")
    assert holder.labels is not None
    labels = pd.concat([train, test])["income"].eq(">50K").to_numpy()
    assert np.array_equal(holder.labels[:, 0].numpy(), labels)
    assert holder.train_ids.tolist() == list(range(len(train)))
    for name, party in adult.parties.by_name.items():
        columns = list(adult.document.spec.parties[name].listed)
        matrix = encoded(train, test, columns)
        assert party.data.features[0].shape == matrix.shape
        assert np.allclose(party.data.features[0].numpy(), matrix, rtol=0, atol=1e-6)


class Plain(nn.Module):
    """A perceptron for each party and one over what they give, side by side."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.bottoms = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 32)) for width in widths
        )
        together = 32 * len(widths)
        self.top = nn.Sequential(nn.Linear(together, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, *parts: Tensor) -> Tensor:
        hidden = [bottom(part) for bottom, part in zip(self.bottoms, parts, strict=True)]
        output: Tensor = self.top(torch.cat(hidden, dim=1))
        return output

    def given(self, weights: Sequence[Tensor]) -> Plain:
        """With these weights, in the parties' order and then the top's."""
        with torch.no_grad():
            for mine, theirs in zip(self.parameters(), weights, strict=True):
                mine.copy_(theirs)
        return self


def test_adult_is_learnt_as_by_a_plain_model_on_the_same_matrix(adult: Experiment) -> None:
    parts = [party.data.features[0] for party in adult.parties]
    holder = adult.parties.label_holder.data
    assert holder.labels is not None
    initial = [it for module in modules_of(adult).values() for it in module.parameters()]
    plain = Plain([part.shape[1] for part in parts]).given(initial)
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.002)
    order = BatchOrder(holder.train_ids, 256, adult.document.spec.seed)
    for step in range(adult.plan.steps):
        ids = order.ids_at(step)
        outputs = plain(*(part[ids] for part in parts))
        loss = functional.binary_cross_entropy_with_logits(outputs, holder.labels[ids])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    ours = Plain([part.shape[1] for part in parts]).given(trained(adult, "serial").weights)
    truth, test = holder.labels[holder.test_ids].numpy(), [it[holder.test_ids] for it in parts]
    with torch.no_grad():
        theirs, mine = torch.sigmoid(plain(*test)), torch.sigmoid(ours(*test))
    assert torch.allclose(theirs, mine, rtol=0, atol=1e-6)
    assert abs(roc_auc_score(truth, theirs) - roc_auc_score(truth, mine)) < 1e-6
    assert roc_auc_score(truth, mine) > 0.9
