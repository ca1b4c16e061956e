"""Modules that draw random numbers: from which generator, when, and with which seed.

Written without annotations, as users write: nothing in here is checked but by running it.
"""

import os
import random

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class TwoLayers(nn.Module):
    """The network that most of the others are."""

    def __init__(self, in_features):
        super().__init__()
        self.hidden = nn.Linear(in_features, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        return self.out(self.noisy(torch.tanh(self.hidden(x))))

    def noisy(self, h):
        return h


class AttentionDropout(nn.Module):
    """Drops attention inside of scaled_dot_product_attention, with columns for tokens."""

    def __init__(self, in_features):
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(in_features, 12) / 2)
        self.out = nn.Linear(4, 4)

    def forward(self, x):
        q, k, v = (x.unsqueeze(2) * self.tokens).unsqueeze(1).chunk(3, dim=3)
        rate = 0.3 if self.training else 0
        found = F.scaled_dot_product_attention(q, k, v, dropout_p=rate, is_causal=True)
        return self.out(found.squeeze(1).mean(1))


class RandomSlopes(TwoLayers):
    """RReLU draws a slope for every negative value."""

    def noisy(self, h):
        return F.rrelu(h, 0.1, 0.9, self.training)


class Reparametrised(nn.Module):
    """Returns a sample of its Gaussian in training and the mean otherwise."""

    def __init__(self, in_features):
        super().__init__()
        self.mu, self.log_var = nn.Linear(in_features, 4), nn.Linear(in_features, 4)

    def forward(self, x):
        mu = self.mu(x)
        if not self.training:
            return mu
        std = torch.exp(0.5 * self.log_var(x))
        return mu + torch.randn_like(std) * std


class AnnealedGumbel(TwoLayers):
    """Samples categories by Gumbel's noise, at a temperature that falls with every forward."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.temp = 1.0

    def noisy(self, h):
        if not self.training:
            return torch.softmax(h, 1)
        self.temp = np.maximum(self.temp * np.exp(-0.02), 0.3)
        return F.gumbel_softmax(h, tau=float(self.temp))


class NoisyLinear(TwoLayers):
    """Draws new noise into its buffers in every training forward; autograd saves the buffers."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.sigma = nn.Parameter(torch.full((8, 8), 0.2))
        self.register_buffer("epsilon", torch.zeros(8, 8))

    def reset_noise(self):
        rows, columns = (it.sign() * it.abs().sqrt() for it in torch.randn(2, 8))
        self.epsilon.copy_(torch.outer(rows, columns))

    def noisy(self, h):
        if not self.training:
            return h
        self.reset_noise()
        return h + F.linear(h, self.sigma * self.epsilon)


class DropPath(TwoLayers):
    """Leaves a residual branch out, row by row."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.branch = nn.Linear(8, 8)

    def noisy(self, h):
        branch = self.branch(h)
        if self.training:
            branch = branch * branch.new_empty(len(h), 1).bernoulli_(0.7) / 0.7
        return h + branch


class LayerDrop(TwoLayers):
    """Leaves whole layers out, by NumPy's generator: their parameters then have no gradient."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def noisy(self, h):
        for layer in self.layers:
            if not self.training or np.random.random() > 0.4:
                h = torch.tanh(layer(h))
        return h


class ManifoldMixup(TwoLayers):
    """Mixes hidden rows with others, drawn by torch, in a proportion drawn by NumPy."""

    def noisy(self, h):
        if not self.training:
            return h
        part = np.random.beta(2.0, 2.0)
        return part * h + (1 - part) * h[torch.randperm(len(h))]


class StochasticRounding(TwoLayers):
    """Rounds up or down by chance; its gradient passes straight through."""

    def noisy(self, h):
        chance = torch.rand_like(h) if self.training else 0.5
        return h + (torch.floor(h * 16 + chance) / 16 - h).detach()


class ScheduledDropBlock(TwoLayers):
    """Drops neighbouring units, more of them with every forward; at first none, without a draw."""

    def __init__(self, in_features, begins=5):
        super().__init__(in_features)
        rates = np.linspace(0.0, 0.3, 10)
        self.rates = np.concatenate([np.zeros(begins - 1), rates[1:]])
        self.i = 0

    def noisy(self, h):
        if not self.training:
            return h
        rate = float(self.rates[min(self.i, len(self.rates) - 1)])
        self.i += 1
        if rate == 0:
            return h
        seeds = (torch.rand(len(h), 1, 8) < rate / 3).float()
        kept = 1 - F.max_pool1d(seeds, 3, stride=1, padding=1).squeeze(1)
        return h * kept * kept.numel() / kept.sum()


class SeedsInInit(TwoLayers):
    """Its constructor seeds torch, NumPy and Python for the whole process."""

    def __init__(self, in_features):
        torch.manual_seed(1024)
        np.random.seed(1024)
        random.seed(1024)
        super().__init__(in_features)

    def noisy(self, h):
        return F.dropout(h, 0.3, self.training)


class SeedsInForward(TwoLayers):
    """Every forward seeds torch for the whole process, and hashes rows by what it then draws."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.buckets = nn.Parameter(torch.randn(8, 8) / 2)

    def noisy(self, h):
        torch.manual_seed(17)
        turned = h.detach() @ torch.randn(8, 4)
        return h + self.buckets[torch.cat([turned, -turned], dim=1).argmax(1)]


class ForksGenerator(TwoLayers):
    """Draws its projection anew in every forward, and puts torch's generator back afterwards."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.forks = not twin

    def projection(self):
        if not self.forks:
            return torch.randn(8, 8, generator=torch.Generator().manual_seed(23))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(23)
            return torch.randn(8, 8)

    def noisy(self, h):
        return torch.tanh(h @ self.projection())


class OwnGenerator(TwoLayers):
    """Draws from a generator of its own, which goes on from forward to forward."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.generator = torch.Generator().manual_seed(5)

    def noisy(self, h):
        if not self.training:
            return h
        return h * (torch.rand(h.shape, generator=self.generator) < 0.7) / 0.7


class OwnRandom(TwoLayers):
    """The same with a generator of Python's, which says which unit to leave out."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.rng = random.Random(911)

    def noisy(self, h):
        if not self.training:
            return h
        kept = torch.ones(8)
        kept[self.rng.randrange(8)] = 0
        return h * kept


class UnseededInit(TwoLayers):
    """Initial weights from a generator that nobody seeded: no two builds are alike."""

    def __init__(self, in_features):
        super().__init__(in_features)
        drawn = np.random.default_rng().normal(0, 0.5, (8, in_features))
        with torch.no_grad():
            self.hidden.weight.copy_(torch.from_numpy(drawn))


class EntropySeed(TwoLayers):
    """Seeds a generator from the system's entropy in every forward: no two are alike."""

    def noisy(self, h):
        if not self.training:
            return h
        seed = int.from_bytes(os.urandom(4), "little")
        drawn = np.random.default_rng(seed).random(h.shape)
        return h * torch.from_numpy(drawn < 0.7) / 0.7


class WordDropout(nn.Module):
    """Writes the unknown code over some of its codes, in place."""

    def __init__(self, numeric, cardinalities):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(many, 3) for many in cardinalities)
        self.out = nn.Linear(numeric + 3 * len(cardinalities), 4)

    def forward(self, x, codes):
        if self.training:
            codes[torch.rand(codes.shape) < 0.2] = 0
        found = [table(codes[:, i]) for i, table in enumerate(self.tables)]
        return self.out(torch.cat([x, *found], dim=1))
