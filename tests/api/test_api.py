"""splitrun from Python: it trains, compares, finds and predicts what the command line does."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import splitrun
from splitrun.cli.app import run as run_command
from splitrun.records.run import Invocation, read_manifest
from tests.catalogue.made import make_comparison
from tests.cli.trial import ROWS, SPEC, own, write
from tests.remedies.table import OWN
from tests.remedies.table import own as own_files

HEAVY = {"torch", "numpy", "pandas", "pydantic", "msgspec", "yaml", "typer", "splitrun.errors"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"trial.yaml": SPEC, "rows.csv": ROWS})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> splitrun.Run:
    """A run of the trial that nobody changes."""
    directory = tmp_path_factory.mktemp("made")
    write(directory, {"trial.yaml": SPEC, "rows.csv": ROWS})
    return splitrun.run(directory / "trial.yaml", runs_dir=directory / "runs")


def new_rows() -> pd.DataFrame:
    return pd.read_csv("rows.csv").head(9).drop(columns="y")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints."""
    assert run_command(arguments) == 0
    return capsys.readouterr().out


def test_what_is_offered_is_there_and_importing_splitrun_imports_none_of_it() -> None:
    assert splitrun.__all__ == sorted(splitrun.__all__)
    assert all(getattr(splitrun, name) is not None for name in splitrun.__all__)
    program = "import sys, splitrun; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert not HEAVY & {*ended.stdout.decode().split()}


