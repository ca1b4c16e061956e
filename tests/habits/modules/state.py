"""What modules keep from one forward to the next: in buffers, in attributes, in hooks, elsewhere.

Written without annotations, as users write: nothing in here is checked but by running it.
"""

import copy
import uuid
from functools import lru_cache

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
        return self.out(torch.tanh(self.hidden(x)))


class Standardises(TwoLayers):
    """Standardises its input by all it has seen; every forward puts new tensors in its buffers'
    places."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.register_buffer("running_mean", torch.zeros(in_features))
        self.register_buffer("running_var", torch.ones(in_features))
        self.register_buffer("count", torch.ones(()))

    def forward(self, x):
        if self.training:
            total = self.count + len(x)
            apart = x.mean(0) - self.running_mean
            squares = self.running_var * self.count + x.var(0) * len(x)
            self.running_var = (squares + apart**2 * self.count * len(x) / total) / total
            self.running_mean = self.running_mean + apart * len(x) / total
            self.count = total
        return super().forward((x - self.running_mean) / torch.sqrt(self.running_var + 1e-5))


class StopsUpdating(TwoLayers):
    """Keeps statistics of hidden activations in plain attributes, until the tenth forward."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.glob_mean = torch.empty(0)
        self.seen = 0

    def forward(self, x):
        h = torch.tanh(self.hidden(x))
        if self.training and self.seen < 10:
            mean = h.detach().mean(0)
            self.seen += 1
            old = self.glob_mean if len(self.glob_mean) else mean
            self.glob_mean = old + (mean - old) / self.seen
        return self.out(h - self.glob_mean) if len(self.glob_mean) else self.out(h)


class GrowsIndex(TwoLayers):
    """Keeps row numbers in an attribute, and makes more when a batch has more rows than before."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self._rows = torch.empty(0, dtype=torch.long)

    def rows(self, number):
        if len(self._rows) < number:
            self._rows = torch.arange(number)
        return self._rows[:number]

    def forward(self, x):
        h = torch.tanh(self.hidden(x))
        loudest = x.abs().argmax(1)
        return self.out(h) + x[self.rows(len(x)), loudest].unsqueeze(1)


class GrowsBuffer(GrowsIndex):
    """The same in a buffer that `state_dict` leaves out: its size is that of the largest batch."""

    def __init__(self, in_features):
        super().__init__(in_features)
        del self._rows
        self.register_buffer("_rows", torch.empty(0, dtype=torch.long), persistent=False)


class FillsCache(nn.Module):
    """Rotary angles are written into a buffer when first needed; an attribute says how many."""

    def __init__(self, in_features):
        super().__init__()
        self.lift = nn.Parameter(torch.randn(8) / 2)
        self.out = nn.Linear(8, 4)
        self.register_buffer("freqs", 10 ** -torch.arange(0.0, 4))
        self.register_buffer("cached_freqs", torch.zeros(16 * in_features, 4), persistent=False)
        self.cached_freqs_seq_len = 0

    def angles(self, length):
        if self.cached_freqs_seq_len < length:
            self.cached_freqs[:length] = torch.arange(length).unsqueeze(1) * self.freqs
            self.cached_freqs_seq_len = length
        return self.cached_freqs[:length].detach()

    def forward(self, x):
        a, b = (x.unsqueeze(2) * self.lift).chunk(2, dim=2)
        cos, sin = self.angles(x.shape[1]).cos(), self.angles(x.shape[1]).sin()
        turned = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=2)
        return self.out(torch.tanh(turned).sum(1))


class CachesByMethod(TwoLayers):
    """A method's results are cached by the class, for each instance that it was called of."""

    @lru_cache(maxsize=32)  # noqa: B019
    def positions(self, number):
        return torch.linspace(-1, 1, number)

    def forward(self, x):
        return super().forward(x * (1 + self.positions(x.shape[1])))


_SCRATCH = {}


