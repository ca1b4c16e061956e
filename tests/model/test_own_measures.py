"""Losses and metrics that are classes: what they give, and what of them is refused before a run."""

from __future__ import annotations

import math
from pathlib import Path
from textwrap import dedent, indent

import numpy as np
import pytest
import torch

from splitrun.errors import ModelError
from splitrun.model import evaluate
from splitrun.model.custom.measures import CustomLoss, CustomMetric
from splitrun.model.losses import BinaryCrossEntropy
from splitrun.model.measures import own_figures
from splitrun.spec import loads
from tests.cli.trial import says
from tests.runtime.running import synthetic

OUTPUTS = torch.linspace(-2, 2, 9)[:, None]
LABELS = (torch.arange(9) % 2).float()[:, None]
MARGINS = "return (1 - outputs * (2 * labels - 1)).relu()"


def loss_of(directory: Path, call: str, init: str = "pass", base: str = "nn.Module") -> CustomLoss:
    """One that is written beside the spec."""
    lines = [
        "import torch, random",
        "from torch import nn",
        f"class Loss({base}):",
        "    def __init__(self):",
        "        super().__init__()",
        indent(dedent(init), " " * 8),
        f"    def {'forward' if base else '__call__'}(self, outputs, labels):",
        indent(dedent(call), " " * 8),
    ]
    (directory / "own.py").write_text("\n".join(lines) + "\n")
    return CustomLoss.model_validate({"class": "own:Loss", "labels": "binary"})


@pytest.mark.parametrize("base", ["nn.Module", ""])
def test_a_class_gives_a_loss_for_each_row_and_probabilities(tmp_path: Path, base: str) -> None:
    section = loss_of(tmp_path, MARGINS, base=base)
    section.try_out(tmp_path, OUTPUTS, LABELS)
    loss = section.built(tmp_path)
    each = (1 - OUTPUTS * (2 * LABELS - 1)).relu()[:, 0]
    assert torch.equal(loss.per_row(OUTPUTS, LABELS), each)
    assert torch.equal(loss.mean(OUTPUTS, LABELS), each.mean())
    assert torch.equal(loss.predictions(OUTPUTS), OUTPUTS.sigmoid())


def test_a_class_may_say_what_it_predicts(tmp_path: Path) -> None:
    section = loss_of(tmp_path, MARGINS)
    with (tmp_path / "own.py").open("a") as module:
        module.write("    def predictions(self, outputs):\n        return outputs.clamp(0, 1)\n")
    section.try_out(tmp_path, OUTPUTS, LABELS)
    predicted = section.built(tmp_path).predictions(OUTPUTS)
    assert torch.equal(predicted, OUTPUTS.clamp(0, 1))


@pytest.mark.parametrize(
    ("call", "init", "told"),
    [
        (f"{MARGINS}.mean()", "pass", "gives a tensor [] for 9 rows; give one number for each"),
        ("return 3.0", "pass", "gives a float for 9 rows; give one number for each"),
        (f"{MARGINS}.squeeze()", "pass", "gives a tensor [] for 1 row; give one number for each"),
        ("return labels.log() + outputs", "pass", "has a loss of -inf for a training row"),
        ("return (outputs - outputs).sqrt()", "pass", "has a gradient of nan for a training row"),
        (f"{MARGINS[:-1]}).detach()", "pass", "gives no gradient to the outputs"),
        ("return outputs * 0", "pass", "has a gradient of 0 for every row of the first batch"),
        ("return (outputs - outputs.mean()) ** 2", "pass", "where it stands among other rows"),
        (
            f"{MARGINS} + self.scale",
            "self.scale = nn.Parameter(torch.ones(1))",
            "has parameters that learn (scale), which nobody updates",
        ),
        (f"{MARGINS} * torch.rand(1)", "pass", "draws random numbers"),
        (f"{MARGINS} * random.random()", "pass", "draws random numbers"),
        (f"self.calls += 1\n{MARGINS}", "self.calls = 0", "changes calls when it is called"),
        (
            f"self.seen += 1\n{MARGINS}",
            "self.register_buffer('seen', torch.zeros(1))",
            "changes a buffer when it is called",
        ),
        (f"labels[labels == 0] = -1\n{MARGINS}", "pass", "changes its labels in place"),
        ("return outputs.mul_(2) - labels", "pass", "changes its outputs in place"),
        (
            f"{MARGINS} * self.factor",
            "Loss.made = self.factor = getattr(Loss, 'made', 0) + 1",
            "gives other numbers each time that it is built",
        ),
        (
            f"torch.set_default_dtype(torch.float64)\n{MARGINS}",
            "pass",
            "calls torch.set_default_dtype, which would hold for every party",
        ),
        ("return outputs + missing", "pass", "fails on float32 [9, 1] and labels float32 [9, 1]: "),
        (
            "raise ValueError('no such label')",
            "pass",
            "ValueError: no such label (…own.py:8); check its __call__() or forward()",
        ),
        (MARGINS, "raise ValueError('no gamma')", "cannot be built with {}: ValueError: no gamma"),
    ],
)
def test_a_loss_that_cannot_be_trained_with_is_refused_in_one_line(
    tmp_path: Path, call: str, init: str, told: str
) -> None:
    with pytest.raises(ModelError) as refused:
        loss_of(tmp_path, call, init).try_out(tmp_path, OUTPUTS, LABELS)
    assert says(str(refused.value), f"…{told}…")


