"""A user's class in training: what tells that its gradients are those of their batches.

What it is given it may write to, so that it is given copies. Its forwards and backwards are watched
for what they did not do when the class was tried, and now and then a step is run again; see
`recomputation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from splitrun.errors import RunFailed, WrongGradients
from splitrun.model.bottom_stage import BottomStage
from splitrun.model.custom.recomputation import Recomputation, Stash, is_due
from splitrun.model.custom.trial import graph_nodes, learning
from splitrun.model.custom.versions import WatchedVersions
from splitrun.model.randomness import Untouched
from splitrun.model.stage import Key, Stage
from splitrun.model.state import State, Tensors
from splitrun.model.top_stage import TopStage
from splitrun.model.versions import InFlight, Version


class _Watched(Stage):
    """What bottoms and tops of a user's class have in common.

    Args:
        common: what a stage of our own models takes.
        alone: no other role may touch the random generators.
    """

    def __init__(self, *common: Any, alone: bool) -> None:
        super().__init__(*common)
        self._alone = alone
        self._recomputes = self._facts.recomputes
        """Whether its backward is known to run forwards."""

    def _watch(self, key: Key, action: Callable[[], None]) -> None:
        """A backward: on generators of its own if forwards are run in it, else watched for it.

        Raises:
            RunFailed: it has begun to run forwards, or to draw, and nothing tells that it is right.
        """
        if self._recomputes:
            with self._seeded("backward", key):
                action()
            return
        before, nodes = Untouched(), graph_nodes()
        action()
        if before.is_touched():
            raise self._habit(key, "its backward has begun to draw random numbers")
        if graph_nodes() != nodes:
            self._begin_to_recompute(key)

    def _begin_to_recompute(self, key: Key) -> None:
        """A forward was run in a backward for the first time: right at the version of its batch,
        unless it disturbs the numbers that others draw."""
        if not self._alone:
            raise self._habit(key, "its backward has begun to run forwards again")
        self._recomputes = True

    def _habit(self, key: Key, what: str) -> RunFailed:
        cause = f"{type(self.module).__name__}: {what}, and its gradients can't be relied on"
        remedy = "let it do so from its first batch on, or train with pipeline=sequential"
        return WrongGradients(self._role.name, f"step {key[0]}", f"{cause}; {remedy}", key[0])


class CustomBottomStage(_Watched, BottomStage):
    """A user's class as a bottom model in training.

    Args:
        steps: of the run.
    """

    _versions_type = WatchedVersions
    _versions: WatchedVersions

    def __init__(self, *common: Any, steps: int, alone: bool) -> None:
        super().__init__(*common, alone=alone)
        self._steps = steps
        self._first_step: int | None = None
        self._again: Recomputation | None = None
        self._stashes: dict[Key, Stash] = {}
        if self._facts.repeatable and self._role.depth > 1:
            self._again = Recomputation(self.module, self._versions)
        self._looks_at_once = False
        self._sound_until = 0

    def forward(self, key: Key, inputs: Tensors) -> Tensors:
        """The cut for one micro-batch, copied, for the class may write to what it has returned.

        Raises:
            WrongGradients: the module has written to weights of which batches have versions.
        """
        return tuple([tensor.clone() for tensor in super().forward(key, inputs)])

    def backward(self, key: Key, gradients: Tensors) -> None:
        """Add the gradients of one micro-batch, given those of its cut.

        Raises:
            WrongGradients: they are not those of the batch, or nothing tells that they are.
        """
        cut, batch = self._take(key)
        stashed = self._stashes.pop(key, None)
        if stashed is not None and not self._in_flight:  # nobody got in its way; see the next one
            stashed, self._looks_at_once = None, True
        outputs, given = learning(cut, gradients)
        if outputs:
            self._watch(key, lambda: self._versions.backward(batch, outputs, given))
            if stashed is not None:
                self._compare(key, stashed, batch.version, cut, gradients)
        self._versions.release(batch)

    def state(self) -> State:
        """All that training has changed, copied, and until where gradients were seen to be right;
        nothing may be in flight."""
        return {**super().state(), "sound_until": self._sound_until}

    def restore(self, state: State, updates: int) -> None:
        """Go on from a state after so many updates."""
        super().restore(state, updates)
        self._sound_until = state["sound_until"]

    def _run_versioned(self, key: Key, inputs: Tensors, reach: float) -> tuple[Any, InFlight]:
        """What the module gives at the version of the batch; noted first if the step is to be run
        again."""
        if self._first_step is None:
            self._first_step = key[0]
        last = self._steps - self._role.depth  # that has others in flight behind it
        due = self._looks_at_once or is_due(key[0], self._first_step, last)
        if self._again is not None and due:
            self._looks_at_once = False
            self._stashes[key] = Stash(self.module, inputs, self._versions.contents(reach))
        own = tuple([tensor.clone() if tensor._is_view() else tensor for tensor in inputs])  # noqa: SLF001
        output, batch = super()._run_versioned(key, own, reach)
        stashed = self._stashes.get(key)
        if batch.is_written or (stashed and stashed.differs(batch.version)):
            raise self._habit(key, "its forward has begun to write to its weights")
        return output, batch

    def _begin_to_recompute(self, key: Key) -> None:
        """Right, too, unless it reads what batches in flight share: that is looked at at once."""
        unseen = self._versions.leaves_out or (self._again is None and self._facts.leaves_traces)
        if self._role.depth > 1 and unseen:
            raise self._habit(key, "its backward has begun to run forwards again")
        super()._begin_to_recompute(key)
        self._looks_at_once = True

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


class CustomTopStage(_Watched, TopStage):
    """A user's class as a top model in training."""

    def _fused(self, cuts: Sequence[Tensors]) -> Tensors:
        """The module's arguments; it may write to them, as to what no leaf is."""
        fused = super()._fused(cuts)
        return tuple([tensor.clone() if tensor.is_leaf else tensor for tensor in fused])

    def _backward(self, key: Key, loss: Tensor) -> None:
        """Add the gradients of a micro-batch, given its loss.

        Raises:
            WrongGradients: nothing tells that they are right.
        """
        self._watch(key, partial(super()._backward, key, loss))
