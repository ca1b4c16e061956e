"""Hooks of parameters, of modules and of what lies between them."""

from __future__ import annotations

from tests.habits.habit import Habit

_REFUSED_SLICES = "refused (?i)micro"
_REFUSED_STATE = "refused (?i)state"
_REFUSED_DEPTH = "refused (?i)pipelin"
"""What a forward leaves for its backward, the next forward takes away."""

HABITS: tuple[Habit, ...] = (
    # Deep copies of parameters have no hooks; a slice's gradient is clamped apart from the others'.
    Habit(
        "hooks:ClampsGradients",
        "akandykeller/NeuralWaveMachines Rotating_MNIST/tvae/utils/grad_utils.py: "
        "parameter.register_hook(clamp_)",
        microbatch=_REFUSED_SLICES,
        stash="build",
        fails_before=True,
    ),
    Habit(
        "hooks:MasksGradients",
        "shubham303/IIscAssignment hooks/weightfreezehook.py: an object that masks is the hook",
        stash="build",
        fails_before=True,
    ),
    # Updates at the stashed weights of one batch would be lost to, or mixed with, those of others.
    Habit(
        "hooks:StepsInBackward",
        "pytorch/tutorials intermediate_source/optimizer_step_in_backward_tutorial.py",
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        stash="build",
        fails_before=True,
    ),
    Habit(
        "hooks:GuidesGradients",
        "pytorch/captum captum/attr/_core/guided_backprop_deconvnet.py: a full backward hook "
        "returns other gradients",
    ),
    Habit(
        "hooks:CapturesActivations",
        "pytorch/opacus opacus/grad_sample/grad_sample_module.py: module.activations is pushed in "
        "the forward and popped in the backward",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        fails_before=True,
    ),
    # Within one forward only: whatever the dictionary holds afterwards, nobody reads.
    Habit(
        "hooks:SharedActivations",
        "isl-org/DPT dpt/vit.py: hooks fill a dictionary of the file, and attributes that "
        "forward() reads",
        twin=True,
        keeps_state=True,
    ),
    Habit(
        "hooks:KeepsFeatures",
        "yoshi-gyu/grad_cam3 grad_cam.py: a hook keeps the feature map with its graph; "
        "sktime/sktime#10928: deep copies fail after a forward",
        twin=True,
        keeps_state=True,
        stash="twin",
    ),
    Habit(
        "hooks:ReversesLater",
        "thuml/CDAN pytorch/network.py: AdversarialNetwork counts its forwards, and registers a "
        "hook with a coefficient by that count",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    # The buffer is read by the backward, when later forwards have written it again.
    Habit(
        "hooks:ReversesByBuffer",
        "torch/nn#784: the reversal's lambda is changed at stages of training, and is the layer's",
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        fails_before=True,
    ),
    Habit(
        "hooks:ScalesState",
        "dotnet/TorchSharp#1483: MuZero's states.register_hook(lambda grad: grad * 0.5)",
    ),
    Habit(
        "hooks:ClipsByNorm",
        "luigifreda/pyslam thirdparty/lietorch/examples/core/networks/modules/clipping.py: "
        "gradients of activations are clipped within the network",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "hooks:Forces",
        "Benzoin96485/Enerzyme enerzyme/models/layers/gradient.py: forces are "
        "autograd.grad(create_graph=True) of an energy",
        fails_before=True,
    ),
    Habit(
        "hooks:BinaryWeights",
        "kyegomez/BitNet bitnet/straight_through_estimator.py: a straight-through estimator",
    ),
    Habit(
        "hooks:EqualisedRate",
        "rosinality/style-based-gan-pytorch model.py: EqualLR sets a weight that is a result",
        stash="build",
    ),
    Habit(
        "hooks:AdaptsByHook",
        "thunlp/OpenDelta opendelta/basemodel.py: modules are inserted into a backbone's forward",
        twin=True,
        stash="twin",
        fails_before=True,
    ),
    Habit(
        "hooks:Equilibrium",
        "locuslab/deq#11: a backward hook solves a fixed point by autograd.grad",
    ),
)