def test_an_instance_that_cannot_be_called_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("class Loss:\n    pass\n")
    section = CustomLoss.model_validate({"class": "own:Loss", "labels": "binary"})
    with pytest.raises(ModelError, match="own:Loss makes a Loss that cannot be called; define"):
        section.built(tmp_path)


def metric_of(directory: Path, call: str, init: str = "pass") -> CustomMetric:
    """One that is written beside the spec."""
    lines = [
        "import numpy as np",
        "class Metric:",
        "    def __init__(self):",
        indent(dedent(init), " " * 8),
        "    def __call__(self, labels, predictions, weights):",
        indent(dedent(call), " " * 8),
    ]
    (directory / "own.py").write_text("\n".join(lines) + "\n")
    given = {"class": "own:Metric", "name": "cost", "greater_is_better": False}
    return CustomMetric.model_validate(given)


@pytest.mark.parametrize(
    ("call", "init", "told"),
    [
        ("return 'good'", "pass", "own:Metric gives a str; give one number"),
        ("return labels", "pass", "own:Metric gives a ndarray; give one number"),
        ("return np.random.rand()", "pass", "own:Metric draws random numbers"),
        ("self.sum += 1\nreturn self.sum", "self.sum = 0", "own:Metric changes sum when it is"),
        ("predictions.sort()\nreturn 0", "pass", "ValueError: …read-only"),
        ("return len(weights)", "pass", "own:Metric fails on labels [9] and predictions [9]: "),
        (
            "return 0 if weights is None else weights['a']",
            "pass",
            "own:Metric fails on labels [9] and predictions [9] with weights [9]: IndexError: ",
        ),
    ],
)
def test_a_metric_that_tells_nothing_is_refused_in_one_line(
    tmp_path: Path, call: str, init: str, told: str
) -> None:
    truth, predicted = LABELS[:, 0].numpy().astype(np.int64), OUTPUTS[:, 0].double().numpy()
    predicted.setflags(write=False)
    with pytest.raises(ModelError) as refused:
        metric_of(tmp_path, call, init).try_out(tmp_path, truth, predicted)
    assert says(str(refused.value), f"…{told}…")


def test_a_metric_is_computed_of_labels_predictions_and_weights(tmp_path: Path) -> None:
    call = "return np.average((predictions >= 0.5) & (labels == 0), weights=weights)"
    figure = metric_of(tmp_path, call).built(tmp_path)
    loss, weights = BinaryCrossEntropy(type="binary_cross_entropy"), torch.arange(9.0).double()
    wrong = ((OUTPUTS >= 0) & (LABELS == 0))[:, 0].double()
    whole = evaluate(loss, ("accuracy", "cost"), OUTPUTS, LABELS, own={"cost": figure})
    assert whole["cost"] == wrong.mean()
    weighed = evaluate(loss, ("cost",), OUTPUTS, LABELS, weights, own={"cost": figure})
    assert weighed["cost"] == pytest.approx(float((wrong * weights).sum() / 36))
    assert math.isfinite(whole["accuracy"] or math.nan)


def test_a_metric_of_numbers_is_given_them_in_the_targets_own_units(tmp_path: Path) -> None:
    metric_of(tmp_path, "return float(predictions[0, 0] - labels[1, 0])")
    metric = {"class": "own:Metric", "name": "gap", "greater_is_better": True}
    content = synthetic(top={"loss": "mse"}, training={"metrics": [metric]})
    spec = loads(repr(content), "spec.yaml").spec
    figure = own_figures(spec, tmp_path, lambda numbers: numbers.double() * 10 + 3)["gap"]
    assert figure(np.array([[0.0], [2.0]]), np.array([[5.0], [5.0]]), None) == 53 - 23
