"""A package adds a component of each kind, and no line of splitrun is changed for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin"
SPEC = """\
name: waves
dataset: {type: waves, batch_size: 32}
parties:
  a: {columns: [wave1, wave2], bottom: {type: polynomial, degree: 3, out: 4}}
  b: {columns: [wave3, wave4], bottom: {type: polynomial, out: 4}}
top: {party: a, model: {type: mlp, out: 1}, loss: {type: huber, delta: 0.5}}
training: {epochs: 2, optimizer: {type: sgd, lr: 0.01}}
pipeline: {schedule: stale, depth: 4, compensation: [shrink, discount]}
hooks: [{type: listen, notes: heard}]
sinks: [tally]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example package is installed."""
    directory = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, directory / "source")  # a build leaves files beside it
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    where = ["--target", str(directory / "site"), str(directory / "source")]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, *where], check=True)
    return directory / "site"


def splitrun(site: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(site, directory, "-m", "splitrun", *arguments)


def python(site: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "waves.yaml").write_text(SPEC)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def trained(site: Path, directory: Path, *overrides: str) -> dict[str, object]:
    quiet = ("--progress", "none", "--json")
    run = splitrun(site, directory, "train", "waves.yaml", *overrides, *quiet)
    assert run.returncode == 0, run.stderr
    result: dict[str, object] = json.loads(run.stdout)
    return result


def test_a_run_trains_with_all_of_them_in_flight_on_either_runtime(
    site: Path, tmp_path: Path
) -> None:
    threaded = trained(site, tmp_path)
    assert threaded["depth"] == 4
    assert (Path(tmp_path, str(threaded["run_dir"])) / "tally.txt").read_text() == "20\n"
    heard = (tmp_path / "heard" / "a.top.txt").read_text().splitlines()
    assert "b.bottom->a.top train 19 512" in heard
    serial = trained(site, tmp_path, "runtime=serial")
    assert serial["weights_sha256"] == threaded["weights_sha256"]
    otherwise = trained(site, tmp_path, "runtime=serial", "pipeline.compensation=discount")
    assert otherwise["weights_sha256"] != serial["weights_sha256"]


def test_a_run_trains_with_all_of_them_one_batch_at_a_time(site: Path, tmp_path: Path) -> None:
    result = trained(site, tmp_path, "pipeline=sequential")
    assert (result["depth"], result["steps"]) == (1, 20)
    metrics = result["metrics"]
    assert isinstance(metrics, dict)
    assert list(metrics["test"]) == ["loss", "mae"]


MISTAKES = [
    ("top.loss.dleta=3", "1:10: top.loss.dleta: unknown key 'dleta'; did you mean 'delta'?"),
    (
        "parties.a.bottom.degre=2",
        "1:18: parties.a.bottom.degre: unknown key 'degre'; did you mean 'degree'?",
    ),
    ("dataset.type=wavs", "1:9: dataset.type: unknown type 'wavs'; did you mean 'waves'?"),
    (
        "pipeline.compensation[0]=shrimk",
        "1:23: pipeline.compensation[0].type: unknown type 'shrimk'; did you mean 'shrink'?",
    ),
    ("hooks[0].nots=x", "1:10: hooks[0].nots: unknown key 'nots'; did you mean 'notes'?"),
    ("sinks[0]=taly", "1:7: sinks[0].type: unknown type 'taly'; did you mean 'tally'?"),
    (
        "parties.a.bottom.out=90",
        "1:18: parties.a.bottom.out: 90 outputs of batches of 32 rows; use a smaller one",
    ),
    (
        "training.optimizer=adam",
        "waves.yaml:8:54: pipeline.compensation[0]: shrink does not fit the optimizer of a's "
        "bottom: adam does not see how large gradients are; use sgd",
    ),
    (
        "top.model.out=2",
        "1:11: top.model.out: the output is 2 wide, which does not fit huber; use 1",
    ),
]

RUN_EACH = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from splitrun.cli.app import run

told = {}
for command in sys.argv[1:]:
    with redirect_stdout(io.StringIO()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        told[command] = run(command.split()), stdout.getvalue(), stderr.getvalue()
print(json.dumps(told))
"""
Told = dict[str, tuple[int, str, str]]
"""By command line, the exit status, and what stdout and stderr say."""


@pytest.fixture(scope="module")
def told(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What short commands say, all of one process."""
    commands = [f"validate waves.yaml {override}" for override, _ in MISTAKES]
    commands += ["schema", "schema --components"]
    directory = tmp_path_factory.mktemp("told")
    said: Told = json.loads(python(site, directory, "-c", RUN_EACH, *commands).stdout)
    return said


@pytest.mark.parametrize(("override", "message"), MISTAKES)
def test_a_mistake_in_its_sections_is_located_and_explained(
    override: str, message: str, told: Told
) -> None:
    status, _, stderr = told[f"validate waves.yaml {override}"]
    assert status == 2
    assert stderr.count("\n") == 1
    assert message in stderr


def test_the_schema_and_its_list_of_components_know_them(told: Told) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    yaml = pytest.importorskip("yaml")
    schema = json.loads(told["schema"][1])
    content = yaml.safe_load(SPEC)
    jsonschema.validate(content, schema)
    content["top"]["loss"]["dleta"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)
    listed = told["schema --components"][1].splitlines()
    assert "losses        huber                 splitrun-example" in listed