def test_a_run_is_what_the_command_makes_to_the_bit_and_prints_nothing(
    made: splitrun.Run, capfd: pytest.CaptureFixture[str]
) -> None:
    again = splitrun.run("trial.yaml")
    assert capfd.readouterr() == ("", "")
    assert run_command(["train", "trial.yaml", "--json", "--progress", "none"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["weights_sha256"] == again.result.weights_sha256 == made.result.weights_sha256
    assert again.status == "done"
    assert again.directory.is_absolute()


def test_a_mapping_is_a_spec_too(made: splitrun.Run) -> None:
    content = yaml.safe_load(SPEC)
    same = splitrun.run(content)
    assert same.result.weights_sha256 == made.result.weights_sha256
    del content["name"]
    other = splitrun.run({**content, "seed": np.int64(7)}, {"training.optimizer.lr": 0.1})
    assert other.directory.name.split("-")[1] == "spec"
    assert other.result.weights_sha256 != made.result.weights_sha256


def test_progress_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    splitrun.run("trial.yaml", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "epoch" in err


def test_metrics_have_a_row_for_each_epoch() -> None:
    changes = {"training.epochs": 3, "training.evaluate_every_epochs": 2}
    run = splitrun.run("trial.yaml", changes)
    assert list(run.metrics.index) == [1, 2, 3]
    assert {"train.loss", "test.auroc"} <= set(run.metrics.columns)
    assert list(run.metrics["test.auroc"].isna()) == [True, False, False]
    assert run.metrics["test.auroc"].iloc[-1] == run.result.metrics["test"]["auroc"]


def test_a_run_s_records_have_the_overrides_as_they_would_be_typed() -> None:
    run = splitrun.run("trial.yaml", {"seed": np.int64(3), "top.model.hidden": np.array([3])})
    manifest = read_manifest(run.directory)
    assert manifest is not None
    typed = ("seed=3", "top.model.hidden=[3]")
    assert manifest.asked == Invocation(overrides=typed)


def test_evaluating_gives_what_the_training_ended_with(made: splitrun.Run) -> None:
    assert made.evaluate() == made.result.metrics


def test_predictions_of_a_frame_are_those_of_its_file(
    made: splitrun.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = new_rows()
    frame.to_csv("new.csv", index=False)
    printed(capsys, "predict", str(made.directory), "--input", "new.csv", "-o", "out.csv")
    pd.testing.assert_frame_equal(made.predict(frame), pd.read_csv("out.csv"), check_exact=True)


def test_each_party_may_have_a_frame_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path.cwd(), {"own.yaml": OWN, **own_files()})
    run = splitrun.run("own.yaml")
    rows = {"bank": 12, "partner": 11}
    frames = {name: pd.read_csv(f"{name}.csv").head(count) for name, count in rows.items()}
    for name, frame in frames.items():
        frame.to_csv(f"new_{name}.csv", index=False)
    inputs = [f"--input={name}=new_{name}.csv" for name in frames]
    printed(capsys, "predict", str(run.directory), *inputs, "-o", "out.csv")
    written = pd.read_csv("out.csv", dtype={"id": str, "prediction": str})
    pd.testing.assert_frame_equal(run.predict(frames), written, check_exact=True)
    with pytest.raises(splitrun.SplitrunError, match=r"^frames of bank; give \{'bank': frame, "):
        run.predict({"bank": frames["bank"]})
    with pytest.raises(splitrun.SplitrunError, match=r"^each party had a file of its own"):
        run.predict(frames["bank"])


def test_words_that_no_training_row_had_are_warned_of(made: splitrun.Run) -> None:
    with pytest.warns(UserWarning, match=r"alice's job is 'pilot' in 9 row\(s\), which no"):
        made.predict(new_rows().assign(job="pilot"))


def test_a_module_is_the_trained_one(made: splitrun.Run) -> None:
    from safetensors.torch import load_file

    module = made.module("bob.bottom")
    saved = load_file(made.directory / "model" / "bob" / "bob.bottom.safetensors")
    assert not module.training
    assert module.state_dict().keys() == saved.keys()
    assert all(torch.equal(tensor, saved[name]) for name, tensor in module.state_dict().items())


def test_runs_are_found_as_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in (1, 2):
        splitrun.run("trial.yaml", {"seed": seed})
    table = splitrun.runs()
    assert list(table.columns) == printed(capsys, "ls", "--csv").splitlines()[0].split(",")
    assert sorted(table["seed"]) == [1, 2]
    best = table.sort_values("auroc").iloc[-1]["auroc"]
    assert splitrun.load("@best:auroc").result.metrics["test"]["auroc"] == best
    assert splitrun.load("@last").directory == Path("runs").absolute() / table["run"][0]


def test_a_comparison_is_loaded_and_nothing_else_is_taken_for_one(made: splitrun.Run) -> None:
    with pytest.raises(splitrun.SplitrunError, match="no comparison; give the directory of one"):
        splitrun.load_comparison(made.directory)
    make_comparison(Path("runs"), "trial-compare", status="interrupted")
    with pytest.raises(splitrun.SplitrunError, match="'interrupted', so there is no result"):
        splitrun.load_comparison("@last")


def test_threads_take_turns_and_end_with_the_same_bits(made: splitrun.Run) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(splitrun.run, ["trial.yaml", "trial.yaml"]))
    assert {run.result.weights_sha256 for run in runs} == {made.result.weights_sha256}
    assert len({run.directory for run in runs}) == 2


def test_classes_of_the_user_s_run_where_it_is_said(made: splitrun.Run) -> None:
    changed = SPEC.replace(
        "    columns: [income, city]\n    bottom: {type: mlp, hidden: [4], out: 3}",
        "    columns: [income, city]\n    bottom: {class: 'own:Bottom'}",
    )
    write(Path.cwd(), {"trial.yaml": changed, "own.py": own()})
    with pytest.raises(splitrun.SplitrunError, match="would run the code of"):
        splitrun.run("trial.yaml")
    run = splitrun.run("trial.yaml", allow_code=True)
    assert type(run.module("bob.bottom")).__name__ == "Bottom"
    with pytest.raises(splitrun.SplitrunError, match="would run the code of"):
        splitrun.load(run.directory).module("bob.bottom")


WRONG: dict[str, tuple[Any, Any, str]] = {
    "no such file": ("trail.yaml", {}, "trail.yaml: no such file; did you mean trial.yaml?"),
    "no spec": (7, {}, "int is no spec; give the path of a YAML file, or a mapping as YAML has it"),
    "an unknown key": (
        "trial.yaml",
        {"pipeline.dpeth": 8},
        "override 'pipeline.dpeth=8':1:10: pipeline.dpeth: unknown key 'dpeth'; did you mean "
        "'depth'?",
    ),
    "no plain value": (
        "trial.yaml",
        {"training.epochs": object()},
        "training.epochs: object is no plain value; give text, numbers, truth values, None, lists "
        "and dicts",
    ),
    "no number": (
        "trial.yaml",
        {"training.optimizer.lr": float("nan")},
        "training.optimizer.lr: Out of range float values are not JSON compliant; give text, "
        "numbers, truth values, None, lists and dicts",
    ),
}


@pytest.mark.parametrize(("spec", "overrides", "told"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_an_error_of_one_line(spec: Any, overrides: Any, told: str) -> None:
    with pytest.raises(splitrun.SplitrunError) as error:
        splitrun.run(spec, overrides)
    assert str(error.value) == told
    assert not Path("runs").exists()


def test_what_a_run_is_asked_in_vain_is_an_error_of_one_line(made: splitrun.Run) -> None:
    def told(ask: Any, *arguments: Any) -> str:
        with pytest.raises(splitrun.SplitrunError) as error:
            ask(*arguments)
        return str(error.value).replace(str(made.directory), "RUN")

    assert told(made.module, "bob.top") == (
        "bob.top: no role of RUN; it has alice.bottom, alice.top, bob.bottom"
    )
    assert told(made.predict, new_rows().drop(columns="age")) == (
        "frame: no column 'age'; add it, or name a file that has all"
    )
    assert told(made.predict, {"bank": new_rows()}) == (
        "frames of bank; give one frame for all parties"
    )
    assert told(splitrun.load, "nowhere") == (
        "nowhere: no such directory; give one that `splitrun train` has written"
    )
    assert "cannot be listed" in told(splitrun.runs, "nowhere")
    with pytest.raises(splitrun.SplitrunError, match=r"^depths: 0; give whole"):
        splitrun.compare("trial.yaml", depths=[0])
