"""Figures of an evaluation, by hand where that is easy."""

from __future__ import annotations

import pytest
import torch

from splitrun.model import evaluate
from splitrun.model.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError

LABELS = torch.tensor([0, 1, 1, 0])
SIGMOID = BinaryCrossEntropy(type="binary_cross_entropy")
SOFTMAX = CrossEntropy(type="cross_entropy")
LOGITS = torch.tensor([-2.0, 0.5, 2.0, 1.0])


def test_two_classes_of_a_softmax_are_scored_as_one_logit_is() -> None:
    softmax = torch.stack([torch.zeros(4), LOGITS], dim=1)
    one = evaluate(
        BinaryCrossEntropy(type="binary_cross_entropy"),
        ("auroc", "f1"),
        LOGITS[:, None],
        LABELS[:, None].float(),
    )
    two = evaluate(SOFTMAX, ("auroc",), softmax, LABELS)
    assert two["auroc"] == one["auroc"] == 0.75
    assert two["loss"] == pytest.approx(one["loss"])


def test_several_classes_are_averaged_one_against_the_rest() -> None:
    outputs = torch.eye(3)
    assert evaluate(SOFTMAX, ("auroc",), outputs, torch.arange(3))["auroc"] == 1.0


def test_what_rows_do_not_define_or_numbers_cannot_hold_is_none() -> None:
    alike = evaluate(SOFTMAX, ("auroc",), torch.zeros(2, 2), torch.tensor([1, 1]))
    assert alike["auroc"] is None
    huge = torch.full((2, 1), 1e30)
    assert (
        evaluate(MeanSquaredError(type="mse"), ("rmse",), huge, torch.zeros(2, 1))["loss"] is None
    )
