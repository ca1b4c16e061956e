"""Parties in processes of their own end with the bits of one process."""

from __future__ import annotations

from splitrun.events import Evaluated
from tests.runtime.processes import run_in_processes
from tests.runtime.running import Content, prepared, synthetic, trained


def content(**sections: object) -> Content:
    """Three parties with four batches in flight; one bottom draws random numbers."""
    made = synthetic(
        parties=3, pipeline={"schedule": "stale", "depth": 4}, checkpoint={"every_steps": 7}
    )
    made["parties"]["p1"]["bottom"] = {"type": "mlp", "hidden": [12], "out": 6, "dropout": 0.3}
    return made | sections


def test_each_partys_roles_run_in_a_process_of_its_own_with_the_threaded_bits() -> None:
    threaded = trained(prepared(content()), "threaded")
    told = run_in_processes(content(), threaded.experiment.plan)
    evaluated = [event for event in threaded.events if isinstance(event, Evaluated)]
    roles = {"p0": {"p0.bottom", "p0.top"}, "p1": {"p1.bottom"}, "p2": {"p2.bottom"}}
    for party, names in roles.items():
        answer = told[party]
        assert answer is not None
        assert answer.error == ""
        assert answer.digests == {name: threaded.outcome.digests[name] for name in names}
        assert answer.metrics == (evaluated[-1].metrics if party == "p0" else {})


def test_a_party_whose_process_is_killed_is_missed_by_the_others() -> None:
    made = content(faults=[{"type": "kill", "step": 5}])
    told = run_in_processes(made, prepared(made).plan)
    assert told["p0"] is None
    for party in ("p1", "p2"):
        answer = told[party]
        assert answer is not None
        assert not answer.digests
        assert answer.error.startswith(f"{party}.bottom failed at ")
        assert "p0.top->" in answer.error or "->p0.top" in answer.error
