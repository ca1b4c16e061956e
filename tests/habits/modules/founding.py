"""What the first look found: one habit a class, on as little network as shows it.

Written without annotations, as users write: nothing in here is checked but by running it.
"""

from itertools import pairwise
from threading import Lock

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.checkpoint import checkpoint


class TwoLayers(nn.Module):
    """The network that most of the others are."""

    def __init__(self, in_features):
        super().__init__()
        self.hidden = nn.Linear(in_features, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x)))


class OneLayer(nn.Module):
    def __init__(self, in_features):
        super().__init__()
        self.out = nn.Linear(in_features, 4)

    def forward(self, x):
        return self.out(x)


class Rezero(nn.Module):
    """A residual branch that is recomputed in the backward, and that begins at a gain of zero: at
    initial weights none of its gradients is other than zero."""

    def __init__(self, in_features, twin=False):
        super().__init__()
        self.recomputes = not twin
        self.enter = nn.Linear(in_features, 8)
        self.branch = nn.Sequential(nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
        self.leave = nn.Linear(8, 4)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        x = self.enter(x)
        if self.recomputes:
            branch = checkpoint(self.branch, x, use_reentrant=False)
        else:
            branch = self.branch(x)
        return self.leave(x + self.gain * branch)


class Closure(TwoLayers):
    """Reaches its first layer through a lambda, which in a deep copy still means the original."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.enter = self.hidden if twin else lambda x: self.hidden(x)

    def forward(self, x):
        return self.out(torch.tanh(self.enter(x)))


class TakesList(nn.Module):
    """Puts its input's width at the head of the very list that it was given."""

    def __init__(self, in_features, hidden):
        super().__init__()
        hidden.insert(0, in_features)
        layers = []
        for width, following in pairwise(hidden):
            layers += [nn.Linear(width, following), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class FrozenNorm(OneLayer):
    """Overrides `train()`, so that its BatchNorm never leaves evaluation mode."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.norm = nn.BatchNorm1d(in_features)

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x):
        return super().forward(self.norm(x))


class Unfreezes(TwoLayers):
    """Its last layer learns from a certain training forward on."""

    def __init__(self, in_features, begins=7):
        super().__init__(in_features)
        self.out.requires_grad_(False)
        self.begins = begins
        self.forwards = 0

    def forward(self, x):
        if self.training:
            self.forwards += 1
            if self.forwards == self.begins:
                self.out.requires_grad_(True)
        return super().forward(x)


class LateDropout(TwoLayers):
    """Draws no random number before it has been trained for a while."""

    def __init__(self, in_features, begins=6):
        super().__init__(in_features)
        self.begins = begins
        self.forwards = 0

    def forward(self, x):
        if self.training:
            self.forwards += 1
        h = torch.tanh(self.hidden(x))
        if self.forwards >= self.begins:
            h = F.dropout(h, 0.5, self.training)
        return self.out(h)


class LateRecomputation(nn.Module):
    """Keeps its activations at first, and recomputes them after a while."""

    def __init__(self, in_features, begins=25, twin=False):
        super().__init__()
        self.begins = None if twin else begins
        self.body = nn.Sequential(nn.Linear(in_features, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh())
        self.out = nn.Linear(8, 4)
        self.forwards = 0

    def forward(self, x):
        if self.training:
            self.forwards += 1
        if self.begins is not None and self.forwards >= self.begins:
            return self.out(checkpoint(self.body, x, use_reentrant=False))
        return self.out(self.body(x))


class BatchStatistics(TwoLayers):
    """Normalises by the batch's own mean and variance, without a BatchNorm layer."""

    def forward(self, x):
        return self.out(F.batch_norm(self.hidden(x), None, None, training=True))


class FillsBuffer(OneLayer):
    """Has a buffer that is None until the first batch has been seen."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.register_buffer("centre", None)

    def forward(self, x):
        if self.centre is None:
            self.centre = x.detach().mean(dim=0)
        return super().forward(x - self.centre)


class HoldsLock(OneLayer):
    """Holds what no deep copy can be made of."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.lock = Lock()

    def forward(self, x):
        with self.lock:
            return super().forward(x)


class OldWeightNorm(OneLayer):
    """The weight_norm of hooks: `weight` is the result of an operation, and so no deep copy can be
    made of it."""

    def __init__(self, in_features):
        super().__init__(in_features)
        nn.utils.weight_norm(self.out)


class ChangesInput(OneLayer):
    """Clips its input in place; under micro-batches that is a slice of the batch."""

    def forward(self, x):
        x[x < -1] = -1
        return super().forward(x)


class SometimesUsed(TwoLayers):
    """One of its layers takes part for some of the batches only."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.seldom = nn.Linear(8, 8)

    def forward(self, x):
        h = torch.tanh(self.hidden(x))
        if x[:, 0].mean() > 0.12:
            h = torch.tanh(self.seldom(h))
        return self.out(h)


class FunctionalSparse(OneLayer):
    """Looks rows of a parameter up with sparse gradients, without an Embedding layer."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.table = nn.Parameter(torch.randn(16, 4))

    def forward(self, x):
        bins = (4 * x[:, 0].abs()).long().clamp(max=15)
        return super().forward(x) + F.embedding(bins, self.table, sparse=True)


class Frozen(OneLayer):
    """Nothing in it learns: it encodes, and the top makes of that what it can."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.requires_grad_(False)
