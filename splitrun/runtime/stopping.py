"""When a run ends early: what its evaluations have found so far."""

from __future__ import annotations

from dataclasses import dataclass

from splitrun.plan import EarlyStopping


@dataclass(frozen=True)
class Found:
    """What has been found until some evaluation."""

    best: float | None = None
    """Of the metric; None where no evaluation has found a value yet."""
    best_step: int = 0
    waited: int = 0
    """Evaluations since the best."""

    def after(self, limits: EarlyStopping, step: int, value: float | None) -> Found:
        """With one more evaluation, which found a value or, where the rows define none, did not."""
        if value is not None and self._is_better(limits, value):
            return Found(value, step)
        return Found(self.best, self.best_step, self.waited + 1)

    def _is_better(self, limits: EarlyStopping, value: float) -> bool:
        if self.best is None:
            return True
        gain = value - self.best if limits.rises else self.best - value
        return gain > limits.min_delta


@dataclass(frozen=True)
class Decision:
    """What every role is to do after an evaluation."""

    keeps: bool
    """The weights are the best so far, and are kept."""
    stops: bool
    """The run ends, with the weights that were kept last."""

    @property
    def code(self) -> int:
        """As one small number, which every type of a tensor can hold and every codec keeps."""
        return self.keeps + 2 * self.stops

    @classmethod
    def of(cls, code: float) -> Decision:
        """What `code` was.

        Raises:
            ValueError: it is no code.
        """
        number = round(code)
        if not 0 <= number < 4:
            raise ValueError(f"{code} is nothing that could be decided")
        return cls(keeps=bool(number & 1), stops=bool(number & 2))
