"""Forwards that run again in a backward, and what is kept for it behind autograd's back."""

from __future__ import annotations

from tests.habits.habit import Habit

_REFUSED_SLICES = "refused (?i)micro"
_REFUSED_RANDOM = "refused (?i)random"
"""Its backward draws: from which generator, in which state, is no matter of the spec."""
_REFUSED_DEPTH = "refused (?i)pipelin"
"""What a forward leaves for its backward, the next forward takes away."""

HABITS: tuple[Habit, ...] = (
    Habit(
        "recomputation:Reentrant",
        "microsoft/Swin-Transformer models/swin_transformer.py: checkpoint.checkpoint(block, x), "
        "reentrant by default",
        twin=True,
        fails_before=True,
    ),
    Habit(
        "recomputation:RecomputesDropout",
        "lucidrains/enformer-pytorch#33: layers with dropout are checkpointed",
        twin=True,
        draws=True,
        fails_before=True,
    ),
    Habit(
        "recomputation:ForgetsDropout",
        "allenai/OLMo-core#828: preserve_rng_state=False although a layer has dropout",
        draws=True,
        sequential=_REFUSED_RANDOM,
        microbatch=_REFUSED_RANDOM,
        stale="refused (?i)random|pipelin",
        resume=_REFUSED_RANDOM,
        fails_before=True,
    ),
    Habit(
        "recomputation:Selective",
        "pytorch/torchtitan torchtitan/distributed/activation_checkpoint.py: a policy says which "
        "results are kept; pytorch/torchtitan#1323: preserve_rng_state=False where nothing draws",
        twin=True,
        fails_before=True,
    ),
    Habit(
        "recomputation:Segments",
        "huggingface/pytorch-image-models timm/models/_manipulate.py: checkpoint_seq",
        twin=True,
        fails_before=True,
    ),
    Habit(
        "recomputation:Reversible",
        "lucidrains/reformer-pytorch reformer_pytorch/reversible.py: backward_pass runs blocks "
        "the other way and calls backward() of each",
        fails_before=True,
    ),
    Habit(
        "recomputation:SharedResult",
        "Rick-McCoy/Reformer-pytorch model/reversible.py: the function's class holds the outputs "
        "until the backward",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        fails_before=True,
    ),
    Habit(
        "recomputation:FreesInput",
        "silvandeleemput/memcnn memcnn/models/revop.py and #38: the input's storage has no size "
        "until the backward",
        fails_before=True,
    ),
    Habit(
        "recomputation:ZeroConnection",
        "openai/guided-diffusion guided_diffusion/nn.py: CheckpointFunction is given parameters; "
        "lllyasviel/ControlNet cldm/cldm.py: blocks end in zero_module",
        twin=True,
        fails_before=True,
    ),
    Habit(
        "recomputation:Adjoint",
        "rtqichen/torchdiffeq torchdiffeq/_impl/adjoint.py: the backward solves the equation again",
        fails_before=True,
    ),
    Habit(
        "recomputation:KeepsAttributes",
        "pytorch/pytorch torch/nn/utils/_expanded_weights/conv_expanded_weights.py: ctx.weight, "
        "ctx.input",
        twin=True,
        fails_before=True,
    ),
    Habit(
        "recomputation:Offloads",
        "neuraloperator/neuraloperator scripts/cpuoffload.md: a model's forward is wrapped into "
        "save_on_cpu",
        twin=True,
        stash="twin",
        fails_before=True,
    ),
    Habit(
        "recomputation:PacksActivations",
        "pytorch/pytorch#64729 and #62362: saved tensors are packed or written away, parameters "
        "among them",
        twin=True,
    ),
    Habit(
        "recomputation:WeakForward",
        "facebookresearch/fairscale#816: a deep copy of checkpoint_wrapper's module calls the "
        "original's forward",
        twin=True,
        stash="twin",
        fails_before=True,
    ),
    Habit(
        "recomputation:CallsWithWeights",
        "pytorch/pytorch#90500: functional_call with weights gathered before",
        twin=True,
        fails_before=True,
    ),
    Habit(
        "recomputation:Ensemble",
        "pytorch/tutorials intermediate_source/ensembling.py: stack_module_state and vmap",
    ),
    Habit(
        "recomputation:Scripted",
        "aqlaboratory/openfold openfold/utils/script_utils.py: submodules are scripted in place",
        twin=True,
        stash="twin",
        fails_before=True,
    ),
    Habit(
        "recomputation:Compiled",
        "pytorch/pytorch#129362: a compiled forward is kept on the module, and its weights are "
        "replaced afterwards",
        twin=True,
        stash="twin",
    ),
)
