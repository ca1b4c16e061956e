"""Without Ray, or without a cluster, a run says so in one line, and with which remedy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.cluster import connection

SPEC = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"
TINY = ("dataset.rows=1000", "training.epochs=1", "--progress", "none")


def told(*changes: str, runs: Path, capsys: pytest.CaptureFixture[str], expected: int) -> list[str]:
    """The lines on stderr of a training on Ray that cannot be."""
    code = run(["train", str(SPEC), "runtime.type=ray", *changes, *TINY, "--runs-dir", str(runs)])
    said = capsys.readouterr()
    assert (code, said.out) == (expected, "")
    return said.err.splitlines()


def test_without_ray_the_extra_is_named_before_data_are_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(connection, "find_spec", lambda _: None)
    assert told(runs=tmp_path, capsys=capsys, expected=3) == [
        "Ray runs parties and studies on a cluster, and is not installed; "
        "run pip install 'splitrun[ray]'"
    ]
    assert not list(tmp_path.iterdir())


def test_an_address_where_nobody_listens_is_named_at_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'splitrun[ray]'")
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        first, *_ = told(f"runtime.address={address}", runs=tmp_path, capsys=capsys, expected=3)
    assert first.startswith(f"runtime.address: {address}: no Ray cluster answers")
    assert first.endswith("use what `ray start --head` said, or auto")
