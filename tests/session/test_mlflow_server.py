"""A run as a real MLflow server shows it, which `pip install mlflow` brings."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from splitrun.session.run_directory import RunDirectory
from tests.cli.trial import SYNTHETIC, write

pytestmark = pytest.mark.skipif(
    find_spec("mlflow") is None or find_spec("flask") is None,
    reason="no MLflow server is installed; pip install mlflow",
)


@pytest.fixture
def uri(tmp_path: Path) -> Iterator[str]:
    """Where a server is, which keeps everything in a directory of its own."""
    home = tmp_path / "server"
    home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{home}/mlflow.db",
        "--artifacts-destination": str(home / "artifacts"),
    }
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        *(it for pair in options.items() for it in pair),
    ]
    environ = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        start_new_session=True,
    ) as server:
        try:
            assert server.stdout is not None
            assert any("Application startup complete" in line for line in server.stdout)
            uri = f"http://127.0.0.1:{port}"
            asked(uri, "experiments/search", max_results=1)  # its first answer takes it seconds
            yield uri
        finally:
            os.killpg(server.pid, 15)
            server.communicate()


def asked(uri: str, request: str, **content: object) -> Any:
    """What the server answers."""
    body = json.dumps(content).encode()
    headers = {"Content-Type": "application/json"}
    address = f"{uri}/api/2.0/mlflow/{request}"
    with urlopen(Request(address, body, headers)) as answer:
        return json.load(answer)


def history(uri: str, run_id: str, key: str) -> list[int]:
    """The steps of all points of a curve."""
    wanted = urlencode({"run_id": run_id, "metric_key": key, "max_results": 1000})
    with urlopen(f"{uri}/api/2.0/mlflow/metrics/get-history?{wanted}") as answer:
        return [point["step"] for point in json.load(answer)["metrics"]]


def trained(uri: str, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "splitrun", "train", *arguments, "--sink", "mlflow"],
        cwd=directory,
        env=os.environ | {"MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        check=False,
    )


def test_runs_are_found_and_compared_there(uri: str, tmp_path: Path) -> None:
    write(tmp_path, {"trial.yaml": SYNTHETIC})
    for seed in (1, 2):
        ended = trained(uri, tmp_path, "trial.yaml", f"seed={seed}", "--json")
        assert (ended.returncode, "warning" in ended.stderr) == (0, False), ended.stderr
        assert json.loads(ended.stdout)["steps"] > 0
    experiments = asked(uri, "experiments/search", max_results=10)["experiments"]
    (experiment,) = (each for each in experiments if each["name"] == "trial")
    wanted = {"experiment_ids": [experiment["experiment_id"]], "filter": "params.seed = '2'"}
    (found,) = asked(uri, "runs/search", **wanted)["runs"]
    directory = RunDirectory.open(tmp_path / "runs" / found["info"]["run_name"])
    result = directory.manifest().result
    assert result is not None
    assert found["info"]["status"] == "FINISHED"
    metrics = {each["key"]: each for each in found["data"]["metrics"]}
    assert metrics["train/loss"]["step"] == result.steps
    assert metrics["result/samples_per_s"]["value"] == pytest.approx(result.samples_per_s)
    for role, staleness in result.staleness.items():
        assert metrics[f"staleness/{role}/max"]["value"] == staleness.max
        kinds = ("busy", "receive", "send", "idle")
        shares = [metrics[f"shares/{role}/{kind}"]["value"] for kind in kinds]
        assert sum(shares) == pytest.approx(1)
    for name, value in result.metrics["test"].items():
        assert metrics[f"test/{name}"]["value"] == pytest.approx(value)
    assert history(uri, found["info"]["run_id"], "train/loss") == [*range(1, result.steps + 1)]
    tags = {each["key"]: each["value"] for each in found["data"]["tags"]}
    assert tags["splitrun.overrides"] == "seed=2"
    kept = {path.name for path in (tmp_path / "server" / "artifacts").rglob("*")}
    assert {"resolved.yaml", "plan.json", "manifest.json", "model"} <= kept


def test_a_server_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"trial.yaml": SYNTHETIC})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = trained(f"http://127.0.0.1:{port}", tmp_path, "trial.yaml")
    assert ended.returncode == 0
    assert ended.stderr.count("warning: MLflow shows no more of the run") == 1
    assert f":{port}: ConnectionRefusedError: [Errno 111] Connection refused" in ended.stderr


def test_a_server_that_hangs_does_not_hold_the_end(tmp_path: Path) -> None:
    write(tmp_path, {"trial.yaml": SYNTHETIC})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = trained(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path, "trial.yaml")
    assert ended.returncode == 0
    assert "no answer within 5 s" in ended.stderr
