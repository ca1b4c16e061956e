"""Scaling has scikit-learn's bits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from splitrun.data.scaling import Scaling, affine

Values = NDArray[np.float64]

FINITE = st.floats(-1e307, 1e307)
DRAWN = st.builds(
    lambda seed, rows, magnitude, offset: (
        offset + np.random.default_rng(seed).standard_normal(rows) * 10.0**magnitude
    ),
    st.integers(0, 2**32 - 1),
    st.integers(1, 3000),
    st.integers(-12, 12),
    st.sampled_from([0.0, 1.0, -1e8]),
)
COLUMNS = st.one_of(DRAWN, arrays(np.float64, st.integers(1, 40), elements=FINITE))


def of_scikit_learn(values: Values, scaling: Scaling) -> tuple[float, float]:
    matrix = values[:, np.newaxis]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if scaling == "standard":
            standard = StandardScaler().fit(matrix)
            return float(standard.mean_[0]), float(standard.scale_[0])
        if scaling == "robust":
            robust = RobustScaler().fit(matrix)
            return float(robust.center_[0]), float(robust.scale_[0])
        minmax = MinMaxScaler().fit(matrix)
        return float(minmax.data_min_[0]), float(1 / minmax.scale_[0])


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust"])
@given(values=COLUMNS)
@example(values=np.full(7, 0.1))
@example(values=np.array([3.0]))
def test_shift_and_scale_are_scikit_learns_to_the_last_bit(
    scaling: Scaling, values: Values
) -> None:
    np.testing.assert_array_equal(affine(values, scaling), of_scikit_learn(values, scaling))


def test_without_scaling_numbers_stay_as_they_are() -> None:
    assert affine(np.array([5.0, 7.0]), "none") == (0.0, 1.0)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust"])
def test_numbers_too_far_apart_for_floats_have_no_scale(scaling: Scaling) -> None:
    assert not np.isfinite(affine(np.array([1e308, -1e308, 1e308]), scaling)).all()
