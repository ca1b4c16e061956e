"""From a document to everything a run needs: data, models, facts, plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from splitrun.data import BatchOrder, Data, Encoders, EvaluationOrder, Feed, OnDownload, load_data
from splitrun.model import Models, assemble
from splitrun.plan import Plan, check, compile
from splitrun.plan.plan import EVALUATION_BATCH_ROWS
from splitrun.spec import Document


@dataclass(frozen=True)
class Experiment:
    """A spec with its data loaded, its models built and its plan compiled and checked."""

    document: Document
    data: Data
    models: Models
    plan: Plan

    def feeds(self) -> Mapping[str, Feed]:
        """What every role loads: its party's columns, or the labels for the top."""
        data, plan = self.data, self.plan

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


def prepare(
    document: Document,
    *,
    directory: Path | None = None,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    encoders: Encoders | None = None,
) -> Experiment:
    """Load the data, build and probe the models, compile and check the plan.

    Args:
        directory: where relative paths and custom classes are looked up; default: the spec's.
        data_dir: where known datasets are looked up first.
        encoders: fitted before, for a saved model; default: fit on the training rows.

    Raises:
        UsageError: the spec, its data or its models cannot be used.
    """
    spec, directory = document.spec, directory or document.directory
    with document.located():
        data = load_data(spec, directory, data_dir, on_download=on_download, encoders=encoders)
        models = assemble(spec, data, directory)
        plan = compile(spec, models.facts)
    check(plan)
    return Experiment(document, data, models, plan)
