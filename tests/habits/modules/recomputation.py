"""Modules that run forwards again in their backward, or that keep for it what autograd would not.

Written without annotations, as users write: nothing in here is checked but by running it.
"""

import copy
import functools
import weakref

import torch
from torch import nn
from torch.autograd import Function
from torch.func import functional_call, stack_module_state, vmap
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
)


class Residual(nn.Module):
    """The network that most of the others are; its body is what they do something about."""

    def __init__(self, in_features):
        super().__init__()
        self.enter = nn.Linear(in_features, 8)
        self.body = nn.Sequential(
            nn.LayerNorm(8), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()
        )
        self.leave = nn.Linear(8, 4)

    def forward(self, x):
        x = self.enter(x)
        return self.leave(x + self.through(x))

    def through(self, x):
        return self.body(x)


class Reentrant(Residual):
    """Recomputes by a backward within the backward, as checkpoint() did at first."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.recomputes = not twin

    def through(self, x):
        if self.recomputes and self.training:
            return checkpoint(self.body, x, use_reentrant=True)
        return self.body(x)


class RecomputesDropout(Residual):
    """Recomputes a dropout: for that, the backward puts the process's generator back, and then
    forward again."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.recomputes = not twin
        self.body.append(nn.Dropout(0.3))

    def through(self, x):
        if self.recomputes:
            return checkpoint(self.body, x, use_reentrant=False)
        return self.body(x)


class ForgetsDropout(Residual):
    """Recomputes a dropout with whatever random numbers come next, to save time."""

    def __init__(self, in_features):
        super().__init__(in_features)
        self.body.append(nn.Dropout(0.3))

    def through(self, x):
        return checkpoint(self.body, x, use_reentrant=False, preserve_rng_state=False)


class Selective(Residual):
    """Keeps the results of its matrix products, and recomputes the rest."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.recomputes = not twin

    def through(self, x):
        if not self.recomputes:
            return self.body(x)
        contexts = functools.partial(create_selective_checkpoint_contexts, _keeps_products)
        return checkpoint(
            self.body, x, use_reentrant=False, preserve_rng_state=False, context_fn=contexts
        )


def _keeps_products(_context, operation, *_arguments, **_options):
    products = (torch.ops.aten.mm.default, torch.ops.aten.addmm.default)
    kept = operation in products
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE


class Segments(Residual):
    """Recomputes its body in two segments, one after the other."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.recomputes = not twin

    def through(self, x):
        if self.recomputes:
            return checkpoint_sequential(self.body, 2, x, use_reentrant=False)
        return self.body(x)


class _Coupling(nn.Module):
    """One reversible block over two halves of its input."""

    def __init__(self, width):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(width, width), nn.Tanh())
        self.g = nn.Sequential(nn.Linear(width, width), nn.Tanh())

    def forward(self, x):
        x1, x2 = x.chunk(2, dim=-1)
        y1 = x1 + self.f(x2)
        return torch.cat([y1, x2 + self.g(y1)], dim=-1)

    def inverse(self, y):
        y1, y2 = y.chunk(2, dim=-1)
        x2 = y2 - self.g(y1)
        return torch.cat([y1 - self.f(x2), x2], dim=-1)

    def back(self, y, gradient):
        """Input and its gradient, by what came out; parameters gather theirs on the way."""
        with torch.no_grad():
            x = self.inverse(y)
        with torch.enable_grad():
            x.requires_grad_()
            again = self(x)
        again.backward(gradient)
        return x.detach(), x.grad


class _Reversed(Function):
    @staticmethod
    def forward(ctx, x, blocks):
        ctx.blocks = blocks
        for block in blocks:
            x = block(x)
        ctx.y = x.detach()
        return x

    @staticmethod
    def backward(ctx, gradient):
        y = ctx.y
        for block in reversed(ctx.blocks):
            y, gradient = block.back(y, gradient)
        return gradient, None


class Reversible(nn.Module):
    """Keeps no activations: the backward computes them from what came out, and calls backward()
    of each block, which adds to the parameters' gradients then and there."""

    def __init__(self, in_features):
        super().__init__()
        self.enter, self.leave = nn.Linear(in_features, 8), nn.Linear(8, 4)
        self.blocks = nn.ModuleList(_Coupling(4) for _ in range(3))

    def forward(self, x):
        return self.leave(_Reversed.apply(self.enter(x), self.blocks))


