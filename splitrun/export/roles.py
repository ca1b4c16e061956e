"""What a role's file computes: a bottom, its cut of a party's encoded rows; the top, outputs and
predictions of all cuts, with the fusion, and with what codecs make of cuts on their way."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from splitrun.data import FeatureEncoder
from splitrun.events import party_of
from splitrun.export.graph import Graph
from splitrun.model import Cuts, Tensors, as_tensors, fuse
from splitrun.plan import TensorFacts
from splitrun.runtime import codec
from splitrun.spec import Codec, Spec, link_between
from splitrun.spec.measures import LossSection

_SEED = 0


def bottom_graph(role: str, module: nn.Module, encoder: FeatureEncoder) -> Graph:
    """A bottom's: `features`, float32 `[rows, width]`, and for codes of categories `codes`, int64
    `[rows, categories]`, to what the top takes from this role."""

    def example(rows: int) -> Tensors:
        generator = torch.Generator().manual_seed(_SEED)
        numbers = torch.randn(rows, len(encoder.numeric), generator=generator)
        sizes = [len(column.values) + 1 for column in encoder.categorical]
        codes = [torch.randint(size, (rows,), generator=generator) for size in sizes]
        if encoder.inputs == "codes":
            return numbers, torch.stack(codes, 1) if codes else torch.zeros(rows, 0).long()
        seen = (one_hot(its, size)[:, 1:].float() for its, size in zip(codes, sizes, strict=True))
        return (torch.cat([numbers, *seen], dim=1),)

    with torch.no_grad():
        cut = as_tensors(module(*example(2)))
    inputs = ("features", "codes") if encoder.inputs == "codes" else ("features",)
    return Graph(_Bottom(module), inputs, cut_names(role, len(cut)), example)


def top_graph(spec: Spec, loss: LossSection, module: nn.Module, cuts: Cuts) -> Graph:
    """The top's: the cuts of all bottoms, by their names, to `outputs` and `predictions`, `[rows,
    width]` both."""
    names = [name for role, tensors in cuts.items() for name in cut_names(role, len(tensors))]

    def example(rows: int) -> Tensors:
        generator = torch.Generator().manual_seed(_SEED)
        return tuple(
            torch.randn((rows, *tensor.shape), generator=generator).to(getattr(torch, tensor.dtype))
            for tensors in cuts.values()
            for tensor in tensors
        )

    return Graph(_Top(spec, loss, module, cuts), names, ("outputs", "predictions"), example)


def cut_names(role: str, tensors: int) -> tuple[str, ...]:
    """What a bottom's cut is called where it leaves it, and where it enters the top."""
    return (role,) if tensors == 1 else tuple(f"{role}.{index}" for index in range(tensors))


class _Bottom(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.training = False  # not by eval(), for a class may have its own

    def forward(self, *inputs: Tensor) -> Tensors:
        return as_tensors(self.module(*inputs))


class _Top(nn.Module):
    def __init__(self, spec: Spec, loss: LossSection, module: nn.Module, cuts: Cuts) -> None:
        super().__init__()
        self.module = module
        self.training = False
        self._fusion, self._loss = spec.top.fusion, loss
        self._cuts = [
            (tensors, link.codec if link else "none")
            for role, tensors in cuts.items()
            for link in (link_between(spec, party_of(role), spec.top.party),)
        ]

    def forward(self, *tensors: Tensor) -> Tensors:
        left = iter(tensors)
        cuts = [_sent(how, facts, [next(left) for _ in facts]) for facts, how in self._cuts]
        outputs = self.module(*fuse(self._fusion, cuts))
        return outputs, self._loss.predictions(outputs)


def _sent(how: Codec, facts: Sequence[TensorFacts], cut: Sequence[Tensor]) -> Tensors:
    """A cut as it arrives."""
    if how == "none":
        return tuple(cut)
    return codec.decode(how, facts, codec.encode(how, facts, cut))
