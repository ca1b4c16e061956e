"""What instructions cost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.plan import Instruction, Op
from splitrun.simulate import Cost, Costs
from splitrun.simulate.costs import CalibrationPoint, rows_of
from tests.plan.plans import make_plan
from tests.simulate.timing import ms


@pytest.mark.parametrize("wrong", [-1e-9, math.inf, math.nan])
def test_a_cost_is_finite_and_not_negative(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        Cost(wrong)
    with pytest.raises(ValueError, match="finite and not negative"):
        Cost(0.0, wrong)


@pytest.mark.parametrize(("rows", "cores"), [(100, 0.8), (50, 0.6), (400, 2.0), (10**6, 3.0)])
def test_the_lock_is_held_for_as_long_whatever_the_rows(rows: int, cores: float) -> None:
    """Slices of 100 rows take 1 ms that does not depend on them, and 1 ms that does."""
    plan = make_plan(rows=4 * rows, batch_size=rows)
    of_roles = {role.name: {Op.FORWARD: ms(1, per_row=0.01)} for role in plan.roles}
    assert Costs(of_roles, 0.8).cores(plan) == 0.8
    measured = Costs(of_roles, 0.8, found_with=CalibrationPoint(100, 3.0))
    assert measured.cores(plan) == pytest.approx(cores)


@pytest.mark.parametrize("cores", [0.0, -1.0, math.nan])
def test_without_cores_there_are_no_costs(cores: float) -> None:
    with pytest.raises(ValueError, match="effective cores"):
        Costs({}, cores)


@pytest.mark.parametrize("unevenness", [-0.1, 0.51, math.nan])
def test_speeds_differ_by_no_more_than_leaves_every_moment_some(unevenness: float) -> None:
    with pytest.raises(ValueError, match="unevenness"):
        Costs({}, 1, unevenness=unevenness)


def test_in_a_moment_twice_as_fast_all_takes_half_the_time() -> None:
    cost = Cost(2e-3, 5e-6, 1e-3)
    costs = Costs({"a": {Op.FORWARD: cost}}, 0.8, 4e-4, CalibrationPoint(100, 2.0), 0.2).at_speed(2)
    half = Cost(1e-3, 2.5e-6, 5e-4)
    assert costs == Costs({"a": {Op.FORWARD: half}}, 0.8, 2e-4, CalibrationPoint(100, 2.0))


def test_a_cost_grows_with_its_rows_and_an_operation_without_one_is_free() -> None:
    costs = Costs({"a": {Op.FORWARD: ms(2, per_row=0.5)}}, 1)
    assert costs.work_s("a", Op.FORWARD, 8) == pytest.approx(6e-3)
    assert costs.work_s("a", Op.BACKWARD, 8) == 0
    with pytest.raises(KeyError):
        costs.work_s("b", Op.FORWARD, 8)


@given(st.integers(1, 40), st.integers(1, 8), st.integers(10, 200))
def test_the_slices_of_a_batch_add_up_to_its_rows(
    batch_size: int, micro_batches: int, rows: int
) -> None:
    plan = make_plan(
        schedule="microbatch", micro_batches=micro_batches, rows=rows, batch_size=batch_size
    )
    for step in range(plan.steps):
        slices = [
            rows_of(plan, Instruction(Op.FORWARD, step, micro))
            for micro in range(plan.slices(step))
        ]
        assert sum(slices) == plan.rows(step) == rows_of(plan, Instruction(Op.UPDATE, step))
        assert max(slices) - min(slices) <= 1
