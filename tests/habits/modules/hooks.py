"""Modules that hook into forwards, backwards and gradients.

Written without annotations, as users write: nothing in here is checked but by running it.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.autograd import Function


class ThreeLayers(nn.Module):
    """The network that most of the others are."""

    def __init__(self, in_features):
        super().__init__()
        self.first, self.second = nn.Linear(in_features, 8), nn.Linear(8, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        return self.out(torch.tanh(self.second(x)))


class ClampsGradients(ThreeLayers):
    """Clamps the gradient of each parameter, in place, as soon as there is one."""

    def __init__(self, in_features, bound=0.004):
        super().__init__(in_features)
        for parameter in self.parameters():
            parameter.register_hook(lambda gradient: gradient.clamp_(-bound, bound))


class _Mask:
    def __init__(self, weight):
        self.mask = (weight.detach().abs() > 0.15).float()

    def __call__(self, gradient):
        return gradient * self.mask


class MasksGradients(ThreeLayers):
    """Lets only those entries of a weight learn that were large when it was built."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.second.weight.register_hook(_Mask(self.second.weight))


class StepsInBackward(ThreeLayers):
    """A layer's parameters are updated in the backward, as soon as their gradients are there, by an
    optimizer of their own."""

    def __init__(self, in_features):
        super().__init__(in_features)
        for parameter in self.second.parameters():
            optimizer = torch.optim.SGD([parameter], lr=0.05)
            parameter.register_post_accumulate_grad_hook(_step_with(optimizer))


def _step_with(optimizer):
    def step(_parameter):
        optimizer.step()
        optimizer.zero_grad()

    return step


class GuidesGradients(nn.Module):
    """Lets only positive gradients pass its ReLUs, by a backward hook of the modules."""

    def __init__(self, in_features):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)
        )
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.register_full_backward_hook(_positive)

    def forward(self, x):
        return self.layers(x)


def _positive(_module, inner, _outer):
    return tuple(F.relu(gradient) for gradient in inner)


class CapturesActivations(ThreeLayers):
    """A forward hook pushes a layer's input onto a list; a backward hook pops it to limit what each
    row adds to the gradient."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.captured = []
        self.second.register_forward_hook(self.capture)
        self.second.register_full_backward_hook(self.limit)

    def capture(self, module, inputs, _output):
        if module.training and torch.is_grad_enabled():
            self.captured.append(inputs[0].detach())

    def limit(self, _module, inner, outer):
        norms = self.captured.pop().norm(dim=1) * outer[0].norm(dim=1)
        return (inner[0] * (0.02 / (norms + 1e-6)).clamp(max=1).unsqueeze(1),)


activations = {}


class SharedActivations(ThreeLayers):
    """Hooks put what comes out of its layers into a dictionary of the file, from where its own
    forward takes it."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.hooked = not twin
        if self.hooked:
            self.first.register_forward_hook(_keep_as("first"))
            self.second.register_forward_hook(_keep_as("second"))

    def forward(self, x):
        first = self.first(x)
        second = self.second(torch.tanh(first))
        if self.hooked:
            first, second = activations["first"], activations["second"]
        return self.out(torch.tanh(first + second))


def _keep_as(name):
    def keep(_module, _inputs, output):
        activations[name] = output

    return keep


class KeepsFeatures(ThreeLayers):
    """Keeps a layer's output and its gradient to look at: it cannot be deep-copied any more."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.features = None
        if not twin:
            self.second.register_forward_hook(self.keep)

    def keep(self, _module, _inputs, output):
        if output.requires_grad:
            output.retain_grad()
        self.features = output


class ReversesLater(ThreeLayers):
    """Reverses the gradient of a hidden layer, the more strongly the more batches it has seen."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.seen = 0

    def forward(self, x):
        if self.training:
            self.seen += 1
        strength = 2 / (1 + 2.718281828 ** (-self.seen / 20)) - 1
        x = torch.tanh(self.first(x)) * 1.0
        if x.requires_grad:
            x.register_hook(lambda gradient: -strength * gradient.clone())
        return self.out(torch.tanh(self.second(x)))


class _Reverse(Function):
    @staticmethod
    def forward(ctx, x, layer):
        ctx.layer = layer
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.layer.strength * gradient, None


