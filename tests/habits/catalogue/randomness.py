"""Modules that draw random numbers: from which generator, when, and with which seed."""

from __future__ import annotations

from functools import partial

from tests.habits.habit import Habit

_REFUSED_SLICES = "refused (?i)micro"
"""What a module counts or keeps is counted once for each slice."""
_REFUSED_STATE = "refused (?i)state"
"""What a module counts outside of its tensors is in no checkpoint."""
_REFUSED_DEPTH = "refused (?i)pipelin"
_REFUSED_RANDOM = "refused (?i)random"
"""A run that nobody can repeat has no right weights."""

_draws = partial(Habit, draws=True)

HABITS: tuple[Habit, ...] = (
    _draws(
        "randomness:AttentionDropout",
        "karpathy/nanoGPT model.py: scaled_dot_product_attention(…, dropout_p=…)",
    ),
    _draws(
        "randomness:RandomSlopes",
        "open-mmlab/mmcv mmcv/cnn/bricks/activation.py: RReLU is one to choose",
    ),
    _draws(
        "randomness:Reparametrised",
        "AntixK/PyTorch-VAE models/vanilla_vae.py: reparameterize",
    ),
    _draws(
        "randomness:AnnealedGumbel",
        "AntixK/PyTorch-VAE models/cat_vae.py: self.temp falls, by NumPy's maximum",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    # The noise of a batch in flight, which autograd has saved, is overwritten by the next one's.
    _draws(
        "randomness:NoisyLinear",
        "Kaixhin/Rainbow model.py: reset_noise() copies into weight_epsilon, a buffer",
        microbatch=_REFUSED_SLICES,
        stale=_REFUSED_DEPTH,
        fails_before=True,
    ),
    _draws(
        "randomness:DropPath",
        "huggingface/pytorch-image-models timm/layers/drop.py: drop_path",
    ),
    _draws(
        "randomness:LayerDrop",
        "facebookresearch/fairseq fairseq/models/wav2vec/wav2vec2.py: layerdrop, by np.random",
        fails_before=True,
    ),
    # Rows are mixed anew in each slice; as it draws, nothing says that slices are as good.
    _draws(
        "randomness:ManifoldMixup",
        "vikasverma1077/manifold_mixup supervised/models/preresnet.py: mixup_process",
    ),
    _draws(
        "randomness:StochasticRounding",
        "Tiiiger/QPyTorch qtorch/quant/quant_cpu/quant_cpu.cpp: rounding by chance",
    ),
    _draws(
        "randomness:ScheduledDropBlock",
        "miguelvr/dropblock dropblock/scheduler.py: drop_values rise from 0, i counts",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        kwargs={"begins": 5},
        fails_before=True,
    ),
    _draws(
        "randomness:SeedsInInit",
        "HazyResearch/flash-fft-conv#26: making a layer calls torch.manual_seed; "
        "shenweichen/DeepCTR-Torch deepctr_torch/models/basemodel.py",
    ),
    _draws(
        "randomness:SeedsInForward",
        "huggingface/transformers src/transformers/models/reformer/modeling_reformer.py: "
        "torch.manual_seed(self.hash_seed)",
    ),
    _draws(
        "randomness:ForksGenerator",
        "facebookresearch/fairseq2#591: temporary_manual_seed, fork_rng and manual_seed",
        twin=True,
    ),
    # Nobody seeds these anew for a batch or a slice, nor writes down where they are.
    _draws(
        "randomness:OwnGenerator",
        "pytorch/pytorch#43672: a module keeps a torch.Generator, and is deep-copied",
        keeps_state=True,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    _draws(
        "randomness:OwnRandom",
        "microsoft/LoRA examples/NLG/src/data_utils.py: random.Random(911) (there for data)",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        fails_before=True,
    ),
    Habit(
        "randomness:UnseededInit",
        "ayrna/skordinal#56: initial weights from NumPy, without a seed until then",
        sequential=_REFUSED_RANDOM,
        microbatch=_REFUSED_RANDOM,
        stale=_REFUSED_RANDOM,
        resume=_REFUSED_RANDOM,
        fails_before=True,
    ),
    _draws(
        "randomness:EntropySeed",
        "speechbrain/speechbrain recipes/LibriMix/separation/dynamic_mixing.py: seeds from "
        "os.urandom",
        sequential=_REFUSED_RANDOM,
        microbatch=_REFUSED_RANDOM,
        stale=_REFUSED_RANDOM,
        resume=_REFUSED_RANDOM,
        fails_before=True,
    ),
    _draws(
        "randomness:WordDropout",
        "timbmg/Sentence-VAE model.py: word dropout writes unk_idx (there into a clone)",
        inputs="codes",
        fails_before=True,
    ),
)
