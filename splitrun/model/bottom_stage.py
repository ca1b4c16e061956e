"""A bottom model in training, with as many batches in flight as its depth allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from splitrun.errors import WrongGradients
from splitrun.model.custom.recomputation import Recomputation, Stash, is_due
from splitrun.model.custom.trial import learning
from splitrun.model.role_optimizer import RoleOptimizer
from splitrun.model.stage import Key, Stage
from splitrun.model.state import State, Tensors, as_tensors, parameters_of, total_bytes
from splitrun.model.versions import InFlight, Version, WeightVersions
from splitrun.plan import Role, RoleFacts


class BottomStage(Stage):
    """A bottom model in training.

    A role of depth 1 has one batch in flight and updates in place; deeper ones keep versions.

    Args:
        steps: of the run.
    """

    def __init__(
        self,
        role: Role,
        facts: RoleFacts,
        module: nn.Module,
        optimizer: RoleOptimizer,
        seed: int,
        *,
        steps: int = 0,
        alone: bool = False,
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed, alone=alone)
        parameters = parameters_of(module)
        self._predicts = role.moves_weights
        self._versions = WeightVersions(
            module,
            role.versioned(facts),
            optimizer.follow([parameters[name] for name in facts.predictable]),
            is_custom=facts.is_custom,
        )
        self._in_flight: dict[Key, tuple[Tensors, InFlight]] = {}
        self._updates = 0
        self._begun: deque[int] = deque()
        """The number of updates at the first forward of every batch in flight."""
        self._cut_bytes = 0
        self._cut_peak_bytes = 0
        self._steps = steps
        self._first_step: int | None = None
        self._again: Recomputation | None = None
        self._stashes: dict[Key, Stash] = {}
        if facts.repeatable and role.depth > 1:
            self._again = Recomputation(module, self._versions)
        self._looks_at_once = False
        self._sound_until = 0

    @property
    def peak_bytes(self) -> Mapping[str, int]:
        """The most bytes that it held so far, by kind: weight versions, and cuts whose backward was
        still to come, besides what every stage holds."""
        own = {"versions": self._versions.peak_bytes, "cuts": self._cut_peak_bytes}
        return {**super().peak_bytes, **own}

    def forward(self, key: Key, inputs: Tensors) -> Tensors:
        """The cut for one micro-batch, detached; its graph is kept until `backward`.

        Raises:
            WrongGradients: the module has written to weights of which batches have versions.
        """
        self._train()
        reach = self._optimizer.reach(key[0]) if self._predicts else 0.0
        if self._facts.is_custom:
            inputs = self._own(key, inputs, reach)
        output, batch = self._drawing(
            "forward", key, lambda: self._versions.forward(*inputs, reach=reach)
        )
        stashed = self._stashes.get(key)
        if batch.is_written or (stashed and stashed.differs(batch.version)):
            raise self._habit(key, "its forward has begun to write to its weights")
        cut = as_tensors(output)
        self._in_flight[key] = (cut, batch)
        self._cut_bytes += total_bytes(cut)
        self._cut_peak_bytes = max(self._cut_peak_bytes, self._cut_bytes)
        if key[1] == 0:
            self._begun.append(self._updates)
        if self._facts.is_custom:  # which may write to what it has returned
            return tuple([tensor.detach().clone() for tensor in cut])
        return tuple([tensor.detach() for tensor in cut])

    def backward(self, key: Key, gradients: Tensors) -> None:
        """Add the gradients of one micro-batch, given those of its cut.

        Raises:
            WrongGradients: they are not those of the batch, or nothing tells that they are.
        """
        cut, batch = self._in_flight.pop(key)
        self._cut_bytes -= total_bytes(cut)
        if not self._facts.is_custom:
            self._versions.backward(batch, cut, gradients)
            self._versions.release(batch)
            return
        stashed = self._stashes.pop(key, None)
        if stashed is not None and not self._in_flight:  # nobody got in its way; see the next one
            stashed, self._looks_at_once = None, True
        outputs, given = learning(cut, gradients) if self._facts.is_custom else (cut, gradients)
        if outputs:
            self._backward(key, lambda: self._versions.backward(batch, outputs, given))
            if stashed is not None:
                self._compare(key, stashed, batch.version, cut, gradients)
        self._versions.release(batch)

    def _begin_to_recompute(self, key: Key) -> None:
        """Right, too, unless it reads what batches in flight share: that is looked at at once."""
        unseen = self._versions.leaves_out or (self._again is None and self._facts.leaves_traces)
        if self._role.depth > 1 and unseen:
            raise self._habit(key, "its backward has begun to run forwards again")
        super()._begin_to_recompute(key)
        self._looks_at_once = True

    def update(self) -> None:
        """Apply the gradients; forwards from now on see the new weights."""
        with self._versions.updating():
            self._optimizer.step()
        self.staleness = self._updates - self._begun.popleft()
        self._updates += 1

    def predict(self, batch: int, inputs: Tensors) -> Tensors:
        """The cut of an evaluation batch, at the newest weights, in evaluation mode."""
        self._evaluate()
        with torch.no_grad():
            return as_tensors(self._drawing("predict", (batch,), lambda: self.module(*inputs)))

    def state(self) -> State:
        """All that training has changed, copied, and until where gradients were seen to be right;
        nothing may be in flight."""
        return {**super().state(), "sound_until": self._sound_until}

    def restore(self, state: State, updates: int) -> None:
        """Go on from a state after so many updates."""
        super().restore(state, updates)
        self._sound_until = state["sound_until"]

    def _own(self, key: Key, inputs: Tensors, reach: float) -> Tensors:
        """What a user's forward may write to; noted first if the step is to be run again."""
        if self._first_step is None:
            self._first_step = key[0]
        last = self._steps - self._role.depth  # that has others in flight behind it
        due = self._looks_at_once or is_due(key[0], self._first_step, last)
        if self._again is not None and due:
            self._looks_at_once = False
            self._stashes[key] = Stash(self.module, inputs, self._versions.contents(reach))
        return tuple([tensor.clone() if tensor._is_view() else tensor for tensor in inputs])  # noqa: SLF001

    def _compare(
        self, key: Key, stashed: Stash, version: Version, cut: Tensors, gradients: Tensors
    ) -> None:
        """Run a step again.

        Raises:
            WrongGradients: it comes to something else.
        """
        assert self._again is not None  # nothing was stashed without it
        different = self._again.difference(
            stashed,
            version,
            cut,
            gradients,
            partial(self._seeded, "forward", key),
            partial(self._seeded, "backward", key),
        )
        if different:
            what = f"{different} differs when the step is run again by itself"
            cause = f"{type(self.module).__name__}: {what}, so batches in flight share something"
            until = f"; up to step {self._sound_until} it did not"
            remedy = f"{until}; change it, or give this party depth 1"
            place = f"step {key[0]}"
            raise WrongGradients(self._role.name, place, cause + remedy, self._sound_until)
        self._sound_until = key[0] + 1
