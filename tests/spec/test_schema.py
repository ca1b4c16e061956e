"""The JSON Schema accepts what `load` accepts and refuses what an editor should underline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splitrun.spec import json_schema, loads, resolved_yaml, yaml_text
from splitrun.spec.tree import SourceText
from tests.spec.specs import BANK, SYNTHETIC

jsonschema = pytest.importorskip("jsonschema")
EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("*.yaml"))


def errors(text: str) -> list[Any]:
    tree, flaws = yaml_text.read(text, SourceText(0, "schema.yaml"))
    assert tree is not None
    assert not flaws
    return list(jsonschema.Draft202012Validator(json_schema()).iter_errors(tree.data))


def test_it_is_a_schema_of_its_dialect() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "splitrun spec"


def test_sections_and_keys_are_described() -> None:
    definitions = json_schema()["$defs"]
    assert all("description" in definition for definition in definitions.values())
    assert definitions["Link"]["properties"]["latency_ms"]["description"] == "One way."


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.name)
def test_the_experiments_fit_it(file: Path) -> None:
    assert not errors(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", [BANK, SYNTHETIC])
def test_long_forms_fit_it(text: str) -> None:
    assert not errors(text)
    assert not errors(resolved_yaml(loads(text, "long.yaml").spec))


@pytest.mark.parametrize(
    "more",
    [
        "links: wan",
        "links: {default: lan, bob-alice: metro, bob->alice: {latency_ms: 5}}",
        "links: {default: {codec: int8}, bob->alice: {preset: wan, codec: bf16}}",
        "runtime: serial",
        "training: {optimizer: sgd, lr_schedule: cosine}",
    ],
)
def test_short_forms_fit_it(more: str) -> None:
    assert not errors(BANK.partition("training:")[0] + more)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("label: y", "lable: y"),
        ("type: csv", "type: cvs"),
        ("  bob:", "  my bob:"),
        ("hidden: [8]", "hidden: 8"),
        ("hidden: [8]", "hidden: [0]"),
        ("out: 4", "size: 4"),
        ("type: mlp", "type: mpl"),
        ("loss: binary_cross_entropy", "loss: bce"),
        ("lr: 0.01", "lr: -1"),
        ("pipeline: sequential", "pipeline: asynchronous"),
        ("pipeline: sequential", "pipeline: {depht: 4}"),
        ("pipeline: sequential", "links: {bob: wan}"),
        ("pipeline: sequential", "links: {default: {codec: int4}}"),
        ("optimizer: {type: adam", "lr_schedule: step\n  optimizer: {type: adam"),
        ("pipeline: sequential", "depth: 4"),
    ],
)
def test_mistakes_do_not_fit_it(old: str, new: str) -> None:
    assert old in BANK
    assert errors(BANK.replace(old, new))
