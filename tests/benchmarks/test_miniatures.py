"""Every benchmark on a small scale: that it runs and fills its tables, whatever the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from splitrun.spec import Document, load
from splitrun.study.arms import Arm
from tests.benchmarks import (
    checkpoints,
    codecs,
    compensation,
    machine,
    one_run,
    overhead,
    processes,
    speedup,
    versions,
    wire,
)
from tests.benchmarks.__main__ import STUDIES
from tests.benchmarks.cases import CROWDED, LINKED, UNLINKED, way

_FEW_ROWS = overhead.SPEC.replace("rows: 16384", "rows: 1024")


def _quickstart(path: Path) -> Document:
    return load(path, ["dataset.rows=1024", "training.epochs=1"])


MINIATURES: Mapping[str, Mapping[str, object]] = {
    "overhead": {"overhead.SPEC": _FEW_ROWS, "overhead.CASES": overhead.CASES[:1]},
    "versions": {
        "overhead.SPEC": _FEW_ROWS,
        "versions.EMBEDDING": versions.EMBEDDING.replace("rows: 16384", "rows: 1024"),
        "versions.TABLE_ROWS": (100,),
    },
    "compensation": {
        "compensation.SPEC": _FEW_ROWS,
        "compensation.OPTIMIZERS": {"Adam": compensation.OPTIMIZERS["Adam"]},
        "compensation.KINDS": ("serial",),
    },
    "modules": {
        "modules.ROWS": 1024,
        "modules.EPOCHS": 1,
        "modules.LONG_EPOCHS": 1,
        "modules.SHAPES": ((128, 8),),
        "modules.WAYS": (("serial", 2),),
    },
    "watched": {"watched.SPEC": _FEW_ROWS, "watched.load": _quickstart},
    "fraction": {"fraction.STEPS": 8, "fraction.AIMS": {(1, 2): 0.85}, "fraction.DEPTHS": (2,)},
    "prediction": {
        "prediction.LINKED": LINKED[:2],
        "prediction.UNLINKED": UNLINKED[:2],
        "prediction.SECONDS": 0.01,
        "prediction.FEWEST_STEPS": 4,
    },
    "advised": {
        "prediction.CROWDED": CROWDED[:2],
        "prediction.SECONDS": 0.01,
        "prediction.FEWEST_STEPS": 4,
    },
    "depth": {
        "prediction.LINKED": LINKED[:1],
        "prediction.SWEPT": (1, 2),
        "prediction.SWEEP_SECONDS": 0.01,
        "prediction.FEWEST_STEPS": 4,
    },
    "growth": {
        "growth.figures_of": one_run.measure,
        "growth.STEPS": 6,
        "growth.DEPTH_STEPS": 6,
        "growth.PARTIES": (2, 3),
        "growth.DEPTHS": (1, 2),
        "growth.MICRO_BATCHES": (1, 2),
        "growth.ROW_BATCH": 64,
        "growth.ROWS": (64, 128),
        "growth.EMBEDDING": versions.EMBEDDING.replace("rows: 16384", "rows: 512"),
        "growth.TABLE_ROWS": (100, 200),
        "growth.RUN_STEPS": (4, 8),
    },
    "speedup": {"speedup.RACES": ((speedup.FAR, Arm("stale", 2), 4, 1.0),)},
    "codecs": {
        "codecs.NARROW": replace(codecs.NARROW, batch_size=16, links={"default": way(1, 20)}),
        "codecs.DEPTH": 2,
        "codecs.STEPS": 8,
        "codecs.SIZES": ((4, 3),),
        "codecs.TIMES": 1,
    },
    "peer": {"peer.STEPS": 8, "peer.LATENCIES_MS": (0, 1)},
    "processes": {
        "processes.ROWS": 30_000,
        "processes.CASES": processes.CASES[1:3],
        "overhead.SPEC": _FEW_ROWS,
    },
    "messages": {"messages.SIZES": (1024, 65536), "messages.LASTS_S": 0.001},
    "wire": {
        "overhead.SPEC": _FEW_ROWS,
        "wire.DELAY_MS": 1,
        "wire.MODELS": {"labels alone": wire.MODELS["labels alone at their holder"]},
        "wire.DEPTHS": {2: 1},
        "wire.HURT_EPOCHS": 1,
        "wire.HURT": {"nothing": wire.HURT["nothing"]},
    },
    "checkpoints": {
        "checkpoints.SPEC": checkpoints.SPEC.replace("rows: 6400", "rows: 128"),
        "checkpoints.STEPS": 12,
        "checkpoints.EVERY_STEPS": 4,
        "checkpoints.SIZES": (("[4]", 2),),
    },
    "larger_than_memory": {
        "larger_than_memory.GIGABYTE": 10**5,
        "larger_than_memory.COLUMNS": 8,
        "larger_than_memory.BATCH_ROWS": 256,
    },
    "reading": {"reading.ROWS": 2_000, "reading.WIDE_ROWS": 1_000, "reading.PROCESSES": 1},
    "endurance": {"endurance.EVERY_S": 0.05},
}
"""By study: what some of its constants are here."""
REPEATS = {"prediction": 1, "advised": 1, "growth": 1, "wire": 1, "larger_than_memory": 1}
"""By study, where two are not what it takes to fill its tables."""


@pytest.fixture(autouse=True)
def miniature_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"LOOPS": 2, "LOOP_S": 0.001, "HANDOVERS": 4, "WAITS": 4}
    for name, value in {**few, "PRODUCTS": 1, "SPEED_S": 0.001, "TOGETHER_S": 0.001}.items():
        monkeypatch.setattr(machine, name, value)


def test_this_machine_fills_its_table() -> None:
    printed = "\n".join(machine.this_machine().rows()).splitlines()
    (rule,) = (index for index, line in enumerate(printed) if line.startswith("|---"))
    rows = printed[rule + 1 :]
    assert len(rows) >= len(machine.BATCH_SIZES) + 5
    assert {row.count("|") for row in rows} == {printed[rule].count("|")}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_fills_its_tables(
    study: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if study == "peer":
        monkeypatch.setenv("SPLITRUN_DATA_DIR", str(request.getfixturevalue("bank_dir")))
    for name, value in MINIATURES[study].items():
        monkeypatch.setattr(f"tests.benchmarks.{name}", value)
    measure, _ = STUDIES[study]
    printed = "\n".join(measure(REPEATS.get(study, 2))).splitlines()
    if printed[0].startswith("Not measured"):
        pytest.skip(printed[0])
    rules = [index for index, line in enumerate(printed) if line.startswith("|---")]
    assert rules
    for rule in rules:
        head, first = printed[rule - 1], printed[rule + 1]
        assert first.count("|") == head.count("|") == printed[rule].count("|")
