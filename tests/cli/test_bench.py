"""`splitrun bench`, by its command line: what it prints, what it leaves, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splitrun.cli import screens
from splitrun.cli.app import run
from splitrun.lock import locked
from splitrun.spec import load
from splitrun.study.bench.store import BenchDirectory
from tests.cli.trial import ROWS, SPEC, SYNTHETIC, own, refusal, spec, write

QUICK = ("--repeats", "3", "--budget", "0.1", "--progress", "none")
DELAYED = "links: {default: {latency_ms: 2}}\n"


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"trial.yaml": SYNTHETIC + DELAYED, "file.yaml": SPEC, "rows.csv": ROWS})
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, exit_code: int = 0) -> Any:
    """The object that stdout holds."""
    assert run(["bench", *arguments, "--json"]) == exit_code
    return json.loads(capsys.readouterr().out)


def test_a_grid_is_printed_exported_and_kept(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = ("-P", "pipeline=sequential,stale", "-P", "dataset.batch_size=4,8")
    files = ("--export", "all.csv", "--export", "all.md", "--export", "all.json")
    assert run(["bench", "trial.yaml", *axes, *files, *QUICK, "seed=3"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    table, _, notes = captured.out.partition("\n\n")
    heads, _, *rows = table.splitlines()
    assert heads.split()[:3] == ["pipeline", "batch_size", "samples/s"]
    assert [row.split()[:2] for row in rows] == [
        ["sequential", "4"],
        ["sequential", "8"],
        ["stale", "4"],
        ["stale", "8"],
    ]
    assert "speedup: against pipeline=sequential" in notes
    (directory,) = (trial / "runs").iterdir()
    assert f"results: runs/{directory.name}" in notes
    assert json.loads((trial / "all.json").read_text()) == json.loads(
        (directory / "bench.json").read_text()
    )
    assert len((trial / "all.csv").read_text().splitlines()) == 5
    assert (trial / "all.md").read_text().startswith("| pipeline | batch_size |")

    content = printed(capsys, "trial.yaml", *axes, *QUICK, "seed=3")
    assert [cell["status"] for cell in content["cells"]] == ["measured before"] * 4
    assert content["cells"][2]["speedup"] == pytest.approx(
        content["cells"][2]["samples_per_s"]["median"]
        / content["cells"][0]["samples_per_s"]["median"]
    )
    content = printed(capsys, "trial.yaml", *axes, *QUICK, "--fresh", "seed=3")
    assert [cell["status"] for cell in content["cells"]] == ["measured"] * 4


def test_one_that_another_process_is_at_is_refused_and_says_what_was_typed_once_it_is_not(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = load(trial / "trial.yaml", ["seed=3"])
    with locked(BenchDirectory.create(trial / "runs", document, ()).path):
        said = refusal(capsys, "bench", "trial.yaml", "seed=3", *QUICK)
    assert "another process is training here; wait until it has ended" in said
    content = printed(capsys, "trial.yaml", "seed=3", *QUICK)
    assert content["asked"]["overrides"] == ["seed=3"]
    assert content["asked"]["command"][:2] == ["bench", "trial.yaml"]


def test_without_an_axis_the_spec_is_measured_as_it_is(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = printed(capsys, "file.yaml", *QUICK)["cells"]
    assert cell["parameters"] == {}
    assert cell["speedup"] == 1
    low, high = cell["samples_per_s"]["ci95"]
    assert 0 < low <= cell["samples_per_s"]["median"] <= high


def test_lines_tell_of_each_cell_and_a_cell_that_cannot_be_run_stops_no_other(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--repeats", "1", "--progress", "plain", "--baseline", "pipeline.depth=2")
    assert run(["bench", "file.yaml", "pipeline=stale", "-P", "pipeline.depth=9,2", *options]) == 0
    captured = capsys.readouterr()
    loading, first, second = captured.err.splitlines()
    assert loading == "loading data and models …"
    assert first.startswith("[1/2] pipeline.depth=9: not run: ")
    assert "depth 9 is more than the 4 steps of the run" in first
    assert second.startswith("[2/2] pipeline.depth=2: measured: ")
    assert "pipeline.depth=9: not run: " in captured.out
    assert "speedup: against pipeline.depth=2" in captured.out


def test_a_failed_cell_ends_the_command_with_exit_code_1_after_the_result(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axis = "training.optimizer={type: sgd, lr: 1e38},adam"
    content = printed(capsys, "trial.yaml", "-P", axis, *QUICK, exit_code=1)
    assert [cell["status"] for cell in content["cells"]] == ["failed", "measured"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-P", "pipeline.dpeth=1,2"), "override 'pipeline.dpeth=1':1:10: pipeline.dpeth: unknown"),
        (("-P", "pipeline.depth"), "-P pipeline.depth: is no KEY=VALUE"),
        (("-P", "seed=1,,2"), "-P seed=1,,2: has no list of values"),
        (("-P", "seed=1", "-P", "seed=2"), "-P seed: is given twice"),
        (("-P", "seed=1,2", "--baseline", "seed=3"), "--baseline seed=3: seed is never 3"),
        (("--export", "a.txt"), "--export a.txt: its suffix is none of"),
        (("--export", "no/a.md"), "--export no/a.md: cannot be written"),
        (("--budget", "0"), "must be a positive number"),
        (("--preset", "width"), "--preset"),
        (("--minutes", "1"), "--minutes: is for --preset soak"),
        (("--steps", "9", "-P", "seed=1,2"), "--steps: is for --preset soak"),
        (("--preset", "soak", "-P", "seed=1,2"), "-P: is for a grid"),
        (("--preset", "soak", "--minutes", "nan"), "must be a positive number"),
        (("--preset", "soak", "--steps", "1"), "tells nothing about its steadiness"),
        (("dataset.rows=9", "pipeline=stale", "-P", "pipeline.depth=2,4"), "depth 4 is more than"),
        (("--runs-dir", "trial.yaml"), "cannot be written"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    trial: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert told in refusal(capsys, "bench", "trial.yaml", "--progress", "none", *arguments)


def test_a_grid_of_which_nothing_can_be_run_is_refused(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = ("pipeline=stale", "-P", "pipeline.depth=8,9", "--progress", "none")
    told = refusal(capsys, "bench", "file.yaml", *axes)
    assert told.startswith("none of the cells can be run\npipeline.depth=8: not run: ")
    told = refusal(capsys, "bench", "file.yaml", "--preset", "scale", "--progress", "none")
    assert told.startswith("--preset scale: a dataset of type csv has the size it has")


def test_presets_have_a_sequential_baseline(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ("-P", "dataset.batch_size=4,8")
    content = printed(capsys, "trial.yaml", "--preset", "batch", *sizes, *QUICK)
    assert content["axes"] == {
        "pipeline": ["sequential", "stale:4"],
        "dataset.batch_size": ["4", "8"],
    }
    assert content["baseline"] == {"pipeline": "sequential"}
    assert [cell["speedup"] for cell in content["cells"][:2]] == [1, 1]
    assert [cell["depth"] for cell in content["cells"]] == [1, 1, 4, 4]


def test_an_interrupt_keeps_what_is_done(
    trial: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(screens.Screen):
        def line(self, text: str, to_go: str = "") -> None:  # noqa: ARG002
            if text.startswith("[1/2]"):
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(screens, "screen_for", lambda *_: Impatient())
        told = refusal(
            capsys, "bench", "trial.yaml", "-P", "seed=1,2", *QUICK, "--json", exit_code=130
        )
    assert told.startswith("interrupted after 1 of 2 cells")
    content = printed(capsys, "trial.yaml", "-P", "seed=1,2", *QUICK)
    assert [cell["status"] for cell in content["cells"]] == ["measured before", "measured"]


def test_a_soak_says_how_steady_the_run_is(trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soak = ("--preset", "soak", "--steps", "300", "--progress", "none")
    code = run(["bench", "trial.yaml", *soak, "--json", "--export", "a.csv", "--export", "a.md"])
    content = json.loads(capsys.readouterr().out)
    assert code == (0 if content["verdict"] == "stable" else 4)
    assert content["kind"] == "soak"
    assert content["samples_per_s"] > 0
    assert content["moments"][-1]["samples"] > 200 * 8
    assert content["thread_growth"] == content["descriptor_growth"] == 0
    named = [figure["name"] for figure in content["figures"]]
    assert named == ["throughput", "memory", "threads", "open files"]
    (directory,) = (trial / "runs").iterdir()
    assert json.loads((directory / "soak.json").read_text()) == content
    assert len((trial / "a.csv").read_text().splitlines()) == 1 + len(content["moments"])
    assert (trial / "a.md").read_text().startswith("| figure | change | limit |  |")


def test_a_soak_that_leaks_ends_with_exit_code_4_after_its_result(
    trial: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hoard = "self.__dict__.setdefault('hoard', []).append(bytearray(300_000)); "
    leaking = spec(
        ("alice: {bottom: {type: mlp, out: 2}}", "alice: {bottom: {class: own:Bottom}}"),
        of=SYNTHETIC,
    )
    write(trial, {"leak.yaml": leaking + DELAYED, "own.py": own(f"{hoard}return self.layer(x)")})
    soak = ["bench", "leak.yaml", "--preset", "soak", "--steps", "300", "--progress", "none"]
    assert run([*soak, "--allow-code"]) == 4
    captured = capsys.readouterr()
    assert captured.err.startswith("not stable: ")
    assert "memory grew by" in captured.err
    assert "memory grew by" in captured.out


def test_a_soak_ends_when_its_time_is_over(trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["bench", "trial.yaml", "--preset", "soak", "--minutes", "0.02", "--json"])
    captured = capsys.readouterr()
    content = json.loads(captured.out)
    assert code in (0, 4)
    assert content["duration_s"] > 0
    assert captured.err.startswith("loading data and models …\n")
