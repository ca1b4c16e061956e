"""`splitrun export`: what it writes, prints and refuses."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from splitrun.cli.app import run
from tests.cli.test_predict import printed
from tests.cli.trial import refusal
from tests.export.runs import content, trained

pytest.importorskip("onnx", reason="wants splitrun[onnx]")
pytest.importorskip("onnxruntime", reason="wants splitrun[onnx]")
FILES = [
    *("alice.bottom.onnx", "alice.json", "alice.top.onnx", "bob.bottom.onnx", "bob.json"),
    "reader.py",
]


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("export"), content())


@pytest.fixture(autouse=True)
def _here(
    run_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(run_directory)
    capsys.readouterr()


def test_every_role_is_written_to_a_directory(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys, "export", "run", "-o", "model")
    assert sorted(path.name for path in Path("model").iterdir()) == FILES
    assert sorted(out.splitlines()) == [f"model/{name}" for name in FILES]
    assert err == ""


def test_a_directory_takes_what_another_party_exports(capsys: pytest.CaptureFixture[str]) -> None:
    for own, other in (("alice", "bob"), ("bob", "alice")):
        shutil.copytree("run", own)
        shutil.rmtree(Path(own, "model", other))
        printed(capsys, "export", own, "-o", "model")
    assert sorted(path.name for path in Path("model").iterdir()) == FILES


def test_one_role_is_written_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, "export", "run", "--role", "bob.bottom", "-o", "bob.onnx", "--json")
    assert json.loads(out) == {"run_dir": "run", "files": ["bob.onnx"]}
    assert sorted(path.name for path in Path().iterdir()) == ["bob.onnx", "run"]


def test_files_are_replaced_by_force_alone(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("export", "run", "--role", "bob.bottom", "-o", "bob.onnx")
    Path("bob.onnx").write_text("dear\n")
    text = refusal(capsys, *arguments)
    assert text == "bob.onnx: is there already; add --force to replace it, or name another\n"
    assert Path("bob.onnx").read_text() == "dear\n"
    printed(capsys, *arguments, "--force")
    assert Path("bob.onnx").read_bytes() != b"dear\n"


def test_refusals_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = refusal(capsys, "export", "run", "--role", "carol.top", "-o", "it")
    assert text == ("--role carol.top: not in run; it has alice.bottom, alice.top, bob.bottom\n")
    text = refusal(capsys, "export", "run", "--role", "bob.bottom", "-o", "no/where")
    assert text == (
        "no/where: cannot be written: No such file or directory; "
        "name a place in a directory that exists\n"
    )
    Path("model").write_text("")
    assert refusal(capsys, "export", "run", "-o", "model").startswith("model/")
    monkeypatch.setitem(sys.modules, "onnx", None)
    text = refusal(capsys, "export", "run", "-o", "it", exit_code=3)
    assert text == (
        "splitrun export wants onnx, which is not installed; run pip install 'splitrun[onnx]'\n"
    )
    assert run(["export", "--help"]) == 0