class _SharedResult(Function):
    result = None

    @staticmethod
    def forward(ctx, x, block):
        ctx.block = block
        x = block(x)
        _SharedResult.result = x.detach()
        return x

    @staticmethod
    def backward(ctx, gradient):
        _, gradient = ctx.block.back(_SharedResult.result, gradient)
        return gradient, None


class SharedResult(nn.Module):
    """Keeps what came out of its last forward in one place for all, until the backward."""

    def __init__(self, in_features):
        super().__init__()
        self.enter, self.leave = nn.Linear(in_features, 8), nn.Linear(8, 4)
        self.block = _Coupling(4)

    def forward(self, x):
        return self.leave(_SharedResult.apply(self.enter(x), self.block))


class _FreesInput(Function):
    @staticmethod
    def forward(ctx, block, x, *weights):
        ctx.block, ctx.x, ctx.weights = block, x, weights
        with torch.no_grad():
            y = block(x)
        ctx.y, ctx.bytes = y.detach(), x.untyped_storage().nbytes()
        x.untyped_storage().resize_(0)
        return y

    @staticmethod
    def backward(ctx, gradient):
        ctx.x.untyped_storage().resize_(ctx.bytes)
        with torch.no_grad():
            ctx.x.copy_(ctx.block.inverse(ctx.y))
        with torch.enable_grad():
            x = ctx.x.detach().requires_grad_()
            y = ctx.block(x)
        return None, *torch.autograd.grad(y, (x, *ctx.weights), gradient)


class FreesInput(nn.Module):
    """Empties its input's memory once it has been used; the backward fills it again by running
    the block the other way."""

    def __init__(self, in_features):
        super().__init__()
        self.enter, self.leave = nn.Linear(in_features, 8), nn.Linear(8, 4)
        self.block = _Coupling(4)

    def forward(self, x):
        return self.leave(_FreesInput.apply(self.block, self.enter(x), *self.block.parameters()))


class _GivenParameters(Function):
    @staticmethod
    def forward(ctx, run, x, *parameters):
        ctx.run, ctx.x, ctx.parameters = run, x, parameters
        with torch.no_grad():
            return run(x)

    @staticmethod
    def backward(ctx, gradient):
        with torch.enable_grad():
            x = ctx.x.detach().requires_grad_()
            y = ctx.run(x.view_as(x))
        wanted = (x, *ctx.parameters)
        return None, *torch.autograd.grad(y, wanted, gradient, allow_unused=True)


