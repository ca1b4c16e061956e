"""What a spec comes to, and its complete long form."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings

from splitrun.spec import (
    Spec,
    compensation_of,
    effective_depth,
    effective_micro_batches,
    link_between,
    loads,
    optimizer_of,
    resolved_yaml,
)
from splitrun.spec.yaml_text import dump
from tests.spec.specs import BANK, SYNTHETIC, document
from tests.spec.strategies import specs


def test_depth_is_the_partys_then_the_pipelines_then_four() -> None:
    spec = document(BANK, "pipeline=stale", "parties.bob.depth=2").spec
    assert [effective_depth(spec, name) for name in spec.parties] == [4, 2]
    spec = document(BANK, "pipeline={schedule: stale, depth: 8}").spec
    assert [effective_depth(spec, name) for name in spec.parties] == [8, 8]


def test_depth_is_one_unless_the_schedule_is_stale() -> None:
    for schedule in ("sequential", "microbatch"):
        pipeline = f"pipeline={{schedule: {schedule}, depth: 8}}"
        spec = document(BANK, pipeline, "parties.bob.depth=2").spec
        assert [effective_depth(spec, name) for name in spec.parties] == [1, 1]
        assert spec.pipeline.depth == 1


def test_micro_batches_are_one_unless_the_schedule_slices() -> None:
    given = {"sequential": 1, "stale": 1, "microbatch": 4}
    for schedule, count in given.items():
        assert effective_micro_batches(document(BANK, f"pipeline={schedule}").spec) == count
    spec = document(BANK, "pipeline={schedule: microbatch, micro_batches: 2}").spec
    assert effective_micro_batches(spec) == 2


def test_the_helpers_read_a_spec_that_was_never_loaded_alike() -> None:
    data = document(BANK, "pipeline=stale").tree.data
    spec = Spec.model_validate(data)
    assert spec.pipeline.depth is None
    assert effective_depth(spec, "bob") == 4
    assert effective_micro_batches(spec) == 1


def test_the_finest_link_wins() -> None:
    links = "links={default: wan, bob-alice: metro, bob->alice: lan}"
    spec = document(
        BANK.replace("top:", "  carol: {columns: [a], bottom: {type: mlp, out: 4}}\ntop:"), links
    ).spec
    presets = {
        pair: link.preset
        for pair in (("bob", "alice"), ("alice", "bob"), ("carol", "alice"))
        if (link := link_between(spec, *pair))
    }
    assert list(presets.values()) == ["lan", "metro", "wan"]
    assert link_between(spec, "bob", "bob") is None
    assert link_between(document(BANK).spec, "bob", "alice") is None


def test_a_link_without_a_codec_is_written_as_before_there_were_any() -> None:
    def written(links: str) -> dict[str, Any]:
        text = resolved_yaml(document(BANK, f"links={links}").spec)
        links_of: dict[str, Any] = yaml.safe_load(text)["links"]["default"]
        return links_of

    wan = {"preset": "wan", "latency_ms": 25, "bandwidth_mbps": 100, "jitter_ms": 0}
    assert written("wan") == written("{default: {preset: wan, codec: none}}") == wan
    assert written("{default: {preset: wan, codec: int8}}") == wan | {"codec": "int8"}


def test_a_role_has_its_own_optimizer_or_everybodys() -> None:
    spec = document(BANK, "parties.bob.optimizer=sgd", "top.optimizer=adagrad").spec
    kinds = [optimizer_of(spec, role).type for role in ("alice", "bob", None)]
    assert kinds == ["adam", "sgd", "adagrad"]


def test_auto_compensation_follows_the_optimizer_of_each_bottom() -> None:
    def rules(optimizer: str, given: str = "auto") -> tuple[str, ...]:
        overrides = (f"pipeline.compensation={given}", f"parties.bob.optimizer={optimizer}")
        found = compensation_of(document(BANK, *overrides).spec, "bob")
        return tuple(rule.type for rule in found)

    for spiked in ("adam", "adamw", "{type: sgd, momentum: 0.9}"):
        assert rules(spiked) == ("long_momentum", "spike")
    assert rules("{type: adam, fused: true}") == ("weight_prediction", "discount")
    assert rules("{type: sgd, momentum: 0.9, nesterov: true}") == ("long_momentum",)
    assert rules("sgd") == rules("adagrad") == rules("rmsprop") == ("discount",)
    assert rules("adam", "none") == ()
    assert rules("adam", "discount") == rules("adam", "[discount]") == ("discount",)


def test_the_long_form_states_every_key() -> None:
    data = yaml.safe_load(resolved_yaml(document(SYNTHETIC, "pipeline=sequential").spec))
    pipeline = {"schedule": "sequential", "depth": 1, "max_staleness": None, "micro_batches": 1}
    assert data["pipeline"] == pipeline | {"compensation": "none"}
    assert data["training"]["optimizer"]["betas"] == [0.9, 0.999]
    assert set(data) == set(Spec.model_fields) - {"hooks", "sinks"}  # empty, which adds no key


def test_the_long_form_of_a_long_form_is_itself_and_warns_of_nothing() -> None:
    for text in (BANK, SYNTHETIC):
        once = resolved_yaml(document(text, "links=wan").spec)
        again = document(once)
        assert resolved_yaml(again.spec) == once
        assert again.warnings == ()


@settings(max_examples=60)
@given(specs())
def test_the_long_form_of_any_spec_gives_an_equal_spec(data: dict[str, Any]) -> None:
    spec = loads(dump(data), "any.yaml").spec
    text = resolved_yaml(spec)
    again = loads(text, "again.yaml")
    assert again.spec == spec
    assert again.warnings == ()
