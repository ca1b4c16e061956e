"""Layers that look at a batch as a whole, and some that only seem to.

Written without annotations, as users write: nothing in here is checked but by running it.
"""

import math

import torch
from torch import nn


class TwoLayers(nn.Module):
    """The network that most of the others are."""

    def __init__(self, in_features):
        super().__init__()
        self.hidden = nn.Linear(in_features, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        return self.out(torch.tanh(self.normalised(self.hidden(x))))

    def normalised(self, h):
        return h


class TrainReturnsNone(TwoLayers):
    """Overrides train() to keep BatchNorm in evaluation mode, and forgets to return itself."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.norm = nn.BatchNorm1d(8)

    def train(self, mode=True):
        super().train(mode)
        if mode:
            for layer in self.modules():
                if isinstance(layer, nn.BatchNorm1d):
                    layer.eval()

    def normalised(self, h):
        return self.norm(h)


class CumulativeNorm(TwoLayers):
    """BatchNorm whose running statistics are plain averages: they depend on its counter."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.norm = nn.BatchNorm1d(8, momentum=None)

    def normalised(self, h):
        return self.norm(h)


class UntrackedNorm(TwoLayers):
    """BatchNorm without running statistics: evaluation, too, is by the batch at hand."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.norm = nn.BatchNorm1d(8, track_running_stats=False)

    def normalised(self, h):
        return self.norm(h)


class GhostNorm(TwoLayers):
    """Normalises chunks of at most sixteen rows, without any layer of PyTorch's."""

    def normalised(self, h):
        if not self.training:
            return h
        chunks = h.chunk(math.ceil(len(h) / 16), 0)
        return torch.cat(
            [(c - c.mean(0)) / (c.var(0, unbiased=False) + 1e-5).sqrt() for c in chunks]
        )


class BatchRenorm(TwoLayers):
    """Normalises by the batch, corrected towards running statistics, which it then moves."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.register_buffer("running_mean", torch.zeros(8))
        self.register_buffer("running_std", torch.ones(8))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def normalised(self, h):
        if not self.training:
            return (h - self.running_mean) / self.running_std
        mean, std = h.mean(0), h.std(0, unbiased=False) + 1e-3
        rmax = (2 / 30 * self.num_batches_tracked + 0.5).clamp(1, 3)
        dmax = (5 / 30 * self.num_batches_tracked - 0.5).clamp(0, 5)
        r = (std.detach() / self.running_std).clamp(1 / rmax, rmax)
        d = ((mean.detach() - self.running_mean) / self.running_std).clamp(-dmax, dmax)
        self.running_mean += 0.1 * (mean.detach() - self.running_mean)
        self.running_std += 0.1 * (std.detach() - self.running_std)
        self.num_batches_tracked += 1
        return (h - mean) / std * r + d


class SwitchableNorm(TwoLayers):
    """Learns how much to normalise by the row and how much by the batch."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.share = nn.Parameter(torch.ones(2))
        self.register_buffer("running_mean", torch.zeros(1, 8))
        self.register_buffer("running_var", torch.ones(1, 8))

    def normalised(self, h):
        row = h.mean(1, keepdim=True), h.var(1, keepdim=True)
        if self.training:
            batch = h.mean(0, keepdim=True), h.var(0, keepdim=True)
            self.running_mean.mul_(0.9).add_(0.1 * batch[0].data)
            self.running_var.mul_(0.9).add_(0.1 * batch[1].data)
        else:
            batch = self.running_mean, self.running_var
        share = torch.softmax(self.share, 0)
        mean, var = (share[0] * a + share[1] * b for a, b in zip(row, batch, strict=True))
        return (h - mean) / (var + 1e-5).sqrt()


class Whitening(TwoLayers):
    """Takes the correlations of its units in the batch out, by a triangular solve."""

    def normalised(self, h):
        if not self.training:
            return h
        centred = h - h.mean(0)
        covariance = centred.T @ centred / (len(h) - 1)
        root = torch.linalg.cholesky(covariance + 0.1 * torch.eye(8))
        return torch.linalg.solve_triangular(root, centred.T, upper=False).T


class RowAttention(TwoLayers):
    """Rows of a batch attend to one another."""

    def normalised(self, h):
        return torch.softmax(h @ h.T / math.sqrt(8), dim=1) @ h


class SkipsFewRows(TwoLayers):
    """Centres its units unless the batch has too few rows for a mean: slices may, wholes don't."""

    def normalised(self, h):
        return h - h.mean(0) if self.training and len(h) > 20 else h


class SortsRows(TwoLayers):
    """Sorts a batch by length for its recurrent layer, and puts it back: no row sees another."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.encoder = nn.GRU(1, 8, batch_first=True)

    def forward(self, x):
        lengths = (x > 0).sum(1).clamp(min=1)
        lengths, order = lengths.sort(descending=True)
        rows = x[order].unsqueeze(2)
        packed = nn.utils.rnn.pack_padded_sequence(rows, lengths.cpu(), batch_first=True)
        _, last = self.encoder(packed)
        return self.out(torch.tanh(last[0][order.argsort()]))


class ChunksRows(TwoLayers):
    """Works through large batches in chunks of sixteen rows, to save memory."""

    def forward(self, x):
        if len(x) <= 16:
            return super().forward(x)
        return torch.cat([super(ChunksRows, self).forward(chunk) for chunk in x.split(16)])
