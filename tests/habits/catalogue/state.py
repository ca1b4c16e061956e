"""What modules keep from one forward to the next: in buffers, attributes, hooks and elsewhere."""

from __future__ import annotations

from tests.habits.habit import Habit

_REFUSED_SLICES = "refused (?i)micro"
"""What has seen a batch as a whole is not what has seen its slices one by one."""
_REFUSED_STATE = "refused (?i)state"
"""What a module counts outside of its tensors is in no checkpoint."""
_REFUSED_DEPTH = "refused (?i)pipelin"
"""What a forward leaves for its backward, the next forward takes away."""

HABITS: tuple[Habit, ...] = (
    Habit(
        "state:Standardises",
        "Denys88/rl_games rl_games/algos_torch/running_mean_std.py: self.running_mean = … in "
        "forward",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "state:StopsUpdating",
        "speechbrain/speechbrain speechbrain/processing/features.py: InputNormalization has "
        "glob_mean in an attribute, and update_until_epoch",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    # What is only a cache is made again after a resume, with the same values.
    Habit(
        "state:GrowsIndex",
        "facebookresearch/fairseq fairseq/models/transformer/transformer_decoder.py: "
        "_future_mask grows",
        keeps_state=True,
    ),
    Habit(
        "state:GrowsBuffer",
        "facebookresearch/fairseq fairseq/modules/sinusoidal_positional_embedding.py: weights, "
        "which no state_dict has, grow in forward",
        fails_before=True,
    ),
    Habit(
        "state:FillsCache",
        "lucidrains/rotary-embedding-torch rotary_embedding_torch/rotary_embedding_torch.py: "
        "cached_freqs and cached_freqs_seq_len",
        keeps_state=True,
    ),
    Habit(
        "state:CachesByMethod",
        "huggingface/transformers#45708: lru_cache on methods holds every instance for ever",
    ),
    Habit(
        "state:InstanceIds",
        "facebookresearch/fairseq fairseq/incremental_decoding_utils.py: a uuid for each instance, "
        "under which others keep state",
    ),
    Habit(
        "state:KMeansCodebook",
        "lucidrains/vector-quantize-pytorch vector_quantize_pytorch/vector_quantize_pytorch.py: "
        "initted, then moving averages in buffers",
        draws=True,
        microbatch=_REFUSED_SLICES,
    ),
    Habit(
        "state:BetaSchedule",
        "AntixK/PyTorch-VAE models/beta_vae.py: num_iter, an attribute of the class, += 1",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    Habit(
        "state:CountsInBuffer",
        "ludvb/batchrenorm batchrenorm/batchrenorm.py: rmax and dmax follow num_batches_tracked",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    # The one Python state that PyTorch says how to save.
    Habit(
        "state:ExtraState",
        "NVIDIA/TransformerEngine transformer_engine/pytorch/module/base.py: get_extra_state",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "state:TeacherInStateDict",
        "facebookresearch/fairseq examples/data2vec/models/data2vec_audio.py: state_dict() is "
        "overridden to have the teacher, too",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    # No optimizer changes what is frozen: it needs no versions, and can be written to in flight.
    Habit(
        "state:MomentumTeacher",
        "salesforce/BLIP models/blip_pretrain.py: param_m.data = … in forward",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    # In flight, a forward runs on versions of what learns: what it writes to them is lost.
    Habit(
        "state:ActNorm",
        "rosinality/glow-pytorch model.py: the first batch initialises loc and scale",
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        fails_before=True,
    ),
    Habit(
        "state:MemoryBank",
        "salesforce/BLIP models/blip_pretrain.py: image_queue, queue_ptr",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "state:CarriesHidden",
        "fastai/fastbook#469: LMModel3 keeps self.h, detached, for the next batch",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    # Nobody reads it back: nothing is lost with it, but a deep copy fails once it is there.
    Habit(
        "state:KeepsAttention",
        "sktime/sktime#10928: self.attention keeps its graph, so that deep copies fail",
        twin=True,
        keeps_state=True,
        stash="twin",
    ),
    # Slices, too, all go forward before the first goes backward.
    Habit(
        "state:SavesActivations",
        "alecwangcq/KFAC-Pytorch optimizers/kfac.py: _save_input, _save_grad_output",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        fails_before=True,
    ),
    Habit(
        "state:ScratchArray",
        "pytorch/pytorch#6597: autograd can't tell that an array which a tensor shares was changed",
        twin=True,
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        fails_before=True,
    ),
    Habit(
        "state:ReturnsItsRoom",
        "ROCm/torch_migraphx#247: all outputs of a module are one buffer",
        twin=True,
        keeps_state=True,
        fails_before=True,
    ),
    Habit(
        "state:PassesInput",
        "qubvel-org/segmentation_models.pytorch segmentation_models_pytorch/encoders/resnet.py: "
        "the first of the features is the input",
        fails_before=True,
    ),
    Habit(
        "state:ReturnsCodes",
        "lucidrains/vector-quantize-pytorch vector_quantize_pytorch/vector_quantize_pytorch.py: "
        "returns indices beside what is quantised",
        fails_before=True,
    ),
    Habit(
        "state:FourierFeatures",
        "jmclong/random-fourier-features-pytorch rff/layers.py: a buffer, no parameter",
        fails_before=True,
    ),
    # A drained pipeline's eval() and train() change a weight: by rounding alone, but change it.
    Habit(
        "state:MergesInEval",
        "microsoft/LoRA loralib/layers.py: train() merges the update into the weight and back",
        fails_before=True,
    ),
)
