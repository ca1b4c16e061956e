"""Losses: what is trained on, and what it comes to row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splitrun.components import Registry
from splitrun.model.custom.measures import CustomLoss
from splitrun.spec.measures import LossSection
from splitrun.spec.section import CLASS_TAG

OWN = {"class": "torch.nn:SoftMarginLoss", "kwargs": {"reduction": "none"}, "labels": "numbers"}
LOSSES: dict[str, LossSection] = {
    name: section(type=name)
    for name, section in Registry([]).members("losses").items()
    if name != CLASS_TAG
} | {"a class": CustomLoss.model_validate(OWN).built(Path())}


@pytest.mark.parametrize("name", LOSSES)
@given(rows=st.integers(1, 300), classes=st.integers(2, 9), seed=st.integers(0, 2**32 - 1))
def test_the_mean_of_the_rows_losses_is_the_fused_mean(
    name: str, rows: int, classes: int, seed: int
) -> None:
    loss, generator = LOSSES[name], torch.Generator().manual_seed(seed)
    outputs = 3 * torch.randn(rows, loss.width(classes) or 1, generator=generator)
    labels = {
        "binary": torch.randint(2, (rows, 1), generator=generator).float(),
        "classes": torch.randint(classes, (rows,), generator=generator),
        "multilabel": torch.randint(2, (rows, classes), generator=generator).float(),
        "numbers": torch.randn(rows, 1, generator=generator),
    }[loss.labels]
    each = loss.per_row(outputs, labels)
    assert each.shape == (rows,)
    torch.testing.assert_close(each.mean(), loss.mean(outputs, labels), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "fused"),
    [
        ("binary_cross_entropy", torch.nn.functional.binary_cross_entropy_with_logits),
        ("mse", torch.nn.functional.mse_loss),
    ],
)
def test_what_is_trained_on_is_pytorchs_own_to_the_bit(name: str, fused: object) -> None:
    assert callable(fused)
    outputs, labels = torch.randn(64, 1, requires_grad=True), torch.randint(2, (64, 1)).float()
    ours, theirs = LOSSES[name].mean(outputs, labels), fused(outputs, labels)
    assert torch.equal(ours, theirs)
    (one,) = torch.autograd.grad(ours, outputs, retain_graph=True)
    (other,) = torch.autograd.grad(theirs, outputs)
    assert torch.equal(one, other)
