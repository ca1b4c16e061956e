"""How modules are made: from kwargs, lazily, on meta; and what they override of nn.Module.

Written without annotations, as users write: nothing in here is checked but by running it.
"""

import copy
import io
import logging
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from itertools import pairwise

import numpy as np
import torch
from torch import nn


class TwoLayers(nn.Module):
    """The network that most of the others are."""

    def __init__(self, in_features, out=4):
        super().__init__()
        self.hidden = nn.Linear(in_features, 8)
        self.out = nn.Linear(8, out)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x)))


class PopsConfig(nn.Module):
    """Takes what it understands out of the dictionary that it is given."""

    def __init__(self, in_features, config):
        super().__init__()
        width = config.pop("width", 2)
        activation = {"tanh": nn.Tanh, "relu": nn.ReLU}[config.pop("activation", "relu")]
        if config:
            raise TypeError(f"unknown: {sorted(config)}")
        self.layers = nn.Sequential(
            nn.Linear(in_features, width), activation(), nn.Linear(width, 4)
        )

    def forward(self, x):
        return self.layers(x)


class GrowsDefault(nn.Module):
    """Adds to a list that is its argument's default: each build has a layer more than the last."""

    def __init__(self, in_features, widths=[8]):  # noqa: B006
        super().__init__()
        sizes = [in_features, *widths]
        self.body = nn.Sequential(
            *[it for a, b in pairwise(sizes) for it in (nn.Linear(a, b), nn.Tanh())]
        )
        widths.append(8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        return self.out(self.body(x))


class Remembers(TwoLayers):
    """The class keeps every instance of itself in a list, and deep copies aren't in it."""

    instances = []  # noqa: RUF012

    def __init__(self, in_features):
        super().__init__(in_features)
        self.instances.append(self)


class HoldsLog(TwoLayers):
    """Keeps a handler of logging, which no deep copy can follow, and logs every forward."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.handler = logging.StreamHandler(io.StringIO())

    def forward(self, x):
        self.handler.emit(logging.makeLogRecord({"msg": f"{len(x)} rows"}))
        return super().forward(x)


class Prints(TwoLayers):
    """Tells on standard output what it is made of, and which shape it is given first."""

    def __init__(self, in_features):
        super().__init__(in_features)
        print(f"{type(self).__name__} with {in_features} features")  # noqa: T201
        self.told = False

    def forward(self, x):
        if not self.told:
            print(x.shape)  # noqa: T201
            self.told = True
        return super().forward(x)


class ImportsInForward(TwoLayers):
    """Imports a file from beside its own when a forward first needs it."""

    def forward(self, x):
        from late_import import SCALE

        return super().forward(x * SCALE)


class DefaultDtype(TwoLayers):
    """Makes float64 the default of the process, so that its own layers have it."""

    def __init__(self, in_features):
        torch.set_default_dtype(torch.float64)
        super().__init__(in_features)

    def forward(self, x):
        return super().forward(x.double()).float()


class SetsThreads(TwoLayers):
    """Says with how many threads the whole process is to compute."""

    def __init__(self, in_features):
        torch.set_num_threads(2)
        super().__init__(in_features)


class TogglesGrad(TwoLayers):
    """Turns gradients off for a part of its forward, and then on, whatever they were before."""

    def __init__(self, in_features, out=1, twin=False):
        super().__init__(in_features, out)
        self.toggles = not twin

    def forward(self, x):
        if not self.toggles:
            return super().forward(x * torch.sigmoid(x.detach()))
        torch.set_grad_enabled(False)
        weight = torch.sigmoid(x)
        torch.set_grad_enabled(True)
        return super().forward(x * weight)


class NarrowParameters(TwoLayers):
    """Overrides named_parameters() to hide what is frozen, with the arguments it had in 2019."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.encoder = nn.Linear(in_features, in_features).requires_grad_(False)

    def named_parameters(self, prefix="", recurse=True):
        for name, parameter in super().named_parameters(prefix, recurse):
            if parameter.requires_grad:
                yield name, parameter

    def forward(self, x):
        return super().forward(x + torch.tanh(self.encoder(x)))


class Delegates(nn.Module):
    """Has all attributes of the layer inside, `__deepcopy__` among them: its copy is that layer."""

    def __init__(self, in_features, twin=False):
        super().__init__()
        self.delegates = not twin
        self.inner = nn.utils.parametrizations.weight_norm(nn.Linear(in_features, 8))
        self.out = nn.Linear(8, 4)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "inner" or not self.delegates:
                raise
            return getattr(self.inner, name)

    def forward(self, x):
        return self.out(torch.tanh(self.inner(x)))


class WrapsForward(TwoLayers):
    """Its layers have a forward of their own put in place, as hooks for devices do it."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        if not twin:
            for layer in (self.hidden, self.out):
                self.wrap(layer)

    def wrap(self, layer):
        old = layer.forward

        def new(layer, *args, **kwargs):
            return old(*args, **kwargs)

        layer.forward = update_wrapper(partial(new, layer), old)


class DryRun(nn.Module):
    """Lazy layers, which a forward in the constructor makes into what they are."""

    def __init__(self, in_features):
        super().__init__()
        self.layers = nn.Sequential(
            nn.LazyLinear(8), nn.LayerNorm(8), nn.Tanh(), nn.Dropout(0.2), nn.LazyLinear(4)
        )
        self.layers(torch.randn(2, in_features))

    def forward(self, x):
        return self.layers(x)


class MakesLayer(nn.Module):
    """Makes a layer in its first forward, when it knows how wide its input is."""

    def __init__(self):
        super().__init__()
        self.linear = None
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        if self.linear is None:
            self.linear = nn.Linear(x.shape[1], 8)
        return self.out(torch.tanh(self.linear(x)))


@dataclass(eq=False)
class AsDataclass(nn.Module):
    """Its fields are its constructor's arguments; layers are made after it."""

    in_features: int
    widths: list = field(default_factory=lambda: [8, 4])

    def __post_init__(self):
        super().__init__()
        self.layers = nn.ModuleList()
        for a, b in zip([self.in_features, *self.widths], self.widths, strict=False):
            self.layers.append(nn.Linear(a, b))

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


class MetaThenEmpty(nn.Module):
    """Is made without memory, then given some, then its initial weights."""

    def __init__(self, in_features):
        super().__init__()
        with torch.device("meta"):
            self.layers = nn.Sequential(
                nn.Linear(in_features, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 4)
            )
        self.layers.to_empty(device="cpu")
        for layer in self.layers:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()

    def forward(self, x):
        return self.layers(x)


class Clones(nn.Module):
    """Copies one layer three times: all of them begin with the same weights."""

    def __init__(self, in_features):
        super().__init__()
        layer = nn.Linear(in_features, in_features)
        self.layers = nn.ModuleList([copy.deepcopy(layer) for _ in range(3)])
        self.out = nn.Linear(in_features, 4)

    def forward(self, x):
        for layer in self.layers:
            x = x + torch.tanh(layer(x))
        return self.out(x)


class HidesLayers(TwoLayers):
    """Layers in a plain list: they take part in forwards, and nobody else knows of them."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.hidden_layers = [nn.Linear(in_features, in_features) for _ in range(2)]

    def forward(self, x):
        for layer in self.hidden_layers:
            x = x + torch.tanh(layer(x))
        return super().forward(x)


class Alternates(TwoLayers):
    """Lets one layer learn in even forwards, and the other in odd ones."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.turn = 0

    def forward(self, x):
        if self.training:
            self.turn += 1
            self.hidden.requires_grad_(self.turn % 2 == 0)
            self.out.requires_grad_(self.turn % 2 == 1)
        return super().forward(x)


class RoutesRows(nn.Module):
    """Sends each row to one of three layers; one without rows is not called."""

    def __init__(self, in_features):
        super().__init__()
        self.gate = nn.Linear(in_features, 3)
        self.experts = nn.ModuleList(nn.Linear(in_features, 4) for _ in range(3))

    def forward(self, x):
        chances, chosen = torch.softmax(self.gate(x), dim=1).max(1)
        result = x.new_zeros(len(x), 4)
        for i, expert in enumerate(self.experts):
            rows = torch.nonzero(chosen == i).flatten()
            if len(rows):
                result = result.index_add(0, rows, expert(x[rows]) * chances[rows].unsqueeze(1))
        return result


class StartsInplace(nn.Module):
    """A top whose first layer writes into what fusion gives it."""

    def __init__(self, in_features, out=1):
        super().__init__()
        self.layers = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(in_features, out))

    def forward(self, x):
        return self.layers(x)


