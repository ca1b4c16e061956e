"""How numbers are scaled: each way comes down to `(x - shift) / scale`, fitted on training values.

The formulas are those of scikit-learn's StandardScaler, RobustScaler and MinMaxScaler, to the last
bit, so that others can repeat them; importing scikit-learn takes longer than a short run.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scaling = Literal["standard", "minmax", "robust", "none"]
Values = NDArray[np.float64]

_EPSILON = float(np.finfo(np.float64).eps)


def affine(values: Values, scaling: Scaling) -> tuple[float, float]:
    """The shift and the scale for finite values `[rows]`; values that are all alike have scale 1.

    Of values whose squares or differences are beyond floats, one of the two is not finite.
    """
    with np.errstate(all="ignore"):
        match scaling:
            case "standard":
                return _standard(values)
            case "robust":
                low, high = np.percentile(values, (25, 75))
                return float(np.median(values)), float(_unless_tiny(high - low))
            case "minmax":
                least = values.min()
                return float(least), float(1 / (1 / _unless_tiny(values.max() - least)))
            case "none":
                return 0.0, 1.0


def _standard(values: Values) -> tuple[float, float]:
    """The mean and the standard deviation.

    The variance is that of the corrected two-pass algorithm, and values are alike where it is below
    that algorithm's error: Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
    The American Statistician 37 (1983).
    """
    count = float(len(values))
    mean = values.sum() / count
    deviations = values - mean
    correction = deviations.sum() ** 2 / count
    variance = ((deviations**2).sum() - correction) / count
    if variance <= count * _EPSILON * variance + (count * mean * _EPSILON) ** 2:
        return float(mean), 1.0
    return float(mean), float(np.sqrt(variance))


def _unless_tiny(width: np.float64) -> np.float64:
    """The width; 1 where rounding could have made it."""
    return np.float64(1.0) if width < 10 * _EPSILON else width
