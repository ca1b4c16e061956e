"""Parties as actors of a Ray cluster: the bits of one process, and an end whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from splitrun.errors import Lost, NoCluster
from splitrun.session import find_restart, prepare_resume, train
from tests.processes.test_rows import own_files
from tests.runtime.running import Content, prepared, synthetic, trained

pytestmark = pytest.mark.usefixtures("cluster")

RAY = {"type": "ray"}


def four_parties(**sections: object) -> Content:
    """A spec of four parties, of which one has dropout and one BatchNorm."""
    made = synthetic(parties=4)
    bottom = {"type": "mlp", "hidden": [12], "out": 4}
    made["parties"]["p1"]["bottom"] = bottom | {"dropout": 0.3}
    made["parties"]["p2"]["bottom"] = bottom | {"normalization": "batch"}
    return made | sections


LONG: Mapping[str, Callable[[], Content]] = {
    "sequential": lambda: synthetic(parties=3),
    "depth 1": lambda: synthetic(pipeline={"schedule": "stale", "depth": 1}),
    "depth 8": lambda: four_parties(pipeline={"schedule": "stale", "depth": 8}),
    "int8": lambda: synthetic(
        pipeline={"schedule": "stale", "depth": 4}, links={"default": {"codec": "int8"}}
    ),
    "fp16 and links": lambda: synthetic(
        parties=3,
        pipeline={"schedule": "stale", "depth": 4},
        links={"default": {"codec": "fp16", "latency_ms": 2, "jitter_ms": 1}},
    ),
    "compensation": lambda: four_parties(
        pipeline={"schedule": "stale", "depth": 4, "compensation": "discount"}
    ),
}


def test_micro_batches_of_three_actors_give_the_weights_of_threads() -> None:
    made = synthetic(parties=3, pipeline={"schedule": "microbatch", "micro_batches": 3})
    threaded = trained(prepared(made), "threaded")
    actors = trained(prepared(made), "ray")
    assert actors.outcome.digests == threaded.outcome.digests
    assert {name: stage.digest() for name, stage in actors.stages.items()} == dict(
        threaded.outcome.digests
    )


@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_the_law_holds_for_actors(name: str) -> None:
    made = LONG[name]()
    threaded = trained(prepared(made), "threaded").outcome
    assert trained(prepared(made), "ray").outcome.digests == threaded.digests


def test_a_killed_actor_is_named_and_the_run_goes_on_with_the_undisturbed_weights(
    tmp_path: Path,
) -> None:
    made = own_files(tmp_path) | {
        "pipeline": {"schedule": "stale", "depth": 4},
        "checkpoint": {"every_steps": 5},
        "links": {"default": {"latency_ms": 50}},
    }
    calm = train(prepared(made), tmp_path / "calm")
    faults = [{"type": "kill", "step": 12}]
    with pytest.raises(Lost, match=r"p0\..*its actor on node .* is gone") as failed:
        train(prepared(made | {"runtime": RAY, "faults": faults}), tmp_path)
    resume = find_restart(Path(failed.value.run_dir))
    assert resume.step >= 5
    result = train(prepare_resume(resume), tmp_path, resume=resume)
    assert result.weights_sha256 == calm.weights_sha256
    assert result.metrics == calm.metrics


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"resources": {"far": 2}}, r"parties\.p1\.ray: .* has 1 CPU \+ 2 far; .* has .*CPU"),
        ({"num_cpus": 4000}, r"no node of the cluster has 4000 CPU"),
    ],
)
def test_what_no_node_has_is_said_at_once(asked: Content, told: str) -> None:
    made = synthetic()
    made["parties"]["p1"]["ray"] = asked
    with pytest.raises(NoCluster, match=told):
        trained(prepared(made), "ray")


def test_what_is_not_free_together_is_said_after_the_deadline() -> None:
    made = synthetic(supervision={"deadline_s": 0.5})
    for party in made["parties"].values():
        party["ray"] = {"num_cpus": 7}
    with pytest.raises(NoCluster, match=r"no room for all parties .*, after 0\.5 s; .* free"):
        trained(prepared(made), "ray")
