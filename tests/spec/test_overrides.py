"""Overrides go through the same validator as the file, on top of it."""

from __future__ import annotations

import pytest

from splitrun.spec import Spec
from tests.spec.specs import BANK, document, problem, problems


def overridden(*overrides: str) -> Spec:
    return document(BANK, *overrides).spec


def test_values_are_yaml() -> None:
    spec = overridden("seed=7", "parties.bob.columns=[day, hour]", "training.optimizer={type: sgd}")
    assert spec.seed == 7
    assert spec.parties["bob"].columns == ("day", "hour")
    assert spec.training.optimizer.type == "sgd"


def test_overrides_apply_from_left_to_right() -> None:
    assert overridden("seed=1", "seed=2").seed == 2


def test_short_forms_and_their_keys_mix() -> None:
    spec = overridden(
        "pipeline=stale", "pipeline.depth=8", "links.default=wan", "links.default.latency_ms=40"
    )
    assert (spec.pipeline.schedule, spec.pipeline.depth) == ("stale", 8)
    link = spec.links["default"]
    assert (link.preset, link.latency_ms, link.bandwidth_mbps) == ("wan", 40, 100)
    assert overridden("links=lan").links["default"].preset == "lan"


def test_missing_mappings_on_the_way_are_made() -> None:
    spec = overridden("links.bob->alice.latency_ms=5", "parties.bob.optimizer.type=sgd")
    assert spec.links["bob->alice"].latency_ms == 5
    assert spec.parties["bob"].optimizer is not None


def test_a_list_takes_an_index() -> None:
    metrics = overridden("training.metrics[0]=f1", "training.metrics[1]=auroc").training.metrics
    assert metrics == ("f1", "auroc")
    changed = overridden("parties.bob.columns[1]=hour", "~parties.bob.columns[0]")
    assert changed.parties["bob"].columns == ("hour",)


def test_a_tilde_deletes_and_is_content_where_nothing_is() -> None:
    spec = overridden("links=wan", "~links", "~links", "~parties.bob.columns[9]", "~seed.x")
    assert spec.links == {}


def test_a_problem_in_an_override_is_located_there() -> None:
    line = problem(BANK, "seed=1", "pipeline.dpeth=4")
    assert line == (
        "override 'pipeline.dpeth=4':1:10: pipeline.dpeth: unknown key 'dpeth'; "
        "did you mean 'depth'?"
    )
    assert problem(BANK, "parties.bob.bottom={type: mlp, out: 4, out: 5}").startswith(
        "override 'parties.bob.bottom={type: mlp, out: 4, out: 5}':1:40: parties.bob.bottom.out: "
    )
    assert problem(BANK, "~top.loss").startswith("override '~top.loss':1:6: top.loss: is missing")


def test_malformed_overrides_are_reported_with_everything_else() -> None:
    lines = problems(
        BANK.replace("name: bank", "nmae: bank"),
        "seed",
        "=3",
        "~x=1",
        "a..b=1",
        "a[x]=1",
        "~",
        "b=[",
    )
    assert [line.partition(":1:")[0] for line in lines] == [
        "bank.yaml",
        *(f"override '{text}'" for text in ("seed", "=3", "~x=1", "a..b=1", "a[x]=1", "~", "b=[")),
    ]
    assert "did you mean 'name'?" in lines[0]
    assert "write key.path=value" in lines[1]
    assert "~ deletes a key and takes no value" in lines[3]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("name.x=1", "name: is 'bank', not a mapping; remove 'x' from the override"),
        ("parties.bob.columns.x=1", "parties.bob.columns: is a list, not a mapping"),
        ("parties[0]=1", "parties: is a mapping, not a list; remove the [index]"),
        ("parties.bob.columns[3]=x", "has 2 items, counted from 0; use [2] to append one"),
    ],
)
def test_a_path_that_leads_through_a_value_is_refused(override: str, message: str) -> None:
    assert message in problem(BANK, override)


def test_another_type_over_keys_of_the_old_one_is_one_problem_with_the_whole_remedy() -> None:
    assert problem(BANK, "training.optimizer.type=sgd") == (
        "override 'training.optimizer.type=sgd':1:20: training.optimizer: sgd has no betas, "
        "which an earlier type left; "
        "write all of it: 'training.optimizer={type: sgd, lr: 0.01}'"
    )
    line = problem(BANK, "parties.bob.bottom.class=models:Bottom")
    assert "a class has no type, hidden, out, which an earlier type left" in line
    assert "write all of it: \"parties.bob.bottom={class: 'models:Bottom'}\"" in line


def test_another_type_that_knows_all_keys_is_content() -> None:
    optimizer = overridden("training.optimizer.type=adamw").training.optimizer
    assert optimizer.type == "adamw"
    assert optimizer.lr == 0.01
