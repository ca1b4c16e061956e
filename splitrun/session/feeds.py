"""What every role loads."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from splitrun.data import BatchOrder, Data, EvaluationOrder, Feed
from splitrun.plan import EVALUATION_BATCH_ROWS, Plan


def feeds(data: Data, plan: Plan) -> Mapping[str, Feed]:
    """By role: its party's columns, or the labels for the top, in an order of its own."""

    def feed(*tensors: Tensor) -> Feed:
        return Feed(
            tensors,
            {
                "train": BatchOrder(data.train_ids, plan.batch_size, plan.seed),
                "evaluate": EvaluationOrder(data.test_ids, EVALUATION_BATCH_ROWS),
            },
        )

    bottoms = {role.name: feed(*data.features[role.party]) for role in plan.bottoms}
    return bottoms | {plan.top.name: feed(data.labels)}
