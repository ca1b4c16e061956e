"""What becomes of modules that PyTorch's exporter has trouble with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from splitrun.export.graph import Graph, NotExportable

pytest.importorskip("onnx", reason="wants splitrun[onnx]")
pytest.importorskip("onnxruntime", reason="wants splitrun[onnx]")


class Own(nn.Module):
    """A module of one layer or none, whose forward is a function."""

    def __init__(self, forward: Callable[[nn.Module, Tensor], Tensor], layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.function = layer, forward

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.function(self.layer, x),)


def written(forward: Callable[[nn.Module, Tensor], Tensor], layer: nn.Module) -> bytes:
    module = Own(forward, layer).eval()
    graph = Graph(module, ("features",), ("cut",), lambda rows: (torch.randn(rows, 8),))
    return graph.to_onnx({}, Path(__file__).parent)


def test_layers_of_pytorch_that_look_at_shapes_are_written() -> None:
    assert written(lambda layer, x: layer(x[:, None])[0][:, 0], nn.LSTM(8, 4, batch_first=True))


@pytest.mark.parametrize(
    ("forward", "told"),
    [
        (
            lambda _, x: torch.special.i0(x),
            "^UnsupportedOperatorError: .* 'aten::i0' .* supported$",
        ),
        (lambda _, x: x.reshape(3, 8), "^it fails for 1 rows itself: .*test_graph.py:"),
        (lambda _, x: x * int(x.shape[0]), "^test_graph.py:.* goes by what a tensor holds"),
        (lambda layer, x: layer(x) + torch.rand_like(x), "^what is written gives other numbers"),
    ],
)
def test_what_cannot_be_written_is_told_in_a_line_and_nothing_is_printed(
    forward: Callable[[nn.Module, Tensor], Tensor], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotExportable, match=told) as raised:
        written(forward, nn.Identity())
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")
