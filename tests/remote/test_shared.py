"""What parties must have alike, and what is theirs alone."""

from __future__ import annotations

import pytest
import yaml

from splitrun.remote.shared import differences, shared
from splitrun.spec import loads
from tests.remote.parties import content

SPEC = yaml.safe_dump(content())


def of(*overrides: str) -> dict[str, str]:
    return shared(loads(SPEC, "spec.yaml", overrides).spec)


@pytest.mark.parametrize(
    "own",
    [
        "dataset.path=other.csv",
        "parties.bob.columns=[visits]",
        "runtime.type=serial",
        "links.default={latency_ms: 3}",
        "~checkpoint.keep",
    ],
)
def test_what_is_a_partys_own_may_differ(own: str) -> None:
    mine, theirs = of(), of(own)
    assert not [it for it in differences(mine, theirs, "a", "b") if not it.startswith("links.")]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("training.epochs=5", "training.epochs: alice has 4, bob has 5"),
        ("seed=4", "seed: alice has 3, bob has 4"),
        ("parties.bob.bottom.out=5", "parties.bob.bottom.out: alice has 4, bob has 5"),
        ("runtime.intra_op_threads=2", "intra_op_threads: alice has 1, bob has 2"),
        (
            "links.default={codec: int8}",
            'links.default.codec: alice has nothing, bob has "int8"',
        ),
    ],
)
def test_what_changes_the_result_may_not(override: str, line: str) -> None:
    assert line in differences(of(), of(override), "alice", "bob")