class InstanceIds(TwoLayers):
    """Keeps what it makes in a dictionary of its file, under an id of its own that copies share."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self._instance_id = str(uuid.uuid4())

    def forward(self, x):
        key = (self._instance_id, x.shape[1])
        if key not in _SCRATCH:
            _SCRATCH[key] = torch.tril(torch.ones(x.shape[1], x.shape[1]))
        return super().forward(x @ _SCRATCH[key])


class KMeansCodebook(nn.Module):
    """A codebook that begins with rows of the first batch, drawn at random, and follows the rows
    that fall to each code; all in buffers that are written to in place."""

    def __init__(self, in_features):
        super().__init__()
        self.hidden, self.out = nn.Linear(in_features, 4), nn.Linear(4, 4)
        self.register_buffer("initted", torch.tensor(False))
        self.register_buffer("embed", torch.zeros(6, 4))
        self.register_buffer("cluster_size", torch.ones(6))
        self.register_buffer("embed_avg", torch.zeros(6, 4))

    @torch.no_grad()
    def begin(self, h):
        self.embed.data.copy_(h[torch.randperm(len(h))[:6]])
        self.embed_avg.data.copy_(self.embed)
        self.initted.data.copy_(torch.tensor(True))

    @torch.no_grad()
    def follow(self, h, codes):
        chosen = F.one_hot(codes, 6).to(h.dtype)
        self.cluster_size.mul_(0.9).add_(chosen.sum(0), alpha=0.1)
        self.embed_avg.mul_(0.9).add_(chosen.T @ h, alpha=0.1)
        self.embed.data.copy_(self.embed_avg / self.cluster_size.clamp(min=0.1).unsqueeze(1))

    def forward(self, x):
        h = self.hidden(x)
        if self.training and not self.initted:
            self.begin(h)
        codes = torch.cdist(h.detach(), self.embed).argmin(1)
        quantised = F.embedding(codes, self.embed)
        if self.training:
            self.follow(h, codes)
        return self.out(h + (quantised - h).detach())


class BetaSchedule(TwoLayers):
    """Counts its training forwards, from a number of its class, and opens a bottleneck by it."""

    num_iter = 0

    def forward(self, x):
        if self.training:
            self.num_iter += 1
        return super().forward(x) * min(1.0, 0.1 + self.num_iter / 40)


class CountsInBuffer(TwoLayers):
    """The same with its count in a buffer."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        if self.training:
            self.step += 1
        return super().forward(x) * (0.1 + self.step / 40).clamp(max=1)


class ExtraState(TwoLayers):
    """Scales by the largest values of late; get_extra_state() and set_extra_state() keep them."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.amax = 1.0

    def get_extra_state(self):
        return torch.tensor(self.amax, dtype=torch.float64)

    def set_extra_state(self, state):
        self.amax = state.item()

    def forward(self, x):
        if self.training:
            self.amax += 0.1 * (x.abs().max().item() - self.amax)
        return super().forward(x / self.amax)


class TeacherInStateDict(TwoLayers):
    """Averages its own weights into a dictionary that only state_dict() and loading know of."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.teacher = {"weight": self.hidden.weight.detach().clone()}

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        state = super().state_dict(
            *args, destination=destination, prefix=prefix, keep_vars=keep_vars
        )
        state[f"{prefix}_ema"] = self.teacher["weight"]
        return state

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        self.teacher["weight"] = state_dict.pop(f"{prefix}_ema")
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def forward(self, x):
        if self.training:
            new = self.hidden.weight.detach()
            self.teacher["weight"] = 0.9 * self.teacher["weight"] + 0.1 * new
        teacher = F.linear(x, self.teacher["weight"])
        return super().forward(x) + torch.tanh(teacher).mean(1, keepdim=True)


class MomentumTeacher(TwoLayers):
    """Moves the weights of its teacher in every training forward, by giving them other `.data`."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.teacher = copy.deepcopy(self.hidden).requires_grad_(False)

    @torch.no_grad()
    def follow(self):
        for ours, theirs in zip(self.teacher.parameters(), self.hidden.parameters(), strict=True):
            ours.data = ours.data * 0.9 + theirs.data * 0.1

    def forward(self, x):
        if self.training:
            self.follow()
        return super().forward(x) + torch.tanh(self.teacher(x)).mean(1, keepdim=True)


class ActNorm(TwoLayers):
    """Its first training batch says what its shift and scale begin with."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.shift = nn.Parameter(torch.zeros(in_features))
        self.scale = nn.Parameter(torch.ones(in_features))
        self.register_buffer("begun", torch.tensor(False))

    def forward(self, x):
        if self.training and not self.begun:
            std, mean = torch.std_mean(x, 0)
            self.shift.data = -mean
            self.scale.data = std.clamp(min=1e-3).reciprocal()
            self.begun.fill_(True)
        return super().forward(self.scale * (x + self.shift))


