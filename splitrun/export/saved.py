"""The roles that a run's directory has, with their trained weights: all, or those of one party."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from splitrun.data import PartyEncoder
from splitrun.errors import RunDirectoryError, UsageError
from splitrun.events import party_of
from splitrun.model import Cuts, RoleModel, bottom_model, intra_op_threads, loss_of, top_model
from splitrun.plan import top_name
from splitrun.session.prepare import refuse_code
from splitrun.session.store import (
    load_cuts,
    load_digests,
    load_encoder,
    load_weights,
    saved_parties,
)
from splitrun.session.trained import OpenedRun
from splitrun.spec import Spec
from splitrun.spec.effective import in_float32
from splitrun.spec.measures import LossSection


@dataclass(frozen=True)
class SavedRoles:
    """What a run has saved of its model, be it a part."""

    run: OpenedRun
    digests: Mapping[str, str]
    """Of the weights, by role; in the order of the spec."""

    @classmethod
    def open(cls, path: Path) -> SavedRoles:
        """Those of a run's directory.

        Raises:
            RunDirectoryError: not a run directory, or one without a sound model.
        """
        run = OpenedRun.open(path)
        found = saved_parties(run.shards, run.spec.parties)
        digests = {
            role: it for party in found for role, it in load_digests(run.shards, party).items()
        }
        return cls(run, digests)

    @property
    def spec(self) -> Spec:
        """What they were trained by."""
        return self.run.spec

    @property
    def parties(self) -> tuple[str, ...]:
        """That the directory has the roles of."""
        return tuple(dict.fromkeys(map(party_of, self.digests)))

    def refuse_other(self, role: str) -> None:
        """Refuse a role that is not here.

        Raises:
            UsageError: naming those that are.
        """
        if role not in self.digests:
            here = ", ".join(self.digests)
            raise UsageError(f"--role {role}: not in {self.run.path}; it has {here}")

    def encoder(self, party: str) -> PartyEncoder:
        """What the party's columns were encoded by."""
        return load_encoder(self.run.shards, party)

    def cuts(self, role: str) -> Cuts:
        """What a top takes, by the bottom that sends it; of a bottom, nothing."""
        return load_cuts(self.run.shards, party_of(role)) if self.is_top(role) else {}

    def is_top(self, role: str) -> bool:
        """Whether this is the label holder's top."""
        return role == top_name(self.spec)

    def module(self, role: str, *, allow_code: bool) -> nn.Module:
        """A role's module as it evaluates: with the saved weights, in evaluation mode.

        Args:
            allow_code: import and run the class that the spec names for it.

        Raises:
            ModelError: it may not be run, or cannot be built.
            RunDirectoryError: the saved weights are damaged.
        """
        run, party = self.run, party_of(role)
        with run.document.located(), intra_op_threads(self.spec.runtime.intra_op_threads):
            if not allow_code:
                refuse_code(self.spec, run.directory, party)
            module = self._model(role).build()
        load_weights(run.shards, {role: module})
        module.eval()
        return module

    @property
    def loss(self) -> LossSection:
        """What the top was trained by, where classes may be run.

        Raises:
            ModelError: it is a class that cannot be imported or built.
        """
        with self.run.document.located():
            return loss_of(self.spec, self.run.directory)

    def _model(self, role: str) -> RoleModel:
        spec, party, directory = in_float32(self.spec), party_of(role), self.run.directory
        if self.is_top(role):
            return top_model(spec, self.cuts(role), directory)
        features = self.encoder(party).features
        if features is None:
            path = self.run.shards / party / "model.json"
            raise RunDirectoryError(f"{path}: damaged: no columns of {role}; train again")
        return bottom_model(spec, party, features.shape, directory)
