"""Layers that look at a batch as a whole, and some that only seem to."""

from __future__ import annotations

from tests.habits.habit import Habit

_REFUSED_SLICES = "refused (?i)micro"
"""What a batch as a whole decides cannot be the same for its slices."""

HABITS: tuple[Habit, ...] = (
    # BatchNorm layers are refused for what they are, whatever mode they are in.
    Habit(
        "normalisation:TrainReturnsNone",
        "open-mmlab/mmcv mmcv/cnn/resnet.py: train() keeps BatchNorm in eval() and returns None",
        fails_before=True,
    ),
    Habit(
        "normalisation:CumulativeNorm",
        "automan000/Camera-based-Person-ReID#3: BatchNorm with momentum=None",
        microbatch=_REFUSED_SLICES,
    ),
    Habit(
        "normalisation:UntrackedNorm",
        "pyg-team/pytorch_geometric torch_geometric/nn/models/pmlp.py: track_running_stats=False",
        microbatch=_REFUSED_SLICES,
    ),
    Habit(
        "normalisation:GhostNorm",
        "dreamquark-ai/tabnet pytorch_tabnet/tab_network.py: GBN, of virtual_batch_size rows",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "normalisation:BatchRenorm",
        "ludvb/batchrenorm batchrenorm/batchrenorm.py",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "normalisation:SwitchableNorm",
        "switchablenorms/Switchable-Normalization devkit/ops/switchable_norm.py",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "normalisation:Whitening",
        "htdt/self-supervised methods/whitening.py: Cholesky of the batch's covariance",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "normalisation:RowAttention",
        "somepago/saint models/model.py: attention between the rows of a batch",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    Habit(
        "normalisation:SkipsFewRows",
        "ludwig-ai/ludwig#3119: GhostBatchNorm does nothing for chunks of one row",
        microbatch=_REFUSED_SLICES,
        fails_before=True,
    ),
    # These keep rows apart: to refuse them would be wrong, too.
    Habit(
        "normalisation:SortsRows",
        "allenai/allennlp allennlp/modules/encoder_base.py: sort_and_run_forward sorts by length",
    ),
    Habit(
        "normalisation:ChunksRows",
        "lucidrains/reformer-pytorch reformer_pytorch/reformer_pytorch.py: process_inputs_chunk "
        "along the rows",
    ),
)
