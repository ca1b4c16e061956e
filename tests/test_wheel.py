"""What is built to be installed has all that it needs beside its code."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from splitrun import __version__

ROOT = Path(__file__).parents[1]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "experiments", "splitrun")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


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
