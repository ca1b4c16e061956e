"""From what a user writes to a run's directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.catalogue.address import located
from splitrun.errors import UsageError
from tests.catalogue.made import evaluated, make_comparison, make_run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs and a comparison, the last of all; the directory in which `runs` is."""
    monkeypatch.chdir(tmp_path)
    first, second = "2026-11-01T10:00:00+00:00", "2026-11-02T10:00:00+00:00"
    make_run(tmp_path / "runs", "1-bank-aa", started=first, metrics=evaluated(auroc=0.9, loss=0.2))
    make_run(tmp_path / "runs", "2-bank-ab", started=second, metrics=evaluated(auroc=0.8, loss=0.1))
    make_comparison(tmp_path / "runs", "20261103T100000Z-bank-compare-cc", "done")
    return tmp_path


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("1-ba", "1-bank-aa"),
        ("ab", "2-bank-ab"),
        ("2-bank-ab", "2-bank-ab"),
        ("@best:auroc", "1-bank-aa"),
        ("@best:loss", "2-bank-ab"),
        ("@best:test.loss", "2-bank-ab"),
        ("@last", "20261103T100000Z-bank-compare-cc"),
        ("runs/ab", "2-bank-ab"),
        ("../{here}/runs/@best:auroc", "1-bank-aa"),
    ],
)
def test_a_run_is_found(runs: Path, address: str, name: str) -> None:
    found = located(address.format(here=runs.name), Path("runs"))
    assert found.resolve() == runs / "runs" / name


def test_the_last_run_is_no_comparison(runs: Path) -> None:
    assert located("@last", Path("runs"), ["run"]).name == "2-bank-ab"


def test_a_path_that_exists_is_that_path(runs: Path) -> None:
    for name in ("ab", "@last"):
        (runs / name).mkdir()
        assert located(name, Path("runs")) == Path(name)


def test_a_whole_name_is_that_run_though_it_is_part_of_another(runs: Path) -> None:
    make_run(runs / "runs", "2-bank-ab-2")
    assert located("2-bank-ab", Path("runs")).name == "2-bank-ab"


def test_what_nothing_has_in_its_name_is_the_path_that_it_was(runs: Path) -> None:
    for address in ("nowhere", "nowhere/at/all", "runs/nowhere"):
        assert located(address, Path("runs")) == Path(address)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("bank", "3 names in runs have that in them: 20261103T100000Z-bank-compare-cc, 2-bank-ab"),
        ("@best", "use @last, or @best:METRIC"),
        ("@newest", "use @last, or @best:METRIC"),
        ("@best:f1", "no run in runs has f1; there are auroc, loss"),
        ("elsewhere/@last", "elsewhere is no directory of runs"),
    ],
)
def test_what_is_not_one_run_is_refused_in_a_line(runs: Path, address: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        located(address, Path("runs"))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
