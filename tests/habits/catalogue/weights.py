"""Weights that are shared, computed, constrained, frozen or hidden."""

from __future__ import annotations

from tests.habits.habit import Habit

_REFUSED_SLICES = "refused (?i)micro"
_REFUSED_STATE = "refused (?i)state"
_REFUSED_DEPTH = "refused (?i)pipelin"
_REFUSED_WRITES = "refused (?i)changes its parameter"
"""A forward writes to its weights, of which those of a batch in flight are a copy."""

HABITS: tuple[Habit, ...] = (
    Habit(
        "weights:TiedView",
        "vlukiyanov/pt-sdae ptsdae/dae.py: tied=True keeps encoder_weight.t() as an attribute",
        twin=True,
        stale=_REFUSED_DEPTH,  # the view shows the newest weights, whatever batch is under way
        stash="twin",
        fails_before=True,
    ),
    Habit(
        "weights:TiedLayers",
        "karpathy/nanoGPT model.py: transformer.wte.weight is lm_head.weight",
    ),
    Habit(
        "weights:NormedWeight",
        "descriptinc/descript-audio-codec#81: weight_norm by a parametrization, to be deep-copied",
    ),
    Habit(
        "weights:TwoNames",
        "locuslab/TCN TCN/tcn.py: conv1 and conv2, with weight_norm, and self.net that holds both",
        stash="build",
        fails_before=True,
    ),
    # Each slice's forward would bring the estimate of the singular value on.
    Habit(
        "weights:SpectralNorm",
        "pytorch/pytorch#62293: power iteration writes to buffers that a forward before saved",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "weights:OldSpectralNorm",
        "pytorch/pytorch#13350: two forwards before a backward; `weight` is set by a hook",
        microbatch=_REFUSED_SLICES,
        stash="build",
        fails_before=True,
    ),
    Habit(
        "weights:Pruned",
        "pytorch/pytorch#37322: no deep copy can be made of pruned layers",
        stash="build",
        fails_before=True,
    ),
    Habit(
        "weights:Orthogonal",
        "lezcano/geotorch#34: a weight is computed from its parameter at each use",
    ),
    Habit(
        "weights:CachedWeight",
        "pytorch/pytorch#72041: parametrize.cached() is one cache for all threads",
    ),
    # What is in a checkpoint of its evaluation mode is merged; `merged` itself is not in it.
    Habit(
        "weights:MergesAdapter",
        "microsoft/LoRA#34 and espnet/espnet#5722: train() and eval() write to weight.data",
        fails_before=True,
    ),
    Habit(
        "weights:NamesParameters",
        "splitrun: found in review",
        fails_before=True,
    ),
    Habit(
        "weights:Mixture",
        "allenai/allennlp allennlp/modules/scalar_mix.py: a ParameterList of shares",
        optimizer="sgd",
    ),
    Habit(
        "weights:StandardisedWeight",
        "huggingface/pytorch-image-models timm/layers/std_conv.py: batch_norm of the weight",
    ),
    Habit(
        "weights:MaxNorm",
        "martinwimpff/channel-attention channel_attention/models/modules.py: forward() sets "
        "weight.data to its renorm",
        stale=_REFUSED_WRITES,
        fails_before=True,
    ),
    Habit(
        "weights:MaxNormTable",
        "pytorch/pytorch#26596: Embedding(max_norm=…) writes to its weight in the forward",
        stale=_REFUSED_WRITES,
    ),
    # Slices would move the slow encoder several times a batch. It never learns, and so nothing in
    # flight needs it as it was.
    Habit(
        "weights:MomentumEncoder",
        "facebookresearch/moco moco/builder.py: forward() sets param_k.data",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "weights:Queue",
        "facebookresearch/moco moco/builder.py: keys of earlier batches in a buffer",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "weights:Codebook",
        "lucidrains/vector-quantize-pytorch vector_quantize_pytorch/vector_quantize_pytorch.py: "
        "codes are moving averages in buffers",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    # The backward needs the codes of its forward, of which there is one buffer.
    Habit(
        "weights:SoftCodebook",
        "lucidrains/vector-quantize-pytorch vector_quantize_pytorch/vector_quantize_pytorch.py: "
        "embed.data is written in the forward; here gradients pass through it",
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        fails_before=True,
    ),
    Habit(
        "weights:HyperNetwork",
        "g1910/HyperNetworks hypernetwork_modules.py: weights are made from learned vectors",
    ),
    Habit(
        "weights:OverParametrized",
        "yangyanli/DO-Conv do_conv_pytorch.py: W times (D + D_diag), where D_diag never learns",
    ),
    Habit(
        "weights:WarmsHead",
        "facebookresearch/fairseq fairseq/models/wav2vec/wav2vec2_asr.py: freeze_finetune_updates",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        kwargs={"begins": 12},
        fails_before=True,
    ),
    Habit(
        "weights:FreezesCritic",
        "openai/spinningup spinup/algos/pytorch/sac/sac.py: requires_grad of the critic is off for "
        "one of its two uses in a step",
        twin=True,
    ),
    Habit(
        "weights:LayerScale",
        "facebookresearch/ConvNeXt models/convnext.py: gamma begins at 1e-6",
    ),
    Habit(
        "weights:Recurrent",
        "pytorch/pytorch#90500: an LSTM computes with _flat_weights, not with its parameters",
    ),
    Habit(
        "weights:DropsWeights",
        "salesforce/awd-lstm-lm weight_drop.py: setattr of a dropped weight in each forward",
        draws=True,
        stash="build",
        fails_before=True,
    ),
    Habit(
        "weights:KeepsAttention",
        "sktime/sktime#10928: the layer keeps its attention with its graph",
        twin=True,
        keeps_state=True,
        stash="twin",
        optimizer="sgd",
    ),
    Habit(
        "weights:Transformer",
        "pytorch/examples word_language_model/model.py: a mask is made in the forward if there is "
        "none of that size",
        keeps_state=True,
        optimizer="sgd",
    ),
    Habit(
        "weights:DoubleWeights",
        "kevinsbello/dagma src/dagma/nonlinear.py: DagmaMLP is float64 unless told otherwise",
    ),
    # The gradient of a slice is rounded to 8 bits before that of the next is added.
    Habit(
        "weights:HalfWeights",
        "KellerJordan/modded-nanogpt#74: weights in bfloat16",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "weights:ComplexWeights",
        "neuraloperator/neuraloperator fourier_1d.py: weights are cfloat; safetensors#450",
    ),
    Habit(
        "weights:BoundEarly",
        "pytorch/pytorch#129362: what was bound at the beginning goes on with the weights of then",
        twin=True,
        fails_before=True,
    ),
    Habit(
        "weights:PlainList",
        "pytorch/pytorch#715: self.hids is a list of layers",
    ),
    Habit(
        "weights:RandomProjection",
        "thuml/CDAN pytorch/network.py: RandomLayer has a list of random matrices",
    ),
    Habit(
        "weights:SharedWeight",
        "AIBluefisher/neural_network_and_deep_learning d2l/chap_05/parameter_binding.py: a shared "
        "layer is made when the file is imported",
    ),
)
