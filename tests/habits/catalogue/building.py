"""How modules are made: from kwargs, lazily, on meta; and what they override of nn.Module."""

from __future__ import annotations

from tests.habits.habit import Habit

_REFUSED_SLICES = "refused (?i)micro"
_REFUSED_STATE = "refused (?i)state"
_REFUSED_BUILDS = "refused (?i)build|built"
"""Which of its builds a run would have is no matter of the spec."""
_REFUSED_PARAMETERS = "refused (?i)parameter"
_REFUSED_SETTING = "refused set_default_dtype"
"""Neither the optimizer is told of them, nor can a model be loaded that has them."""

HABITS: tuple[Habit, ...] = (
    Habit(
        "building:PopsConfig",
        "KatherLab/MediSwarm#430: loss_kwargs.pop('weight') loses it for the second build",
        kwargs={"config": {"width": 8, "activation": "tanh"}},
        fails_before=True,
    ),
    Habit(
        "building:GrowsDefault",
        "KatherLab/MediSwarm#430: mutable defaults are changed; microsoft/unilm#989",
        sequential=_REFUSED_BUILDS,
        microbatch=_REFUSED_BUILDS,
        stale=_REFUSED_BUILDS,
        resume=_REFUSED_BUILDS,
        fails_before=True,
    ),
    Habit(
        "building:Remembers",
        "huggingface/transformers#45708: the class holds each of its instances",
    ),
    Habit(
        "building:HoldsLog",
        "mosaicml/composer#951: a logger on the model, with its files: no deep copy, no pickle",
        stash="build",
        fails_before=True,
    ),
    # Where a run's result goes, no module may write.
    Habit(
        "building:Prints",
        "speechbrain/speechbrain speechbrain/lobes/models/PIQ.py: tells by print() which layers it "
        "leaves as they are",
        keeps_state=True,
    ),
    Habit(
        "building:ImportsInForward",
        "gladiaio/gladia#606: imports in predict; nikhilsrajan/fsd#71: a sibling file isn't found",
        fails_before=True,
    ),
    # What a class does to the process ends with its build, and its own layers keep what they got.
    Habit(
        "building:DefaultDtype",
        "ACEsuit/mace#328: set_default_dtype(float64) breaks models that come after",
        sequential=_REFUSED_SETTING,
        microbatch=_REFUSED_SETTING,
        stale=_REFUSED_SETTING,
        resume=_REFUSED_SETTING,
        fails_before=True,
    ),
    Habit(
        "building:SetsThreads",
        "snakers4/silero-vad src/silero_vad/model.py: torch.set_num_threads",
    ),
    Habit(
        "building:TogglesGrad",
        "huggingface/pytorch-image-models timm/loss/asymmetric_loss.py: set_grad_enabled(True) "
        "where it may have been off",
        twin=True,
        role="top",
    ),
    # What it hides never learns, and is the same in every build.
    Habit(
        "building:NarrowParameters",
        "galilai-group/stable-pretraining#403: named_parameters() without remove_duplicate",
    ),
    Habit(
        "building:Delegates",
        "pytorch/tensordict#579: by way of __getattr__, a deep copy is one of what is inside",
        twin=True,
        stash="twin",
        fails_before=True,
    ),
    Habit(
        "building:WrapsForward",
        "huggingface/accelerate src/accelerate/hooks.py: module.forward = a partial of a closure",
        twin=True,
        stash="twin",
        fails_before=True,
    ),
    Habit(
        "building:DryRun",
        "d2l-ai/d2l-en#2112: a dry run makes the parameters of lazy layers",
        draws=True,
    ),
    # Its optimizer, made before, would never hear of the layer.
    Habit(
        "building:MakesLayer",
        "pytorch/pytorch#921: AuxNet makes its Linear in forward()",
        sequential=_REFUSED_PARAMETERS,
        microbatch=_REFUSED_PARAMETERS,
        stale=_REFUSED_PARAMETERS,
        resume=_REFUSED_PARAMETERS,
        fails_before=True,
    ),
    Habit(
        "building:AsDataclass",
        "Lightning-AI/pytorch-lightning#12506: modules as dataclasses",
        kwargs={"widths": [8, 8, 4]},
    ),
    Habit(
        "building:MetaThenEmpty",
        "huggingface/accelerate src/accelerate/big_modeling.py: init_empty_weights",
    ),
    Habit(
        "building:Clones",
        "deepspeedai/Megatron-DeepSpeed#380: experts are deep copies of one",
    ),
    # They never learn, here as there; built again with the same seed, they are the same.
    Habit(
        "building:HidesLayers",
        "pytorch/pytorch#59925: layers in a list aren't registered",
    ),
    Habit(
        "building:Alternates",
        "ajbrock/BigGAN-PyTorch train_fns.py: toggle_grad in turns",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    Habit(
        "building:RoutesRows",
        "davidmrau/mixture-of-experts moe.py: SparseDispatcher, index_add of what experts return",
    ),
    Habit(
        "building:StartsInplace",
        "mapillary/inplace_abn#40: a ReLU at the start of a net, in place",
        role="top",
    ),
    Habit(
        "building:TakesMore",
        "karpathy/nanoGPT model.py: forward(self, idx, targets=None)",
    ),
    Habit(
        "building:FieldOffsets",
        "rixwew/pytorch-fm torchfm/layer.py: offsets are added to codes (there not in place)",
        inputs="codes",
        fails_before=True,
    ),
    Habit(
        "building:SparseBags",
        "facebookresearch/dlrm dlrm_s_pytorch.py: EmbeddingBag(…, sparse=True) in create_emb",
        inputs="codes",
        optimizer="sparse_adam",
    ),
)
