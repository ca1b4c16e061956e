"""How far a run has come: events folded into a view, without a screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from splitrun.events import Evaluated, Event, RunStarted, StepDone

_WINDOW_S = 5.0
"""Throughput now is that of the last so many seconds."""
_LARGE = 1e5
"""From here on, a value is written with an exponent."""


@dataclass
class RunView:
    """What there is to show of a run; `fold` brings it up to date."""

    steps: int = 0
    steps_per_epoch: int = 1
    depth: int = 1
    samples: int = 0
    start: float = 0.0
    step: int = 0
    """Steps done."""
    done_samples: int = 0
    loss: float | None = None
    """A moving average over about one epoch, at most 100 steps."""
    metrics: dict[str, float | None] = field(default_factory=dict)
    _recent: deque[tuple[float, int]] = field(default_factory=deque)

    def fold(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                self.steps, self.steps_per_epoch = event.steps, event.steps_per_epoch
                self.samples, self.start = event.samples, event.clock
                self.depth = event.depth
            case StepDone():
                self.step += 1
                self.done_samples += event.rows
                weight = max(1 / self.step, 1 / min(100, self.steps_per_epoch))
                self.loss = event.loss if self.loss is None else self.loss
                self.loss += weight * (event.loss - self.loss)
                self._mark(event.end)
            case Evaluated():
                self.metrics = event.metrics

    def _mark(self, end: float) -> None:
        """Note when a step ended: of a pipeline, whose steps end in bursts, every `depth`-th."""
        if (self.step - 1) % self.depth:
            return
        self._recent.append((end, self.done_samples))
        while len(self._recent) > 2 and end - self._recent[0][0] > _WINDOW_S:
            self._recent.popleft()

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return self.steps // self.steps_per_epoch

    @property
    def epoch(self) -> int:
        """The epoch that is on, from 1."""
        return min(self.step // self.steps_per_epoch + 1, self.epochs)

    @property
    def samples_per_s(self) -> float | None:
        """Throughput of the last seconds, which do not begin before the first step's end."""
        if len(self._recent) < 2:
            return None
        (start, before), (end, after) = self._recent[0], self._recent[-1]
        return (after - before) / (end - start)

    @property
    def eta_s(self) -> float | None:
        """Seconds to go at that throughput."""
        rate = self.samples_per_s
        return (self.samples - self.done_samples) / rate if rate else None


def rate_text(samples_per_s: float | None) -> str:
    """`9,065 samples/s`; dashes where it is unknown."""
    return f"{'--' if samples_per_s is None else format(samples_per_s, ',.0f')} samples/s"


def clock_text(seconds: float | None) -> str:
    """`1:02:03`, `02:03`, or dashes where it is unknown."""
    if seconds is None:
        return "--:--"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def value_text(value: float | None) -> str:
    """`0.1963`; a loss that grows beyond measure as `2.171e+29`; dashes where it is unknown."""
    if value is None:
        return "--"
    return format(value, ".4f" if abs(value) < _LARGE else ".3e")


def metrics_text(metrics: Mapping[str, float | None]) -> str:
    """`auroc 0.9181  accuracy 0.9050`; dashes where the rows do not define a metric."""
    return "  ".join(f"{name} {value_text(value)}" for name, value in metrics.items())


def evaluation_text(event: Evaluated) -> str:
    """`evaluated after epoch 4: loss 0.1251  auroc 0.9907`."""
    return f"evaluated after epoch {event.epoch}: {metrics_text(event.metrics)}"
