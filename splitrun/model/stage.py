"""A role's computation: a module, its optimizer and its weight versions.

A stage knows tensors and keys, nothing of batches, channels or time. Keys are (step, micro-batch).
What a user's class needs beyond that is in `custom.stages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor, nn

from splitrun.model.randomness import seeded
from splitrun.model.role_optimizer import RoleOptimizer
from splitrun.model.state import (
    Finite,
    State,
    cloned,
    digest_of,
    extra_states,
    fill,
    named_tensors,
    set_extra_states,
)
from splitrun.plan import Role, RoleFacts

Key = tuple[int, int]


class Stage:
    """What bottoms and top have in common."""

    def __init__(
        self,
        role: Role,
        facts: RoleFacts,
        module: nn.Module,
        optimizer: RoleOptimizer,
        seed: int,
    ) -> None:
        self.module = module
        self._role = role
        self._optimizer = optimizer
        self._facts = facts
        self._may_draw = facts.draws_random or facts.is_custom
        self._training = False
        self._seed = seed
        self._finite = Finite(module)
        self._kept: State | None = None
        """The weights that were kept last, see `keep`."""
        self.staleness = 0
        """Staleness of the gradients that were applied last: updates since their forward."""

    @property
    def peak_bytes(self) -> Mapping[str, int]:
        """The most bytes that it held so far, by kind: weights, buffers among them, and the
        optimizer's state."""
        held = [named_tensors(self.module), *([self._kept["module"]] if self._kept else [])]
        weights = sum(tensor.nbytes for tensors in held for tensor in tensors.values())
        return {"weights": weights, "optimizer": self._optimizer.state_bytes}

    def digest(self) -> str:
        """SHA-256 over parameters and buffers, sorted by name: raw little-endian bytes."""
        return digest_of(self.module)

    def update(self) -> None:
        """Apply the gradients gathered since the last update."""
        self._optimizer.step()

    def odd_weight(self) -> str:
        """Which parameter or buffer is not finite, and should be; empty if none is."""
        return self._finite.odd_weight()

    def odd_value(self) -> str:
        """Likewise, what the optimizer keeps among it."""
        return self.odd_weight() or self._finite.odd_state(self._optimizer.optimizers)

    def state(self) -> State:
        """All that training has changed, copied, in the mode in which it goes on: a class may hold
        other weights to evaluate. Nothing may be in flight."""
        self._train()
        return {
            "module": cloned(named_tensors(self.module)),
            "extra": cloned(extra_states(self.module)),
            "optimizers": self._optimizer.state(),
            **({} if self._kept is None else {"kept": self._kept}),
        }

    def restore(self, state: State, updates: int) -> None:
        """Go on from a state after so many updates.

        Raises:
            KeyError, RuntimeError, ValueError: it is one of another model.
        """
        fill(self.module, state["module"])
        set_extra_states(self.module, state["extra"])
        self._optimizer.restore(state["optimizers"], updates)
        self._kept = state.get("kept")

    @property
    def kept_step(self) -> int | None:
        """After so many updates the weights were that were kept last; None where none were."""
        return None if self._kept is None else int(self._kept["step"])

    def keep(self, step: int) -> None:
        """Keep a copy of the weights as they are after so many updates, in place of the one
        before."""
        self._train()
        self._kept = {
            "step": step,
            "module": cloned(named_tensors(self.module)),
            "extra": cloned(extra_states(self.module)),
        }

    def recall(self) -> None:
        """Go back to the weights that were kept, if any were."""
        if self._kept is not None:
            self._train()
            fill(self.module, self._kept["module"])
            set_extra_states(self.module, self._kept["extra"])

    def _train(self) -> None:
        if not self._training:
            self._training = True
            self.module.train()

    def _evaluate(self) -> None:
        if self._training or self.module.training:
            self._training = False
            self.module.eval()

    def _seeded(self, purpose: str, key: tuple[int, ...]) -> AbstractContextManager[None]:
        return seeded(self._seed, purpose, self._role.name, *key)

    def _run_module(self, purpose: str, key: tuple[int, ...], *inputs: Tensor) -> Any:
        """What the module gives, on random generators of its own if it may draw from any."""
        if not self._may_draw:
            return self.module(*inputs)
        with self._seeded(purpose, key):
            return self.module(*inputs)