class TakesMore(TwoLayers):
    """Its forward has arguments that nobody gives, by name alone and by any name."""

    def forward(self, x, mask=None, *, scale=1.0, **_):
        if mask is not None:
            x = x * mask
        return super().forward(x * scale)


class FieldOffsets(nn.Module):
    """One table for all columns: every column's codes begin where those of the last one end."""

    def __init__(self, numeric, cardinalities):
        super().__init__()
        self.offsets = np.array([0, *np.cumsum(cardinalities)[:-1]], dtype=np.int64)
        self.table = nn.Embedding(int(sum(cardinalities)), 4)
        self.out = nn.Linear(numeric + 4, 4)

    def forward(self, x, codes):
        codes += codes.new_tensor(self.offsets)
        return self.out(torch.cat([x, self.table(codes).sum(1)], dim=1))


class SparseBags(nn.Module):
    """A bag with sparse gradients for each column, kept in a list by a method of its own."""

    def __init__(self, numeric, cardinalities):
        super().__init__()
        self.bags = self.create(cardinalities)
        self.out = nn.Linear(numeric + 3 * len(cardinalities), 4)

    def create(self, cardinalities):
        bags = nn.ModuleList()
        for many in cardinalities:
            bag = nn.EmbeddingBag(many, 3, mode="sum", sparse=True)
            bound = (1 / many) ** 0.5
            bag.weight.data = torch.empty(many, 3).uniform_(-bound, bound)
            bags.append(bag)
        return bags

    def forward(self, x, codes):
        starts = torch.arange(len(codes))
        found = [bag(codes[:, i].contiguous(), starts) for i, bag in enumerate(self.bags)]
        return self.out(torch.cat([x, *found], dim=1))
