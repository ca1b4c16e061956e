"""Runs as TensorBoard's own reader finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splitrun.events import Evaluated, Gpu, Sampled, StepDone
from splitrun.records.run import Invocation
from splitrun.session import train
from splitrun.session.run_directory import RunDirectory
from splitrun.session.sinks import make_sinks
from tests.runtime.running import prepared, synthetic
from tests.session.stopping import resumed, stopped
from tests.telemetry.recordings import CLOCK, ended, started

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="TensorBoard is not installed; pip install tensorboard",
)
metadata = pytest.importorskip("tensorboard.plugins.hparams.metadata")


def read(directory: Path) -> Any:
    """All that TensorBoard reads of a run."""
    everything = dict.fromkeys(("scalars", "tensors"), 0)
    reader = accumulator.EventAccumulator(str(directory / "tensorboard"), size_guidance=everything)
    return reader.Reload()


def curve(reader: Any, key: str) -> list[tuple[int, float]]:
    """(step, value) of each of its points."""
    return [(point.step, point.value) for point in reader.Scalars(key)]


def texts(reader: Any) -> dict[str, list[str]]:
    """What each text has said, by name."""
    found = reader.PluginTagToContent("text")
    return {
        tag.removeprefix("splitrun/").removesuffix("/text_summary"): [
            it.tensor_proto.string_val[0].decode() for it in reader.Tensors(tag)
        ]
        for tag in found
    }


def test_every_step_is_there_and_throughputs_over_a_while(tmp_path: Path) -> None:
    (sink,) = make_sinks([], ["tensorboard"])
    sink(started(tmp_path))
    for step in range(10):
        sink(StepDone(step, 0, 8, 1 / (step + 1), CLOCK + 0.125 * (step + 1)))
    sink(Evaluated(10, 1, 20, {"auroc": 0.75, "accuracy": None}, CLOCK + 2, CLOCK + 3))
    sink(ended(4))
    reader = read(tmp_path)
    losses = dict(curve(reader, "train/loss"))
    assert losses == pytest.approx({step: 1 / step for step in range(1, 11)})
    assert curve(reader, "train/samples_per_s") == [(step, 64.0) for step in range(2, 11, 2)]
    assert curve(reader, "test/auroc") == [(10, 0.75)]
    assert "test/accuracy" not in reader.Tags()["scalars"]
    moments = [point.wall_time for point in reader.Scalars("train/loss")]
    assert [moment - moments[0] for moment in moments] == pytest.approx(
        [0.125 * step for step in range(10)], abs=1e-5
    )


def test_the_machine_is_told_of_as_it_is_sampled(tmp_path: Path) -> None:
    (sink,) = make_sinks([], ["tensorboard"])
    sink(started(tmp_path))
    gpus = (Gpu("one", 7.0, 0, 0, 0.0), Gpu("other", None, 0, 0, 0.0))
    sink(Sampled(CLOCK + 1, 150.0, (), 3 << 20, 1, 1, {}, gpus))
    sink(ended(4))
    reader = read(tmp_path)
    machine = {key for key in reader.Tags()["scalars"] if key.startswith("machine/")}
    assert {key: curve(reader, key) for key in machine} == {
        "machine/cpu_percent": [(0, 150.0)],
        "machine/memory_mib": [(0, 3.0)],
        "machine/gpu0_percent": [(0, 7.0)],
    }


def test_a_run_is_there_with_its_spec_command_shares_and_result(tmp_path: Path) -> None:
    asked = Invocation(command=("train", "a b.yaml", "seed=3"), overrides=("seed=3",))
    sinks = make_sinks([], ["tensorboard"])
    result = train(prepared(synthetic()), tmp_path, sinks, asked=asked)
    directory = Path(result.run_dir)
    reader = read(directory)
    (parameters,) = reader.PluginTagToContent("hparams").values()
    told = metadata.parse_session_start_info_plugin_data(parameters).hparams
    spec = RunDirectory.open(directory).manifest().spec
    assert told.keys() == spec.keys()
    assert told["pipeline.schedule"].string_value == spec["pipeline.schedule"]
    assert told["dataset.batch_size"].number_value == spec["dataset.batch_size"]
    assert {name: said[-1] for name, said in texts(reader).items()} == {
        "version": RunDirectory.open(directory).manifest().environment.splitrun,
        "directory": str(directory.resolve()),
        "attempt": "1",
        "command": "splitrun train 'a b.yaml' seed=3",
        "overrides": "seed=3",
        "changes": "",
        "status": "done",
        "message": "",
    }
    assert [step for step, _ in curve(reader, "train/loss")] == [*range(1, result.steps + 1)]
    ((_, auroc),) = curve(reader, "result/test/auroc")
    assert auroc == pytest.approx(result.metrics["test"]["auroc"])
    for role, staleness in result.staleness.items():
        assert curve(reader, f"staleness/{role}/max") == [(result.steps, staleness.max)]
        kinds = ("busy", "receive", "send", "idle")
        shares = [curve(reader, f"shares/{role}/{kind}")[0][1] for kind in kinds]
        assert sum(shares) == pytest.approx(1)


def test_steps_that_are_made_again_are_there_once(tmp_path: Path) -> None:
    content = synthetic() | {"checkpoint": {"every_steps": 2}}
    directory = stopped(content, tmp_path, step=5, sinks=make_sinks([], ["tensorboard"]))
    _, result = resumed(directory, sinks=make_sinks([], ["tensorboard"]))
    reader = read(directory)
    assert [step for step, _ in curve(reader, "train/loss")] == [*range(1, result.steps + 1)]
    assert texts(reader)["status"][-1] == "done"
