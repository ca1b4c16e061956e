"""Every reader of files that a stranger may have made.

One more is a `Reader` more: what makes a valid directory, and what reads it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from pathlib import Path

import msgspec

from splitrun.catalogue.next_steps import next_steps
from splitrun.catalogue.order import differing
from splitrun.catalogue.reading import read_catalogue
from splitrun.cli.ls import as_json
from splitrun.dashboard.live import plan_of
from splitrun.records.comparison import MeanRecord, read_comparison
from splitrun.records.plan import PlanRecord
from splitrun.records.value import CostRecord, PartyValueRecord, ValueRecord
from splitrun.report.run_page import read_run
from splitrun.report.trace import write_trace
from splitrun.report.write import write
from splitrun.session import prepare, train
from splitrun.session.attempt_state import read_statistics, restore
from splitrun.session.checkpoint import Store
from splitrun.session.store import load_encoder, load_weights
from splitrun.spec import load, loads
from splitrun.study.runs import compare_runs
from splitrun.telemetry import JsonLines, read_events
from tests.fuzz.fire import Reader, Target
from tests.report.recordings import arm, comparison, comparison_directory, run_directory, whole_run
from tests.spec.specs import BANK

MADE = """\
name: made
dataset: {type: synthetic, rows: 100, numeric: 2, categorical: 1, cardinality: 5, batch_size: 40}
parties:
  alice: {bottom: {type: mlp, hidden: [3], out: 2}}
  bob: {bottom: &of_bob {type: embedding_mlp, embedding_dim: 2, out: 2}, depth: 2}
  carol: {bottom: {<<: *of_bob, out: 2}}
top: {party: alice, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
training: {epochs: 2, optimizer: {type: adam, lr: 0.01}}
pipeline: {schedule: stale, depth: 2}
links: {default: lan, bob->alice: {latency_ms: 0}}
runtime: serial
"""


def _made(directory: Path) -> Path:
    (directory / "spec.yaml").write_text(MADE)
    return directory


def _bank(directory: Path) -> Path:
    (directory / "spec.yaml").write_text(BANK)
    return directory


def _trained(directory: Path) -> Path:
    """A whole run, its model among it."""
    experiment = prepare(loads(MADE, "made.yaml"))
    result = train(experiment, directory.parent / f"{directory.name}-runs", [JsonLines()])
    Path(result.run_dir).rename(directory / "run")
    return directory


_EXPERIMENT = prepare(loads(MADE, "made.yaml"))
_STAGES = _EXPERIMENT.parties.stages(_EXPERIMENT.plan)
"""What damaged weights and states are loaded into."""


def _read_model(directory: Path) -> None:
    model = directory / "run" / "model"
    for party in _EXPERIMENT.parties:
        load_encoder(model, party.name)
    load_weights(model, {role: stage.module for role, stage in _STAGES.items()})


_DIGEST = re.compile(rb'(?<="resolved_sha256": ")[0-9a-f]+')


def _read_past(directory: Path) -> None:
    """As of a stranger, who takes care that the manifest has the right digest."""
    manifest = directory / "run" / "manifest.json"
    content = manifest.read_bytes()
    digest = hashlib.sha256((directory / "run" / "resolved.yaml").read_bytes()).hexdigest()
    manifest.write_bytes(_DIGEST.sub(digest.encode(), content))
    json.dumps(compare_runs(directory / "run", directory / "run").to_json())


def _list(directory: Path) -> None:
    """No damage keeps a run from being listed."""
    (entry,) = read_catalogue(directory).entries
    json.dumps([as_json(entry), next_steps(entry), differing([entry])])


def _checkpointed(directory: Path) -> Path:
    document = loads(MADE, "made.yaml", ["checkpoint.every_steps=2"])
    result = train(prepare(document), directory.parent / f"{directory.name}-runs")
    Path(result.run_dir).rename(directory / "run")
    return directory


def _read_checkpoints(directory: Path) -> None:
    """As of a stranger, who takes care that every digest is right."""
    store = directory / "run" / "checkpoints"
    for checkpoint in store.glob("*/*"):
        _sign(checkpoint)
    found = Store(store, _EXPERIMENT.parties.by_name, 1).newest().checkpoint
    if found is not None:
        read_statistics(found, directory)
        restore(found, _STAGES, directory)


def _sign(checkpoint: Path) -> None:
    manifest = checkpoint / "manifest.json"
    try:
        content = json.loads(manifest.read_bytes())["content"]
        for name in content["files"]:
            digest = hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()
            content["files"][name] = digest
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    manifest.write_text(json.dumps({"content": content, "sha256": digest}))


def _read_plan(directory: Path) -> PlanRecord:
    return plan_of(directory / "run")


def _recorded(directory: Path) -> Path:
    return run_directory(directory, whole_run(3))


def _compared(directory: Path) -> Path:
    arms = arm("sequential", 1000.0), arm("stale:4", 3900.0)
    return comparison_directory(directory, comparison(*arms))


def _valued(directory: Path) -> Path:
    gain = MeanRecord(mean=0.02, ci95=(0.01, 0.03))
    holder = PartyValueRecord(party="alice", importance=gain, columns={"age": gain})
    partner = PartyValueRecord(
        party="bob",
        finding="better",
        gain=gain,
        importance=gain,
        columns={"segment": gain, "clicks": gain},
        cost=CostRecord(bytes_per_epoch=41e6, epoch_s=12.0, epoch_without_s=0.5),
        verdict="bob brings +0.020 auroc",
    )
    record = ValueRecord(
        kind="valuation",
        name="made",
        metric="auroc",
        decided_on="validation",
        evaluated_rows=100,
        train_rows=400,
        with_all=gain,
        parties=(holder, partner),
    )
    (directory / "value.json").write_bytes(msgspec.json.encode(record))
    return directory


READERS: tuple[Target, ...] = (
    Reader("spec", _made, lambda directory: load(directory / "spec.yaml")),
    Reader("spec of a file", _bank, lambda directory: load(directory / "spec.yaml")),
    Reader("past run", _trained, _read_past, files="run/[mr]*.*"),
    Reader("list of runs", _trained, _list, files="run/[mr]*.*"),
    Reader("model", _trained, _read_model, files="run/model/*/*"),
    Reader(
        "checkpoint", _checkpointed, _read_checkpoints, files="run/checkpoints/*/*/*", slower=10
    ),
    Reader("events", _recorded, lambda directory: deque(read_events(directory), 0)),
    Reader("report of a run", _recorded, read_run),
    Reader("report of a comparison", _compared, read_comparison, files="*.json"),
    Reader("dashboard", _trained, _read_plan, files="run/plan.json"),
    Reader("trace", _recorded, lambda directory: write_trace(directory, directory / "trace.out")),
    Reader("page of a run", _recorded, write, slower=100),
    Reader("page of a comparison", _compared, write, slower=100),
    Reader("page of a valuation", _valued, write, slower=100),
)
