"""Costs probed on this machine, and `depth: auto` resolved by them."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from splitrun.errors import UsageError
from splitrun.plan import Op
from splitrun.session import Experiment, RunDirectory, prepare, train
from splitrun.session.environment import MachineLoad
from splitrun.session.probe import ProbeEffort, probe_costs
from splitrun.session.probe_run import ProbeRun, ProbeSubject, moment_rates
from splitrun.simulate import Costs, TimedPlan
from splitrun.spec import loads
from tests.probing import BRIEF
from tests.runtime.running import Content, prepared, synthetic


def unproven(content: Content) -> Experiment:
    return prepare(loads(yaml.safe_dump(content, sort_keys=False), "spec.yaml"), unproven=True)


def far(**pipeline: Any) -> Content:
    """A spec whose time is emulated: 20 ms of work a step at each role, and 80 ms on the way."""
    content = synthetic(
        rows=4000,
        pipeline={"schedule": "stale"} | pipeline,
        links={"default": {"latency_ms": 40}},
    )
    compute = {"forward_ms": 8, "backward_ms": 8, "update_ms": 4}
    for party in content["parties"].values():
        party["compute"] = compute
    content["top"]["compute"] = {"loss_ms": 16, "update_ms": 4}
    return content


def test_every_role_and_instruction_has_a_cost() -> None:
    experiment = prepared(synthetic())
    effort = replace(BRIEF, shortest_trial_s=0.5)  # unevenness is seen over several moments
    costs = probe_costs(experiment.parties, lambda *_: 1, effort).costs
    bottom = {Op.LOAD, Op.FORWARD, Op.SEND, Op.RECV, Op.BACKWARD, Op.UPDATE}
    top = {Op.LOAD, Op.RECV, Op.LOSS, Op.SEND, Op.UPDATE}
    assert {name: set(each) for name, each in costs.roles.items()} == {
        "p0.bottom": bottom,
        "p1.bottom": bottom,
        "p0.top": top,
    }
    assert costs.work_s("p1.bottom", Op.FORWARD, 64) > 0
    assert costs.effective_cores > 0
    assert costs.unevenness > 0


@pytest.mark.parametrize(("step_s", "steps"), [(5e-4, 200), (2e-3, 64), (5e-3, 30), (1.0, 12)])
def test_trials_are_no_longer_than_need_be_and_long_enough_to_see_how_uneven_speed_is(
    step_s: float, steps: int
) -> None:
    assert ProbeEffort().steps_of_a_trial(step_s) == steps


def test_an_even_pace_has_one_rate_and_an_uneven_one_several() -> None:
    """Steps of 5 ms for a while, then of 10 ms; in moments of 50 ms there are 10 and 5."""
    even = [0.005 * step for step in range(43)]
    assert moment_rates(even) == pytest.approx([200] * 4)
    slower = [even[40] + 0.010 * step for step in range(1, 22)]
    assert moment_rates(even[:41] + slower) == pytest.approx([200] * 4 + [100] * 4)
    assert moment_rates(even[:5]) == []


@pytest.mark.parametrize("clocked", [True, False])
def test_a_probe_run_tells_work_if_it_is_clocked_and_its_period_always(*, clocked: bool) -> None:
    experiment = prepared(synthetic())
    subject = ProbeSubject.of(experiment.parties)
    probe_run = ProbeRun(subject, "threaded", 64, 12, depth=2, clocked=clocked)
    probe_run.run()
    assert any(probe_run.work_s().values()) is clocked
    assert probe_run.timed().period_s > 0


@pytest.mark.usefixtures("brief_probe")
def test_auto_takes_the_depth_that_fills_the_wait_and_the_run_directory_states_it(
    tmp_path: Path,
) -> None:
    """The loop lasts 116 ms (8 + 40 + 16 + 40 + 8 + 4), the busiest role 20: depth 6 fills it."""
    experiment = unproven(far(depth="auto"))
    assert experiment.advice is not None
    assert experiment.plan.depth in (6, 7)
    assert f"faster, unproven: depth {experiment.plan.depth} (" in experiment.advice.reason
    result = train(experiment, tmp_path)
    again = RunDirectory.open(Path(result.run_dir)).document()
    assert again.spec.pipeline.depth == experiment.plan.depth


def test_what_is_not_advised_cannot_be_unproven() -> None:
    with pytest.raises(UsageError, match="--unproven: no depth is advised here"):
        unproven(far(depth=4))


def test_a_probe_goes_on_until_it_is_sure_or_its_budget_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answers are made up: first rounds are asked as a whole, and a pipeline of the depth that
    they speak for is run from then on; then halves differ, and agree once there are more rounds."""
    quiet = MachineLoad(others_percent=0.0, idle_percent=100.0)
    monkeypatch.setattr("splitrun.session.environment.LoadMeter.so_far", lambda _: quiet)
    calibrated_at: list[int] = []

    def calibrate(costs: Costs, _: object, pipelined: TimedPlan, *__: object) -> Costs:
        calibrated_at.append(pipelined.plan.depth)
        return costs

    monkeypatch.setattr("splitrun.session.probe.calibrate", calibrate)
    effort = ProbeEffort(
        warm_up_s=0.0,
        trial_s=0.01,
        fewest_steps=4,
        shortest_trial_s=0.01,
        rounds=2,
        paused_rounds=2,
        more_rounds=1,
    )
    experiment = prepared(synthetic())

    def rounds(effort: ProbeEffort, *asked: tuple[int, ...]) -> int:
        calibrated_at.clear()
        answers = chain(*asked)
        probed = probe_costs(experiment.parties, lambda *_: next(answers), effort)
        assert probed.certainty.sure is (len(asked[-1]) == 2 and len({*asked[-1]}) == 1)
        assert (probed.certainty.low, probed.certainty.high) == (min(asked[-1]), max(asked[-1]))
        assert list(answers) == []
        return probed.certainty.rounds

    assert rounds(replace(effort, budget_s=0.0), (12,)) == 2
    assert {*calibrated_at} == {8}
    assert rounds(replace(effort, budget_s=1e6), (12,), (44,), (19, 29), (30, 30)) == 5
    assert calibrated_at == [8, 12, 12, 12, 12, 12, 12]
    assert rounds(replace(effort, budget_s=1e6, most_rounds=4), (9,), (44,), (19, 29)) == 4
    assert calibrated_at == [8, 8, 44, 44, 44]


def test_auto_heeds_the_greatest_staleness() -> None:
    experiment = unproven(far(depth="auto", max_staleness=2))
    assert experiment.plan.depth == 3
    assert experiment.advice is not None
    assert "pipeline.max_staleness 2 rules out depth" in experiment.advice.reason


@pytest.mark.usefixtures("brief_probe")
def test_probing_touches_neither_the_models_nor_the_result() -> None:
    content = synthetic(rows=300, pipeline={"schedule": "stale", "depth": 2})
    document = loads(yaml.safe_dump(content, sort_keys=False), "spec.yaml")
    plain, probed = prepare(document), prepare(document, probe=True)
    theirs = probed.parties.stages(probed.plan)
    for role, stage in plain.parties.stages(plain.plan).items():
        assert stage.digest() == theirs[role].digest()
