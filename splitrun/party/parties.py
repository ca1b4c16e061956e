"""All parties of a spec in one process: an experiment, not a private computation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from splitrun.data import (
    Data,
    Feed,
    Join,
    Loaded,
    NewRows,
    OnDownload,
    PartyEncoder,
    Source,
    SplitRows,
    cache_of,
    column_problems,
    columns_in,
    join_sources,
    load_data,
    share,
    sources_of,
)
from splitrun.errors import SpecError
from splitrun.model import Stage, intra_op_threads, refuse_sharing
from splitrun.party.facts import cuts, merge
from splitrun.party.party import Party
from splitrun.plan import Facts, Plan, RoleFacts
from splitrun.spec import Spec


@dataclass(frozen=True)
class Parties:
    """Parties that share a process and one read of their data, and nothing else."""

    spec: Spec
    by_name: Mapping[str, Party]
    join: Join | None = None
    """How their rows belong together; None where they share one file without a key."""

    @classmethod
    def load(
        cls,
        spec: Spec,
        directory: Path,
        *,
        data_dir: Path | None = None,
        on_download: OnDownload | None = None,
        encoders: Mapping[str, PartyEncoder] | None = None,
        new_rows: NewRows | None = None,
    ) -> Parties:
        """Load every party of a spec.

        Args:
            directory: where relative paths of the spec start, and classes are looked up first.
            data_dir: where to look first for a published dataset.
            on_download: told the bytes done and the bytes in all, where these are known.
            encoders: by party, of a model trained before; without them, new ones are fitted.
            new_rows: which that model has not seen; then all rows count as held out.

        Raises:
            SpecError: columns that the dataset does not have.
            DataError: data that is missing, damaged, or not what the spec says.
        """
        known = encoders or {}
        sources = sources_of(spec, directory, data_dir, on_download)
        available = columns_in(sources)
        if not new_rows and (problems := column_problems(spec, available)):
            raise SpecError(problems)

        def load(sources: Mapping[str, Source]) -> Loaded:
            shared = share(spec, sources, known, new_rows)
            join = join_sources(spec, shared)
            alignments = join.alignments if join else {}

            def data(name: str, rows: SplitRows | None = None) -> Data:
                encoder, alignment = known.get(name), alignments.get(name)
                return load_data(spec, name, shared[name], encoder, new_rows, rows, alignment)

            holder = data(spec.top.party)
            return Loaded(
                {
                    name: holder if name == spec.top.party else data(name, holder.rows)
                    for name in spec.parties
                },
                join,
            )

        cache = None if new_rows else cache_of(spec, directory, sources, known)
        loaded = cache.get_or_make(sources, load) if cache else load(sources)
        alignments = loaded.join.alignments if loaded.join else {}
        parties = {
            name: Party(spec, name, directory, data, data_dir, alignments.get(name))
            for name, data in loaded.data.items()
        }
        return cls(spec, parties, loaded.join)

    def __iter__(self) -> Iterator[Party]:
        return iter(self.by_name.values())

    @property
    def label_holder(self) -> Party:
        """The party with the label and the top."""
        return self.by_name[self.spec.top.party]

    @property
    def first(self) -> Party:
        """The label holder or, where that is elsewhere, the first party."""
        return self.by_name.get(self.spec.top.party) or next(iter(self))

    @property
    def digests(self) -> dict[str, str]:
        """Digests of all that is trained on, by what they are of, in words."""
        return {what: digest for party in self for what, digest in party.data.digests.items()}

    def under(self, spec: Spec) -> Parties:
        """The same parties with another spec of the same data and columns."""
        parties = {party.name: replace(party, spec=spec) for party in self}
        return replace(self, spec=spec, by_name=parties)

    def with_rows(self, train_ids: Tensor) -> Parties:
        """The same parties with fewer rows to train on, and none to evaluate on."""
        none = train_ids[:0]
        return replace(
            self,
            by_name={
                party.name: replace(
                    party,
                    data=replace(
                        party.data, train_ids=train_ids, validation_ids=none, test_ids=none
                    ),
                )
                for party in self
            },
        )

    def with_evaluated(self, ids: Tensor) -> Parties:
        """The same parties with these samples alone, all of which are to be evaluated."""
        every = torch.arange(len(ids))
        none = every[:0]

        def alone(data: Data) -> Data:
            return replace(
                data,
                train_ids=none,
                validation_ids=none,
                test_ids=every,
                features=data.batch(ids),
                labels=None if data.labels is None else data.labels[ids],
                own_rows=None,
            )

        parties = {party.name: replace(party, data=alone(party.data)) for party in self}
        return replace(self, by_name=parties)

    def without(self, name: str) -> Parties:
        """All parties but this one, with the samples that all of them have."""
        parties = {it: section for it, section in self.spec.parties.items() if it != name}
        spec = self.spec.model_copy(update={"parties": parties})
        others = {party.name: party for party in self if party.name != name}
        return replace(self, by_name=others).under(spec)

    def facts(self, known: Mapping[str, RoleFacts] | None = None) -> Facts:
        """What all parties tell each other: their models are built, probed and dropped.

        Args:
            known: facts of these models by role, found out before; then nothing is probed.

        Raises:
            ModelError: a model cannot be built, or models do not fit together or the labels, or
                two roles share a parameter.
            SpecError: the batches do not fit BatchNorm, or an optimizer does not fit a model.
        """
        rows = self.label_holder.data
        if known is not None:
            return Facts(len(rows.train_ids), len(rows.test_ids), known, len(rows.validation_ids))
        told = [party.facts() for party in self]
        complete = self.label_holder.with_top(told)
        others = (each for each in told if each.party != complete.party)
        facts = merge(self.spec, [complete, *others])
        sent = cuts(self.spec, told)
        models = [model for party in self for model in party.models(sent) if model.is_custom]
        if len(models) > 1:  # our own share nothing
            with intra_op_threads(self.spec.runtime.intra_op_threads):
                refuse_sharing({model.role: model.build() for model in models})
        return facts

    def stages(
        self, plan: Plan, modules: Mapping[str, nn.Module] | None = None
    ) -> dict[str, Stage]:
        """Every role of a plan ready for training, by name; see `Party.stages`."""
        made = {name: it for party in self for name, it in party.stages(plan, modules).items()}
        return {role.name: made[role.name] for role in plan.roles}

    def feeds(self, plan: Plan) -> dict[str, Feed]:
        """What every role loads, by name."""
        return {name: feed for party in self for name, feed in party.feeds(plan).items()}
