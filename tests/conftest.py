from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path

import pytest
import typer.main
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before PyTorch is loaded. Tests fill the cores with processes: a second thread in small operations
# would only spin. Those that are about threads set their number.

settings.register_profile(
    "here", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", parent=settings.get_profile("here"), derandomize=False)
settings.load_profile("here")
# What fails is then the change's doing; `pytest --hypothesis-profile explore` draws other examples.


LONG = (
    "benchmarks/test_growth.py::test_a_run_in_a_process_of_its_own*",
    "benchmarks/test_miniatures.py::*",
    "cluster/test_bench.py::test_a_cell_is_timed_on_a_node*",
    "cluster/test_studies.py::test_a_killed_task_is_begun_again*",
    "ends/test_table.py::*compare*",
    "ends/test_table.py::*bench*",
    "experiments/test_experiments.py::test_an_experiment_runs_and_learns*[[]faults[]]",
    "experiments/test_experiments.py::test_an_experiment_runs_and_learns*[[]adult[]]",
    "experiments/test_experiments.py::test_an_experiment_runs_and_learns*[[]credit[]]",
    "experiments/test_experiments.py::test_an_experiment_runs_and_learns*[[]movielens[]]",
    "experiments/test_real_joins.py::*",
    "extension/test_plugin.py::test_a_run_trains_with_all_of_them*",
    "runtime/test_precision.py::test_a_users_class_computes_in_bf16*pipeline1*",
    "session/test_memory.py::*",
    "session/test_resume.py::test_a_resumed_run_ends*[[]prediction*",
    "session/test_resume.py::test_a_resumed_run_ends*[[]spike*",
    "session/test_validation_rows.py::test_a_comparison_decides*",
    "study/test_bench_sweep.py::test_a_cell_that_fails_is_told_and_tried_again*",
    "study/test_bench_sweep.py::test_data_that_changed_are_measured_again*",
    "study/test_compare.py::test_an_arm_that_diverges_is_left_out_and_fails_its_gate*",
    "study/test_compare.py::test_codecs_asked_for_are_arms*",
    "study/test_compare_choice.py::test_a_faster_arm_that_is_not_shown*",
    "study/test_compare_choice.py::test_a_user_s_class_is_tried_once_an_arm*",
    "study/test_compare_choice.py::test_its_own_verdicts_are_evidence*",
    "study/test_error_rates.py::test_stopping_at_the_first_tight_interval*",
    "study/test_value.py::test_half_of_the_signal*",
)
"""Beside those that are marked: what takes longest of all, each as whole commands on real data."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long is left to `make long`."""
    for item in items:
        if any(fnmatchcase(item.nodeid, f"tests/{pattern}") for pattern in LONG):
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session", autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps every test, and every process it starts, out of the user's cache, off the user's git
    settings, and from taking what it prints to for a terminal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            patch.delenv(name, raising=False)
        for name in ("COLUMNS", "LINES", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            patch.delenv(name, raising=False)
        patch.setenv("TERM", "xterm")
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def _quick_collections() -> Iterator[None]:
    """What is imported stays; whoever collects what a training left looks at that alone."""
    from splitrun.runtime.clock import frozen

    with frozen():
        yield


@pytest.fixture(scope="session", autouse=True)
def _commands_are_made_once() -> Iterator[None]:
    """Typer makes a program's commands anew for every line that is run, in 25 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True)
def _costs_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What costs come to is of this machine: those who need some are given them."""
    if (prepare := sys.modules.get("splitrun.session.prepare")) is not None:
        from tests.probing import given_costs

        monkeypatch.setattr(prepare, "probe_costs", given_costs)


@pytest.fixture
def brief_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are measured, as briefly as can be."""
    from splitrun.session.probe import probe_costs
    from tests.probing import BRIEF

    brief = partial(probe_costs, effort=BRIEF)
    monkeypatch.setattr(sys.modules["splitrun.session.prepare"], "probe_costs", brief)


@pytest.fixture(scope="session")
def bank_dir() -> Path:
    """The directory that holds bank.csv and bank-full.csv, the published files."""
    named = os.environ.get("SPLITRUN_DATA_DIR")
    directory = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    for name in ("bank.csv", "bank-full.csv"):
        if not (directory / name).is_file():
            pytest.skip(f"{directory / name} is not there; set SPLITRUN_DATA_DIR")
    return directory