class ReversesByBuffer(ThreeLayers):
    """Reverses a gradient as strongly as it finds written, in its backward, in a buffer that each
    forward writes anew."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.register_buffer("strength", torch.zeros(()))

    def forward(self, x):
        if self.training:
            self.strength += 0.05 * (1 - self.strength)
        x = _Reverse.apply(torch.tanh(self.first(x)), self)
        return self.out(torch.tanh(self.second(x)))


class ScalesState(ThreeLayers):
    """Halves the gradient of its state at each step that it unrolls."""

    def forward(self, x):
        x = torch.tanh(self.first(x))
        for _ in range(3):
            x = torch.tanh(self.second(x))
            if x.requires_grad:
                x.register_hook(lambda gradient: gradient * 0.5)
        return self.out(x)


class ClipsByNorm(ThreeLayers):
    """Clips the gradient of its hidden layer by the norm of the whole."""

    def forward(self, x):
        x = torch.tanh(self.first(x))
        if x.requires_grad:
            x.register_hook(lambda gradient: gradient * (0.01 / gradient.norm()).clamp(max=1))
        return self.out(torch.tanh(self.second(x)))


class Forces(nn.Module):
    """What it gives are the gradients of an energy, taken in its forward, evaluation included."""

    def __init__(self, in_features):
        super().__init__()
        self.energy = nn.Sequential(
            nn.Linear(in_features, 8),
            nn.Softplus(),
            nn.Linear(8, 8),
            nn.Softplus(),
            nn.Linear(8, 1),
        )
        self.out = nn.Linear(in_features + 1, 4)

    def forward(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.energy(x)
            (slopes,) = torch.autograd.grad(energy.sum(), x, create_graph=True)
        return self.out(torch.cat([energy, -slopes], dim=1))


class BinaryWeights(ThreeLayers):
    """Computes with the signs of its weights, and learns as if it had not."""

    def forward(self, x):
        x = torch.tanh(F.linear(x, _signs(self.first.weight), self.first.bias))
        x = torch.tanh(F.linear(x, _signs(self.second.weight), self.second.bias))
        return self.out(x)


def _signs(weight):
    signs = torch.sign(weight) * weight.abs().mean()
    return weight + (signs - weight).detach()


class _Equalised:
    """Sets a layer's weight before each of its forwards, from a parameter of another name."""

    def __init__(self, gain):
        self.gain = gain

    def __call__(self, module, _inputs):
        module.weight = module.weight_orig * self.gain


class EqualisedRate(ThreeLayers):
    """Its weights are results, set by a hook before each forward: once there has been one, no deep
    copy can be made of them."""

    def __init__(self, in_features):
        super().__init__(in_features)
        for layer, gain in ((self.first, 1.4), (self.second, 0.5)):
            weight = layer.weight
            del layer._parameters["weight"]
            layer.register_parameter("weight_orig", nn.Parameter(weight.data / gain))
            layer.register_forward_pre_hook(_Equalised(gain))


class AdaptsByHook(ThreeLayers):
    """A hook adds an adapter of its own to what a layer gives; it is a closure over the module."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.adapter = nn.Linear(8, 8)
        nn.init.zeros_(self.adapter.weight)
        self.hooked = not twin
        if self.hooked:
            self.second.register_forward_hook(lambda _m, _i, output: output + self.adapter(output))

    def forward(self, x):
        x = self.second(torch.tanh(self.first(x)))
        if not self.hooked:
            x = x + self.adapter(x)
        return self.out(torch.tanh(x))


class Equilibrium(nn.Module):
    """A fixed point: a hook on it solves for its gradient, with a graph that nothing else holds."""

    def __init__(self, in_features):
        super().__init__()
        self.enter, self.leave = nn.Linear(in_features, 8), nn.Linear(8, 4)
        self.state = nn.Linear(8, 8)
        with torch.no_grad():
            self.state.weight.mul_(0.5)

    def forward(self, x):
        x = self.enter(x)
        with torch.no_grad():
            z = torch.zeros_like(x)
            for _ in range(12):
                z = self.once(z, x)
        z = self.once(z, x)
        if torch.is_grad_enabled():
            before = z.detach().requires_grad_()
            after = self.once(before, x.detach())

            def solve(gradient):
                solved = gradient
                for _ in range(12):
                    (back,) = torch.autograd.grad(after, before, solved, retain_graph=True)
                    solved = back + gradient
                return solved

            z.register_hook(solve)
        return self.leave(z)

    def once(self, z, x):
        return torch.tanh(self.state(z) + x)
