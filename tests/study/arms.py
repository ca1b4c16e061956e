"""Simulated arms whose truth is known: throughputs in interleaved pairs, metrics over paired seeds.

Each scenario has a stream of its own, so that neither running a test alone nor adding one changes
what another draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from splitrun.seeds import derive_seed

Floats = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Noise of a logarithm, of deviation about 1, for (comparisons, pairs)."""


@dataclass(frozen=True)
class Arms:
    """Of each comparison a row, of each pair or seed a column."""

    baseline: Floats
    arm: Floats

    def rows(self) -> list[tuple[list[float], list[float]]]:
        """(baseline, arm) of each comparison."""
        return list(zip(self.baseline.tolist(), self.arm.tolist(), strict=True))


def stream(*names: str | int) -> np.random.Generator:
    """The random numbers of the scenario with these names."""
    return np.random.default_rng(derive_seed("tests", "study", *names))


def normal(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return generator.normal(size=shape)


def heavy_tailed(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Student's t with 2 degrees of freedom, whose variance is infinite."""
    return generator.standard_t(2, size=shape)


def lopsided(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Hiccups: always slower than at best, sometimes much."""
    return -generator.exponential(size=shape)


def throughputs(
    generator: np.random.Generator,
    shape: tuple[int, int],
    noise: Noise,
    *,
    speedup: float = 1.0,
    deviation: float = 0.05,
    drift: float = 0.0,
) -> Arms:
    """Interleaved pairs of samples/s.

    Args:
        generator: what to draw from.
        shape: comparisons, pairs.
        noise: of each measurement's logarithm.
        speedup: the true one.
        deviation: what the noise is multiplied by; the arm's is half as large again as the
            baseline's where there is a speedup.
        drift: deviation of the steps of the random walk that the machine's speed makes from pair
            to pair.
    """
    machine = np.cumsum(drift * generator.normal(size=shape), axis=1)
    arm_deviation = deviation if speedup == 1 else 1.5 * deviation
    return Arms(
        baseline=10_000 * np.exp(machine + deviation * noise(generator, shape)),
        arm=10_000 * speedup * np.exp(machine + arm_deviation * noise(generator, shape)),
    )


def metrics(
    generator: np.random.Generator, shape: tuple[int, int], noise: Noise, *, loss: float = 0.0
) -> Arms:
    """AUROCs over paired seeds; how far the seeds differ varies from comparison to comparison."""
    seeds = 0.90 + 0.02 * generator.normal(size=shape)
    deviation = generator.choice([0.001, 0.003, 0.01], size=(shape[0], 1))
    return Arms(
        baseline=seeds + deviation * noise(generator, shape),
        arm=seeds - loss + deviation * noise(generator, shape),
    )
