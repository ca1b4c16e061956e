"""A split training loop written by hand, in plain PyTorch: the reference for speed."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def hand_written_loop(
    bottoms: Sequence[nn.Module],
    top: nn.Module,
    columns: Sequence[tuple[Tensor, ...]],
    labels: Tensor,
    optimizers: Sequence[torch.optim.Optimizer],
    *,
    batch_size: int,
    steps: int,
) -> float:
    """Train by sequential split learning in the calling thread; gives the seconds it took."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    rows = len(labels)
    order = torch.randperm(rows, generator=generator)
    start = time.perf_counter()
    for step in range(steps):
        at = step % (rows // batch_size) * batch_size
        ids = order[at : at + batch_size]
        hidden = [
            bottom(*(part[ids] for part in parts))
            for bottom, parts in zip(bottoms, columns, strict=True)
        ]
        cuts = [output.detach().requires_grad_() for output in hidden]
        loss = functional.binary_cross_entropy_with_logits(top(torch.cat(cuts, 1)), labels[ids])
        torch.autograd.backward(loss)
        loss.item()
        for output, cut in zip(hidden, cuts, strict=True):
            output.backward(cut.grad)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    return time.perf_counter() - start