class MemoryBank(nn.Module):
    """Attends to a queue of earlier rows, and then puts its own in their places."""

    def __init__(self, in_features):
        super().__init__()
        self.hidden, self.out = nn.Linear(in_features, 4), nn.Linear(8, 4)
        self.register_buffer("queue", F.normalize(torch.randn(4, 100), dim=0))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def enqueue(self, h):
        first = int(self.queue_ptr)
        places = (first + torch.arange(len(h))) % 100
        self.queue[:, places] = h.T
        self.queue_ptr[0] = (first + len(h)) % 100

    def forward(self, x):
        h = F.normalize(self.hidden(x), dim=1)
        bank = self.queue.clone().detach()
        found = torch.softmax(4 * h @ bank, dim=1) @ bank.T
        if self.training:
            self.enqueue(h.detach())
        return self.out(torch.cat([h, found], dim=1))


class CarriesHidden(nn.Module):
    """A recurrent state goes on from batch to batch, as long as they have the same rows."""

    def __init__(self, in_features):
        super().__init__()
        self.cell, self.out = nn.GRUCell(in_features, 6), nn.Linear(6, 4)
        self.h = None

    def forward(self, x):
        before = self.h if self.h is not None and len(self.h) == len(x) else None
        h = self.cell(x, before)
        if self.training:
            self.h = h.detach()
        return self.out(h)


class KeepsAttention(nn.Module):
    """Leaves its attention on itself, with the graph, for whoever wants to look at it."""

    def __init__(self, in_features, twin=False):
        super().__init__()
        self.keeps = not twin
        self.score, self.out = nn.Linear(in_features, in_features), nn.Linear(in_features, 4)
        self.attention = None

    def forward(self, x):
        attention = torch.softmax(self.score(x), dim=1)
        if self.keeps:
            self.attention = attention
        return self.out(attention * x)


class SavesActivations(nn.Module):
    """A hook keeps a layer's input for another, which divides the gradient by its size."""

    def __init__(self, in_features):
        super().__init__()
        self.first, self.second = nn.Linear(in_features, 8), nn.Linear(8, 4)
        self.m_aa = {}
        self.second.register_forward_pre_hook(self._save_input)
        self.second.register_full_backward_hook(self._use_input)

    def _save_input(self, _, inputs):
        self.m_aa["second"] = inputs[0].detach().square().mean()

    def _use_input(self, _, grad_input, __):
        return (grad_input[0] / (0.1 + self.m_aa["second"]),)

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))


class ScratchArray(TwoLayers):
    """Prepares every batch in one NumPy array, whose memory its first layer then keeps."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.reuses = not twin
        self.scratch = np.empty((512, in_features), dtype=np.float32)

    def forward(self, x):
        room = self.scratch if self.reuses else np.empty_like(self.scratch)
        np.multiply(x.numpy(), 0.5, out=room[: len(x)])
        return super().forward(torch.from_numpy(room[: len(x)]))


class ReturnsItsRoom(TwoLayers):
    """Writes every result to the same memory and returns that: the next forward overwrites it."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.reuses = not twin
        self.room = torch.empty(512, 4)

    def forward(self, x):
        room = self.room if self.reuses else torch.empty(512, 4)
        result = room[: len(x)].detach()
        return result.copy_(super().forward(x))


class PassesInput(TwoLayers):
    """Returns a list of two: its input as it came, and what it made of it."""

    def forward(self, x):
        return [x, super().forward(x)]


class ReturnsCodes(TwoLayers):
    """Returns beside its result which of its units was the largest: no gradient goes there."""

    def forward(self, x):
        h = torch.tanh(self.hidden(x))
        return self.out(h), F.one_hot(h.detach()[:, :3].argmax(1), 3).float()


class FourierFeatures(nn.Module):
    """Has buffers, and no parameter at all."""

    def __init__(self, in_features):
        super().__init__()
        self.register_buffer("b", torch.randn(3, in_features))

    def forward(self, x):
        angles = 2 * torch.pi * 0.1 * x @ self.b.T
        return torch.cat([angles.cos(), angles.sin()], dim=1)


class MergesInEval(nn.Module):
    """Adds its low-rank update to the frozen weight in eval(), and takes it away in train()."""

    def __init__(self, in_features):
        super().__init__()
        self.first, self.base = nn.Linear(in_features, 8), nn.Linear(8, 4)
        self.base.weight.requires_grad_(False)
        self.lora_a = nn.Parameter(torch.randn(2, 8) / 2)
        self.lora_b = nn.Parameter(torch.zeros(4, 2))
        self.merged = False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            update = self.lora_b.detach() @ self.lora_a.detach()
            self.base.weight.data += -update if mode else update
            self.merged = not mode
        return self

    def forward(self, x):
        h = torch.tanh(self.first(x))
        if self.merged:
            return self.base(h)
        return self.base(h) + h @ self.lora_a.T @ self.lora_b.T
