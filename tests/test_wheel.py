"""What is built to be installed has all that it needs, and works without the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from splitrun import __version__

ROOT = Path(__file__).parents[1]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "experiments", "splitrun")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
WITH_EVERY_MODULE = """
import importlib, pkgutil, sys, splitrun
for module in pkgutil.walk_packages(splitrun.__path__, "splitrun."):
    if module.name != "splitrun.__main__":
        importlib.import_module(module.name)
print(splitrun.__file__)
from splitrun.cli.app import run
sys.exit(run(sys.argv[1:]))
"""
"""A command in a process that has imported all of splitrun, and says where from."""
IN_SHORT = ("dataset.rows=800", "training.epochs=1", "links.default.latency_ms=1")

SHORTER = {
    "depths=[2, 4, 8], seeds=5": "depths=[2], seeds=2, repeats=2",
    r"\"epochs\": 4": r"\"epochs\": 1",
}
"""What the notebook has, and what shows as well that it runs."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel of this checkout, built from a copy, so that nothing of an earlier build is in it."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-c", BUILD, "built"], cwd=source, check=True, capture_output=True
    )
    (built,) = (source / "built").glob("*.whl")
    return zipfile.ZipFile(built)


def test_a_wheel_has_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "splitrun"
    here = [*package.rglob("*"), *(package / "experiments").glob("*")]
    wanted = {
        str(path.relative_to(ROOT))
        for path in here
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"splitrun/simulate/evidence.json", "splitrun/export/reader.py"} < wanted
    assert {"splitrun/py.typed", "splitrun/report/templates/page.html"} < wanted
    assert "splitrun/experiments/quickstart.yaml" in wanted
    assert wanted - {*wheel.namelist()} == set()


def test_a_wheel_has_the_package_alone(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"splitrun", f"splitrun-{__version__}.dist-info"}


def test_experiments_in_a_wheel_are_those_of_the_repository(wheel: zipfile.ZipFile) -> None:
    for spec in (ROOT / "experiments").glob("*.yaml"):
        assert wheel.read(f"splitrun/experiments/{spec.name}") == spec.read_bytes()


def test_the_version_is_said_in_one_place(wheel: zipfile.ZipFile) -> None:
    metadata = wheel.read(f"splitrun-{__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    said = [
        path for path in ROOT.glob("splitrun/**/*.py") if f'"{__version__}"' in path.read_text()
    ]
    assert [str(path.relative_to(ROOT)) for path in said] == ["splitrun/__init__.py"]


def output(command: Sequence[str | Path], directory: Path, **environ: str) -> str:
    """What a command prints, in an environment that knows nothing of this checkout."""
    kept = {name: it for name, it in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=directory, env=kept | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_unpacked_wheel_imports_every_module_and_runs_the_quickstart(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    unpacked = tmp_path / "unpacked"
    wheel.extractall(unpacked)
    spec = (unpacked / "splitrun" / "experiments" / "quickstart.yaml").read_text()
    (tmp_path / "quickstart.yaml").write_text(spec)
    command = (
        sys.executable,
        "-c",
        WITH_EVERY_MODULE,
        "train",
        "quickstart.yaml",
        *IN_SHORT,
        "--json",
    )
    where, *printed = output(command, tmp_path, PYTHONPATH=str(unpacked)).splitlines()
    assert where == str(unpacked / "splitrun" / "__init__.py")
    result = json.loads(printed[-1])
    assert result["steps"] == 5
    assert (tmp_path / result["run_dir"] / "model").is_dir()


@pytest.fixture(scope="module")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment into which nothing but the wheel was installed."""
    directory = tmp_path_factory.mktemp("installed")
    venv.create(directory, with_pip=True)
    install(directory / "bin", str(wheel.filename))
    return directory / "bin"


def install(programs: Path, wanted: str) -> None:
    """Have pip install it, at the versions that are tested."""
    options = ("--quiet", "--no-compile", "-c", ROOT / "constraints.txt")
    output((programs / "pip", "install", *options, wanted), programs)


@pytest.mark.long
def test_an_empty_environment_runs_the_quickstart_with_the_same_bits(
    installed: Path, tmp_path: Path
) -> None:
    """Which is all that it has: a package that splitrun wants and does not name is missing here."""
    output((installed / "pip", "check"), tmp_path)
    spec = output((installed / "splitrun", "examples", "quickstart"), tmp_path)
    (tmp_path / "quickstart.yaml").write_text(spec)
    output((installed / "python", "-c", WITH_EVERY_MODULE, "--version"), tmp_path)
    train = ("train", "quickstart.yaml", "--json")
    there = json.loads(output((installed / "splitrun", *train), tmp_path))
    here = json.loads(output((sys.executable, "-m", "splitrun", *train), tmp_path))
    assert there["steps"] == 252
    assert there["weights_sha256"] == here["weights_sha256"]


@pytest.mark.long
def test_the_notebook_runs_with_its_extra_alone(
    wheel: zipfile.ZipFile, installed: Path, tmp_path: Path
) -> None:
    install(installed, f"{wheel.filename}[notebook]")
    text = (ROOT / "docs" / "depth.ipynb").read_text(encoding="utf-8")
    for asked, enough in SHORTER.items():
        assert asked in text
        text = text.replace(asked, enough)
    (tmp_path / "depth.ipynb").write_text(text, encoding="utf-8")
    execute = ("nbconvert", "--to", "notebook", "--execute", "--inplace", "depth.ipynb")
    home = tmp_path / "home"
    home.mkdir()
    programs = f"{installed}{os.pathsep}{os.environ['PATH']}"
    output((installed / "jupyter", *execute), tmp_path, HOME=str(home), PATH=programs)
    executed = json.loads((tmp_path / "depth.ipynb").read_text(encoding="utf-8"))
    shown = [
        kind
        for cell in executed["cells"]
        for it in cell.get("outputs", ())
        for kind in it.get("data", ())
    ]
    assert "image/png" in shown
    assert "<text" in (tmp_path / "depth.svg").read_text(encoding="utf-8")
