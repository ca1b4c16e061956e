"""To which depth accuracy is shown, and that no deeper one is recommended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from splitrun.simulate import Certainty, Recommendation, ShownDepths, recommend, shown
from splitrun.simulate.recommendation import known
from splitrun.spec import Spec, load, loads
from tests.plan.plans import make_plan
from tests.runtime.running import synthetic
from tests.simulate.timing import uniform_costs

PLAN = make_plan(rows=10_000, links={"default": {"latency_ms": 25, "bandwidth_mbps": 100}})
"""The fastest depth worth having is 10."""
SGD: dict[str, Any] = {"type": "sgd", "lr": 0.1, "momentum": 0.9}
LONG: Any = ["long_momentum", "spike"]


def spec(optimizer: Any, compensation: Any = "none", **parties: Any) -> Spec:
    content = synthetic(
        training={"optimizer": optimizer},
        pipeline={"schedule": "stale", "depth": "auto", "compensation": compensation},
    )
    for name, own in parties.items():
        content["parties"][name] = content["parties"][name] | own
    return loads(yaml.safe_dump(content), "spec.yaml").spec


def advised(**options: Any) -> Recommendation:
    return recommend(PLAN, uniform_costs(PLAN), depths=range(1, 13), slices=(), **options)


@pytest.mark.parametrize(
    ("optimizer", "compensation", "depth"),
    [
        ({"type": "adam"}, "none", 8),
        ({"type": "adam"}, "auto", 8),
        ({"type": "adamw"}, "none", 8),
        ({"type": "adamw"}, "auto", 8),
        (SGD, "none", 4),
        (SGD, "auto", 8),
        (SGD, list(reversed(LONG)), 8),
        (SGD | {"nesterov": True}, "auto", 1),
        ({"type": "adam"}, "discount", 1),
        ({"type": "adam", "fused": True}, "auto", 1),
        ({"type": "adagrad"}, "none", 1),
        ({"type": "rmsprop"}, "auto", 1),
    ],
)
def test_a_depth_is_shown_for_the_optimizers_and_rules_that_were_confirmed(
    optimizer: Any, compensation: Any, depth: int
) -> None:
    for steps in (580, 10**6):
        assert shown(spec(optimizer, compensation), steps).depth == depth


@pytest.mark.parametrize(
    ("steps", "depth"), [(580, 8), (579, 7), (355, 4), (145, 2), (144, 1), (1, 1)]
)
def test_a_shorter_run_is_shown_in_steps_a_batch_in_flight(steps: int, depth: int) -> None:
    assert shown(spec({"type": "adam"}), steps).depth == depth


def test_the_full_bank_data_in_large_batches_are_too_few_steps_for_depth_8() -> None:
    """355 steps, in which depth 8 loses 0.0031 of the AUROC."""
    bank = load(Path(__file__).parents[2] / "experiments" / "bank_full.yaml").spec
    found = shown(bank, 355)
    assert (found.depth, found.of) == (4, "adam without compensation, 355 steps")


def test_of_unlike_parties_the_least_is_shown() -> None:
    mixed = spec({"type": "adam"}, p1={"optimizer": SGD})
    assert shown(mixed, 580) == ShownDepths((1, 2, 3, 4), "sgd without compensation, 580 steps")
    unknown = spec({"type": "adam"}, p1={"optimizer": {"type": "adagrad"}})
    assert shown(unknown, 580).depths == (1,)


def test_a_depth_that_was_tried_and_lost_is_not_shown_though_deeper_ones_are() -> None:
    """Momentum SGD loses 0.0025 with long momentum and spikes at depth 2, and nothing at 4 and 8;
    what was not tried is judged by the next deeper depth that was."""
    assert shown(spec(SGD, "auto"), 580).depths == (1, 3, 4, 5, 6, 7, 8)


def test_the_package_has_evidence_only_of_rules_that_there_are() -> None:
    assert len(known()) == 6
    for (optimizer, rules), evidence in known().items():
        assert optimizer in ("adam", "adamw", "sgd")
        assert rules in (frozenset(), frozenset(LONG))
        assert evidence.steps == 580


def test_the_fastest_depth_that_is_shown_is_recommended_and_the_faster_one_named() -> None:
    advice = advised(shown=ShownDepths((1, 2, 3, 4), "adam, here"))
    assert (advice.plan.depth, advice.fastest.depth) == (4, 10)
    assert advice.fastest_speedup > 2 * advice.speedup > 6
    assert "; depth 4, as accuracy is shown no deeper than 4 (adam, here); faster, unproven: " in (
        advice.reason
    )
    assert "faster, unproven: depth 10 (+1" in advice.reason


def test_where_the_fastest_depth_is_shown_there_is_nothing_unproven() -> None:
    deep = ShownDepths(tuple(range(1, 33)), "adam, here")
    advice = advised(shown=deep)
    assert advice.fastest is advice.plan
    assert advice.plan.depth == 10
    assert "depth 10, as accuracy is shown to depth 32 (adam, here)" in advice.reason
    assert "unproven" not in advice.reason.partition("; batch ")[0]


def test_a_larger_batch_leaves_fewer_steps_than_were_shown() -> None:
    advice = advised(shown=ShownDepths((1, 2), "adam, here"))
    assert ", unproven" in advice.reason.partition("; batch ")[2]


def test_where_nothing_is_shown_one_batch_at_a_time_is_recommended_and_caps_still_hold() -> None:
    none = ShownDepths((1,), "adagrad, here")
    advice = advised(shown=none, max_staleness=2)
    assert (advice.plan.depth, advice.fastest.depth) == (1, 3)
    assert "as accuracy is shown no deeper than 1 (adagrad, here)" in advice.reason
    assert "faster, unproven: depth 3 (+" in advice.reason
    assert "pipeline.max_staleness 2 rules out depth 10, which would give" in advice.reason


def test_a_recommended_depth_is_never_one_between_shown_ones_that_lost() -> None:
    advice = advised(shown=ShownDepths((1, 3, 4), ""), max_staleness=1)
    assert (advice.plan.depth, advice.fastest.depth) == (1, 2)


@pytest.mark.parametrize(
    ("low", "high", "rounds", "others", "idle", "sure", "told"),
    [
        (38, 39, 5, 10.0, 80.0, True, "is sure of 38 to 39"),
        (1, 2, 5, 0.0, 0.0, True, "is sure of 1 to 2"),
        (38, 38, 1, 0.0, 90.0, False, "is not sure of 38: too few rounds"),
        (12, 44, 60, 10.0, 80.0, False, "12 to 44 after 20 s: the machine's speed changes too"),
        (15, 15, 60, 170.0, 5.0, False, "15 after 20 s: the machine is too busy (others take 170"),
        (15, 15, 60, 170.0, 900.0, True, "is sure of 15"),
    ],
)
def test_a_probe_says_how_sure_it_is(
    low: int, high: int, rounds: int, others: float, idle: float, *, sure: bool, told: str
) -> None:
    certainty = Certainty(low, high, rounds, 20.4, others, idle)
    assert certainty.sure is sure
    assert told in str(certainty)
    assert certainty.to_record().sure is sure


def test_the_recommended_depth_is_within_what_the_probe_is_sure_of() -> None:
    halves = Certainty(8, 9, 5, 6.0, 0.0, 100.0)
    advice = advised(certainty=halves)
    assert advice.certainty == Certainty(8, 10, 5, 6.0, 0.0, 100.0)
    assert advice.reason.endswith("; the probe is sure of 8 to 10")
