"""A run that stops early ends everywhere at the same step, with the weights that were best."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.errors import SpecError
from splitrun.events import Decided, Executed
from splitrun.plan import EarlyStopping
from splitrun.runtime.stopping import Decision, Found
from tests.runtime.running import Content, Trained, prepared, synthetic, trained

VALUES = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=30)


@given(
    values=VALUES,
    patience=st.integers(1, 4),
    min_delta=st.floats(0, 10),
    rises=st.booleans(),
)
def test_what_is_found_is_the_first_value_that_none_later_beats_by_enough(
    *, values: list[float | None], patience: int, min_delta: float, rises: bool
) -> None:
    limits = EarlyStopping("loss", patience, min_delta, rises)
    found, best, since = Found(), None, 0
    for step, value in enumerate(values, 1):
        found = found.after(limits, step, value)
        gain = 0.0 if best is None or value is None else (value - best) * (1 if rises else -1)
        if value is not None and (best is None or gain > min_delta):
            best, since = value, 0
        else:
            since += 1
        assert (found.best, found.waited) == (best, since)
        assert found.best is None or values[found.best_step - 1] == found.best


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("stops", [False, True])
def test_a_decision_is_what_its_code_says(*, keeps: bool, stops: bool) -> None:
    decision = Decision(keeps=keeps, stops=stops)
    assert Decision.of(decision.code) == decision
    assert Decision.of(decision.code + 1e-4) == decision


@pytest.mark.parametrize("code", [-1.0, 4.0, 1e9])
def test_what_is_no_decision_is_refused(code: float) -> None:
    with pytest.raises(ValueError, match="nothing that could be decided"):
        Decision.of(code)


def _content(depth: int, stopping: Content | None, **training: Any) -> Content:
    """Sixty epochs at a rate at which the model soon learns its training rows by heart."""
    return synthetic(
        rows=400,
        dataset={"validation_fraction": 0.2},
        pipeline={"schedule": "stale", "depth": depth},
        training={"epochs": 60, "optimizer": {"type": "adam", "lr": 0.05}}
        | ({"early_stopping": stopping} if stopping else {})
        | training,
    )


def _decided(run: Trained) -> list[Decided]:
    return [event for event in run.events if isinstance(event, Decided)]


@pytest.mark.parametrize("depth", [1, 4, 8])
@pytest.mark.parametrize("kind", ["serial", "threaded", "processes"])
def test_a_run_ends_early_with_the_weights_of_its_best_epoch(
    depth: int, kind: Literal["serial", "threaded", "processes"]
) -> None:
    run = trained(prepared(_content(depth, {"patience": 3})), kind)
    *_, last = _decided(run)
    steps_per_epoch = run.experiment.plan.steps_per_epoch
    assert last.stops
    assert last.waited == 3
    assert 0 < last.best_step == last.step - 3 * steps_per_epoch
    epochs = last.best_step // steps_per_epoch
    plain = _content(depth, None, epochs=epochs, evaluate_every_epochs=1)
    assert trained(prepared(plain), "serial").weights_sha256 == run.weights_sha256


def test_nothing_is_in_flight_and_nobody_goes_on_when_a_run_ends_early() -> None:
    run = trained(prepared(_content(8, {"patience": 2}, evaluate_every_steps=5)), "threaded")
    *_, last = _decided(run)
    done = [event for event in run.events if isinstance(event, Executed)]
    for role in run.experiment.plan.roles:
        own = [event for event in done if event.role == role.name]
        assert max(it.step for it in own if it.op == "UPDATE") == last.step - 1
        assert own[-1].phase == "decide"
    loads = {it.step for it in done if it.op == "LOAD" and it.phase == "train"}
    assert max(loads) == last.step - 1


def test_a_run_that_does_not_end_early_ends_with_its_best_weights_all_the_same() -> None:
    run = trained(prepared(_content(4, {"patience": 50}, epochs=40)), "serial")
    *_, last = _decided(run)
    assert last.step == run.experiment.plan.steps
    assert last.stops
    epochs = last.best_step // run.experiment.plan.steps_per_epoch
    assert epochs < 40
    plain = _content(4, None, epochs=epochs, evaluate_every_epochs=1)
    assert trained(prepared(plain), "serial").weights_sha256 == run.weights_sha256


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"dataset": {"validation_fraction": 0}}, "set dataset.validation_fraction, such as 0.1"),
        ({"training": {"early_stopping": {"metric": "auc"}}}, "'auc' is not evaluated; use loss,"),
        (
            {"training": {"metrics": ["accuracy"], "early_stopping": {"metric": "f1"}}},
            "use loss or accuracy, or add it to training.metrics",
        ),
        (
            {"training": {"evaluate_every_epochs": 1, "evaluate_every_steps": 3}},
            "evaluate_every_epochs says how often, too; keep one of the two",
        ),
    ],
)
def test_what_early_stopping_cannot_rest_on_is_refused(sections: Content, told: str) -> None:
    content = _content(2, {"patience": 3})
    for key, changes in sections.items():
        content[key] |= changes
    with pytest.raises(SpecError) as caught:
        prepared(content)
    assert told in str(caught.value)
