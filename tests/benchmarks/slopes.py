"""How something grows with something else: the exponent, and what each one more costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SUPER_LINEAR = 1.2
"""An exponent beyond this is more than in proportion; what is below is noise, or caches that no
longer hold what they held."""


@dataclass(frozen=True)
class Line:
    """`constant + each × size`, neither of them negative."""

    constant: float
    each: float

    def at(self, size: float) -> float:
        """What it comes to."""
        return self.constant + self.each * size

    @classmethod
    def through(cls, sizes: Sequence[float], values: Sequence[float]) -> Line:
        """Two positive values or more, fitted so that a tenth counts the same at any of them."""
        weights = 1 / np.asarray(values, dtype=np.float64)
        scaled = np.asarray(sizes, dtype=np.float64) * weights
        ones = np.ones(len(values))
        constant, each = np.linalg.lstsq(np.stack([weights, scaled], 1), ones, rcond=None)[0]
        if constant < 0:
            return cls(0.0, float(scaled.sum() / (scaled @ scaled)))
        if each < 0:
            return cls(float(weights.sum() / (weights @ weights)), 0.0)
        return cls(float(constant), float(each))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the line through the logarithms; 1 is in proportion, 0 is constant."""
    logarithms = np.log(np.asarray([sizes, values], dtype=np.float64))
    across, up = logarithms - logarithms.mean(axis=1, keepdims=True)
    return float(across @ up / (across @ across))


def upper_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """That of the larger half, where constants count least."""
    half = min(len(sizes) // 2, len(sizes) - 2)
    return exponent(sizes[half:], values[half:])


def verdict(what: str, exponents: Mapping[str, float]) -> str:
    """Whether anything grows faster than what it grows with.

    Args:
        what: it grows with.
        exponents: of the larger halves, by what grows.
    """
    worst = max(exponents, key=lambda name: exponents[name])
    faster = [f"{name} ({each:.2f})" for name, each in exponents.items() if each > SUPER_LINEAR]
    if faster:
        return f"Faster than in proportion to {what}: {', '.join(faster)}."
    return f"Nothing is super-linear in {what}: at most {exponents[worst]:.2f}, {worst}."


def extrapolated(factor: float) -> str:
    """`measured`, or `× 100`."""
    return f"× {factor:,.0f}" if factor > 1 and not math.isclose(factor, 1) else "measured"