class ZeroConnection(Residual):
    """Recomputes by a function of its own, which has the parameters handed to it and asks for
    their gradients, or for none where they took no part; behind it a layer that begins at zero."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.recomputes = not twin
        self.zero = nn.Linear(8, 8)
        nn.init.zeros_(self.zero.weight)
        nn.init.zeros_(self.zero.bias)

    def through(self, x):
        if self.recomputes:
            return self.zero(_GivenParameters.apply(self.body, x, *self.body.parameters()))
        return self.zero(self.body(x))


class _Adjoint(Function):
    @staticmethod
    def forward(ctx, speed, steps, y, *parameters):
        ctx.speed, ctx.steps, ctx.parameters = speed, steps, parameters
        with torch.no_grad():
            for _ in range(steps):
                y = y + speed(y) / steps
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, adjoint):
        (y,) = ctx.saved_tensors
        totals = [torch.zeros_like(it) for it in ctx.parameters]
        for _ in range(ctx.steps):
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                rate = ctx.speed(y)
            by_y, *by_parameters = torch.autograd.grad(
                rate, (y, *ctx.parameters), adjoint / ctx.steps, allow_unused=True
            )
            y = y - rate.detach() / ctx.steps
            adjoint = adjoint + by_y
            for total, part in zip(totals, by_parameters, strict=True):
                if part is not None:
                    total += part
        return None, None, adjoint, *totals


class Adjoint(nn.Module):
    """A differential equation that the backward solves once more, back in time, with the weights
    that it then finds."""

    def __init__(self, in_features):
        super().__init__()
        self.enter, self.leave = nn.Linear(in_features, 8), nn.Linear(8, 4)
        self.speed = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))

    def forward(self, x):
        y = _Adjoint.apply(self.speed, 4, self.enter(x), *self.speed.parameters())
        return self.leave(y)


class _KeepsAttributes(Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.x, ctx.weight = x, weight
        return torch.addmm(bias, x, weight.t())

    @staticmethod
    def backward(ctx, gradient):
        return gradient @ ctx.weight, gradient.t() @ ctx.x, gradient.sum(0)


class _KeepsSaved(Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return torch.addmm(bias, x, weight.t())

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        return gradient @ weight, gradient.t() @ x, gradient.sum(0)


class KeepsAttributes(nn.Module):
    """Keeps input and weight for its backward as attributes of the context, unknown to autograd."""

    def __init__(self, in_features, twin=False):
        super().__init__()
        self.enter, self.middle = nn.Linear(in_features, 8), nn.Linear(8, 8)
        self.leave = nn.Linear(8, 4)
        self.function = _KeepsSaved if twin else _KeepsAttributes

    def forward(self, x):
        x = torch.tanh(self.enter(x))
        return self.leave(self.function.apply(x, self.middle.weight, self.middle.bias).tanh())


def _offloaded(forward):
    @functools.wraps(forward)
    def wrapped(*inputs):
        with torch.autograd.graph.save_on_cpu():
            return forward(*inputs)

    return wrapped


class Offloads(Residual):
    """Replaces a layer's forward() by a wrapper that moves to the CPU what autograd saves: on a CPU
    that is nothing but the end of autograd's own checks."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        if not twin:
            self.body.forward = _offloaded(self.body.forward)


class PacksActivations(Residual):
    """Keeps what autograd saves as plain bytes, weights and all."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.packs = not twin

    def through(self, x):
        if not self.packs:
            return self.body(x)
        with torch.autograd.graph.saved_tensors_hooks(_packed, _unpacked):
            return self.body(x)


def _packed(tensor):
    return tensor.detach().numpy().tobytes(), tensor.dtype, tensor.shape


def _unpacked(packed):
    content, dtype, shape = packed
    return torch.frombuffer(bytearray(content), dtype=dtype).reshape(shape)


def _recomputed(forward, reference, *inputs):
    return checkpoint(forward, reference(), *inputs, use_reentrant=False)


class WeakForward(Residual):
    """Its layer's forward() is a partial that recomputes, and that knows the layer by a weak
    reference: a deep copy's forward() is then the original's."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        if not twin:
            forward = type(self.body).forward
            self.body.forward = functools.partial(_recomputed, forward, weakref.ref(self.body))


class CallsWithWeights(Residual):
    """Calls its layer with weights that it gathered when it was built."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.weights = None if twin else dict(self.body.named_parameters())

    def through(self, x):
        return self.body(x) if self.weights is None else functional_call(self.body, self.weights, x)


class Ensemble(nn.Module):
    """Three networks in one vectorised call: their stacked weights are its own parameters, and the
    layers that the call goes through have none."""

    def __init__(self, in_features):
        super().__init__()
        members = [
            nn.Sequential(nn.Linear(in_features, 8), nn.Tanh(), nn.Linear(8, 4)) for _ in range(3)
        ]
        stacked, _ = stack_module_state(members)
        self.names = list(stacked)
        self.stacked = nn.ParameterList(nn.Parameter(it.detach()) for it in stacked.values())
        self.skeleton = [copy.deepcopy(members[0]).to("meta")]

    def forward(self, x):
        def one(weights):
            return functional_call(self.skeleton[0], weights, (x,))

        return vmap(one)(dict(zip(self.names, self.stacked, strict=True))).mean(0)


class Scripted(Residual):
    """Has a part of it compiled to TorchScript, which Python does not see inside of."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
        if not twin:
            self.body = torch.jit.script(self.body)


class Compiled(Residual):
    """Calls its layer through torch.compile, kept beside it: both hold the same parameters."""

    def __init__(self, in_features, twin=False):
        super().__init__(in_features)
        self.faster = self.body if twin else torch.compile(self.body, backend="eager")

    def through(self, x):
        return self.faster(x)
