"""A party: one owner of rows, encoders and models, built from the shared spec and its own things.

Nothing in it knows of another party's data or modules. What it has to know of them, the shapes of
their cuts and which of them draw random numbers, they tell it as `PartyFacts`, and the plan that
comes of those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from splitrun.data import (
    Alignment,
    BatchOrder,
    Data,
    EvaluationOrder,
    Feed,
    NewRows,
    OnDownload,
    PartyEncoder,
    Source,
    SplitRows,
    load_data,
    open_source,
    weights_by_phase,
)
from splitrun.model import (
    Cuts,
    Figure,
    RoleModel,
    Stage,
    bottom_model,
    check_output,
    intra_op_threads,
    loss_of,
    made_up,
    own_figures,
    top_model,
    try_measures,
)
from splitrun.party.facts import PartyFacts, cuts
from splitrun.plan import Plan, RoleFacts
from splitrun.spec import Spec
from splitrun.spec.measures import LossSection

_TRIED_ROWS = 10_000
"""Labels that metrics of the user's are tried on."""


@dataclass(frozen=True)
class Party:
    """One owner of rows, encoders and models."""

    spec: Spec
    """Shared by all parties."""
    name: str
    directory: Path
    """Where its relative paths and custom classes are looked up."""
    data: Data
    data_dir: Path | None = None
    """Where a published dataset was looked up first;"""
    alignment: Alignment | None = None
    """and which of its own rows the samples are, where they are joined by keys: with these its rows
    can be read again."""

    @classmethod
    def load(
        cls,
        spec: Spec,
        name: str,
        directory: Path,
        *,
        data_dir: Path | None = None,
        on_download: OnDownload | None = None,
        encoder: PartyEncoder | None = None,
        new_rows: NewRows | None = None,
        source: Source | None = None,
        rows: SplitRows | None = None,
        alignment: Alignment | None = None,
    ) -> Party:
        """Read a party's own columns and, if it holds that, the label.

        Args:
            directory: where relative paths of the spec start.
            data_dir: where to look first for a published dataset.
            on_download: told the bytes done and the bytes in all, where these are known.
            encoder: that of a model trained before; without it, a new one is fitted.
            new_rows: which that model has not seen; then all rows count as held out.
            source: read by several parties of this process; without it, its own is opened.
            rows: as the label holder has split them; without them, the party splits them itself.
            alignment: which of its rows the samples are, where they are joined by keys.

        Raises:
            SpecError: columns that the dataset does not have.
            DataError: data that is missing, damaged, or not what the spec says.
        """
        opened = source or open_source(spec, name, directory, data_dir, on_download)
        data = load_data(spec, name, opened, encoder, new_rows, rows, alignment)
        return cls(spec, name, directory, data, data_dir, alignment)

    @property
    def holds_label(self) -> bool:
        """Whether it is the label holder, which runs the top."""
        return self.name == self.spec.top.party

    def facts(self) -> PartyFacts:
        """What it tells the others first: its rows and, if it has one, its bottom, which is probed.

        Raises:
            ModelError: the bottom cannot be built, or not be trained as the spec wants.
            SpecError: the batches do not fit it, or its optimizer does not.
        """
        data = self.data
        roles: dict[str, RoleFacts] = {}
        if (bottom := self._bottom()) is not None:
            batch = data.batch(data.train_ids[: self.spec.dataset.batch_size])
            with intra_op_threads(self.spec.runtime.intra_op_threads):
                roles[bottom.role] = bottom.probe(batch, len(data.train_ids)).facts
        return self.told(roles)

    def told(self, roles: Mapping[str, RoleFacts]) -> PartyFacts:
        """What it tells the others, given the facts of its roles."""
        data = self.data
        return PartyFacts(
            self.name,
            len(data.train_ids),
            len(data.test_ids),
            data.ids_digest,
            roles,
            len(data.validation_ids),
        )

    def with_top(self, facts: Sequence[PartyFacts]) -> PartyFacts:
        """What the label holder tells next: its facts with those of the top, which is probed on
        made-up tensors of the shapes and types that all bottoms send.

        Args:
            facts: of all parties, its own among them.

        Raises:
            ModelError: the cuts cannot be joined, or the top does not fit them or the labels.
            SpecError: the batches do not fit it, or its optimizer does not.
        """
        sent, rows = cuts(self.spec, facts), len(self.data.train_ids)
        top = top_model(self.spec, sent, self.directory)
        batch = made_up(self.spec, sent, min(rows, self.spec.dataset.batch_size))
        with intra_op_threads(self.spec.runtime.intra_op_threads):
            probed = top.probe(batch, rows)
            check_output(self.spec, self.data.classes, probed.output[0])
            self._try_measures(probed.output[0].detach())
        own = next(each for each in facts if each.party == self.name)
        return replace(own, roles={**own.roles, top.role: probed.facts})

    def _try_measures(self, outputs: Tensor) -> None:
        """Try the loss and metrics that are classes, on outputs for the first training rows."""
        assert self.data.labels is not None  # it is the label holder's
        labels = self.data.labels[self.data.train_ids[:_TRIED_ROWS]]
        try_measures(self.spec, self.directory, outputs, labels, self.data.restored)

    @property
    def loss(self) -> LossSection:
        """The spec's, ready to be computed.

        Raises:
            ModelError: it is a class that cannot be imported or built.
        """
        return loss_of(self.spec, self.directory)

    @property
    def own_figures(self) -> Mapping[str, Figure]:
        """What computes the metrics that are classes, by their names.

        Raises:
            ModelError: a class cannot be imported or built.
        """
        return own_figures(self.spec, self.directory, self.data.restored)

    def models(self, sent: Cuts) -> list[RoleModel]:
        """The models of its roles.

        Args:
            sent: what all bottoms send.
        """
        bottom = self._bottom()
        top = [top_model(self.spec, sent, self.directory)] if self.holds_label else []
        return top if bottom is None else [bottom, *top]

    def stages(
        self, plan: Plan, modules: Mapping[str, nn.Module] | None = None
    ) -> dict[str, Stage]:
        """Its roles ready for training, by name.

        Args:
            modules: by role, those to go on training; without them, modules are built, with the
                same initial weights each time.
        """
        sent = {role.name: plan.role_facts(role.name).cut for role in plan.bottoms}
        with intra_op_threads(self.spec.runtime.intra_op_threads):
            return {
                model.role: model.stage(plan, (modules or {}).get(model.role))
                for model in self.models(sent)
            }

    def feeds(self, plan: Plan) -> dict[str, Feed]:
        """What its roles load, by name: its columns for a bottom; for the top the labels and, where
        rows differ in it, what these count for.

        Raises:
            SpecError, DataError: classes cannot be weighed as the spec says.
        """
        data = self.data
        tensors: dict[str, tuple[Tensor, ...]] = {}
        if (bottom := self._bottom()) is not None:
            tensors[bottom.role] = data.features
        if data.labels is not None:
            tensors[plan.top.name] = (data.labels,)
        return {
            role: Feed(
                each,
                {
                    "train": BatchOrder(data.train_ids, plan.batch_size, plan.seed),
                    "evaluate": EvaluationOrder(
                        (data.validation_ids, data.test_ids), plan.evaluation_batch_rows
                    ),
                },
                None if role == plan.top.name else data.own_rows,
                weights_by_phase(self.spec, data) if role == plan.top.name else {},
            )
            for role, each in tensors.items()
        }

    def _bottom(self) -> RoleModel | None:
        if (features := self.data.encoder.features) is None:
            return None
        return bottom_model(self.spec, self.name, features.shape, self.directory)
