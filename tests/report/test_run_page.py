import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from splitrun.cli.app import run as command
from splitrun.errors import RunDirectoryError, UsageError
from splitrun.events import Decided, Event, RunEnded
from splitrun.lock import locked
from splitrun.report.summary import summarise
from splitrun.report.write import write
from splitrun.telemetry.jsonl import Continued
from tests.report.reading import Report
from tests.report.recordings import (
    BOTTOM,
    CLOCK,
    DOWN,
    LOOP_S,
    TOP,
    UP,
    record,
    run_directory,
    started,
    steps,
    whole_run,
)


def page(directory: Path) -> Report:
    return Report.read(write(directory))


def run(tmp_path: Path, events: Sequence[Event], **manifest: Any) -> Report:
    return page(run_directory(tmp_path / "run", events, **manifest))


def test_a_page_tells_what_came_out_and_where_the_time_went(tmp_path: Path) -> None:
    report = run(tmp_path, whole_run())
    assert report.verdict == "Done: 40 steps, stale, depth 4, at 1,234 samples/s, to AUROC 0.9000."
    assert report.texts("dd")[:2] == ["1,234", "2.50 sand 50.0 ms of evaluation"]
    assert list(report.charts) == [
        "Throughput",
        "Training loss by step",
        "Loss by epoch",
        "AUROC by epoch",
        "A few steady steps",
        "How roles spend their time",
        "Processor",
        "Memory",
        "Graphics processors",
    ]
    (up,) = (row for row in report.rows if row.startswith(UP))
    assert up == f"{UP} 40 40.0 KiB 1.0 KiB 10.00 ms 10.00 ms"


def test_the_page_tells_how_stale_each_role_was(tmp_path: Path) -> None:
    held = {"parameters": 10, "versions": 4, "version_bytes": 64}
    plan = {"roles": {name: held | {"depth": 4, "staleness": 3} for name in (BOTTOM, TOP)}}
    result = {"steps": 40, "staleness": {BOTTOM: {"mean": 1.75, "max": 2}}}
    directory = run_directory(tmp_path / "run", whole_run(), result=result)
    (directory / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    rows = page(directory).rows
    assert f"{BOTTOM} 4 1.75 2 10 4 64 B" in rows
    assert f"{TOP} 4 – 3 10 4 64 B" in rows


def test_throughput_is_samples_over_time(tmp_path: Path) -> None:
    (trace,) = run(tmp_path, whole_run(400, depth=4)).charts["Throughput"]["data"]
    middle = trace["y"][4:-4]
    assert len(middle) > 10
    assert middle == pytest.approx([8 / (LOOP_S / 4)] * len(middle), rel=1e-6)


def test_steps_that_the_recording_no_longer_has_leave_a_gap(tmp_path: Path) -> None:
    first, *events, last = whole_run(800, depth=1)
    kept = [event for event in events if not 200 <= getattr(event, "step", 0) < 600]
    (trace,) = run(tmp_path, [first, *kept, last]).charts["Throughput"]["data"]
    assert None in trace["y"]
    rates = [rate for rate in trace["y"] if rate is not None]
    assert rates[2:] == pytest.approx([8 / LOOP_S] * (len(rates) - 2))


LATE = range(600, 801)


def test_time_that_the_recording_no_longer_has_counts_for_no_role(tmp_path: Path) -> None:
    first, *events, last = whole_run(800, depth=1)
    whole = summarise(record(tmp_path / "whole", [first, *events, last]))
    steps_of = [(getattr(event, "step", 800), event) for event in events]
    early, late = ([e for step, e in steps_of if step in part] for part in (range(200), LATE))
    gappy = record(tmp_path / "gappy", [first, *early])
    record(tmp_path / "rest", [*late, last])
    head = msgspec.json.encode(Continued(3000)) + b"\n"
    (gappy / "events.4.jsonl").write_bytes(head + (tmp_path / "rest/events.jsonl").read_bytes())
    kept = summarise(gappy)
    assert whole
    assert kept
    assert kept.missing == 3000 - 1 - len(early)
    assert (kept.done, kept.steps) == (800, 400)
    for role, share in whole.shares.items():
        assert kept.shares[role].busy == pytest.approx(share.busy, rel=0.02)


def test_the_timeline_shows_each_instruction_where_it_was(tmp_path: Path) -> None:
    report = run(tmp_path, whole_run(60, depth=1))
    chart = report.charts["A few steady steps"]
    rows = dict(
        zip(
            chart["layout"]["yaxis"]["ticktext"],
            chart["layout"]["yaxis"]["tickvals"],
            strict=True,
        )
    )
    assert list(rows) == [BOTTOM, TOP, UP.replace(">", "&gt;"), DOWN.replace(">", "&gt;")]
    bars = {trace["name"]: trace for trace in chart["data"]}
    span_ms = chart["layout"]["xaxis"]["range"][1]
    assert span_ms == pytest.approx(3 * LOOP_S * 1000)
    forward, loss = bars["forward"], bars["loss and top model"]
    assert forward["y"] == [rows[BOTTOM]] * 3
    assert forward["x"] == pytest.approx([2, 2, 2])
    assert loss["y"] == [rows[TOP]] * 3
    assert loss["base"] == pytest.approx([at * LOOP_S * 1000 + 25 for at in range(3)])
    for trace in chart["data"]:
        assert all(base >= 0 for base in trace["base"])
        ends = [base + width for base, width in zip(trace["base"], trace["x"], strict=True)]
        assert all(end <= span_ms + 1e-3 for end in ends)


def test_messages_that_are_on_their_way_at_once_do_not_cover_each_other(tmp_path: Path) -> None:
    chart = run(tmp_path, whole_run(60, depth=4)).charts["A few steady steps"]
    (flights,) = (trace for trace in chart["data"] if trace["name"] == "message on its way")
    spans = sorted(
        (y, base, base + width)
        for y, base, width in zip(flights["y"], flights["base"], flights["x"], strict=True)
    )
    assert len(spans) > 8
    for (lane, _, end), (next_lane, start, _) in pairwise(spans):
        assert lane != next_lane or start >= end - 1e-3


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    events = [started(), *steps(7), RunEnded("interrupted", "", CLOCK + 1)]
    message = "interrupted after 7 of 40 steps"
    report = run(tmp_path, events, status="interrupted", message=message, result=None)
    assert report.verdict == f"Interrupted: 7 of 40 steps, stale, depth 4. {message}"


def test_a_killed_run_has_a_page_and_its_torn_last_line_is_left_out(tmp_path: Path) -> None:
    directory = run_directory(
        tmp_path / "run", [started(), *steps(7)], status="running", result=None
    )
    with (directory / "events.jsonl").open("ab") as file:
        file.write(b'{"type":"StepDone","st')
    with (directory / "metrics.jsonl").open("ab") as file:
        file.write(b'{"epo')
    verdict = "Killed: 7 of 40 steps, stale, depth 4; "
    no_way_on = "it has no checkpoint, so it cannot be resumed; train again"
    assert page(directory).verdict == verdict + no_way_on
    (directory / "checkpoints" / "p0" / "step-00000004").mkdir(parents=True)
    assert page(directory).verdict == f"{verdict}resume with `splitrun train --resume {directory}`"


def test_a_run_that_is_on_is_running(tmp_path: Path) -> None:
    directory = run_directory(
        tmp_path / "run", [started(), *steps(7)], status="running", result=None
    )
    with locked(directory):
        assert page(directory).verdict == "Running: 7 of 40 steps, stale, depth 4."


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"step": 12, "best_step": 3, "stops": True},
            "The run stopped early, at step 12 of 40: 3 evaluations found nothing better than "
            "AUROC 0.9000 on the validation rows, of step 3, whose weights it has.",
        ),
        (
            {"step": 40, "best_step": 30, "stops": True},
            "The run did not stop early. Best was AUROC 0.9000 on the validation rows, of step 30, "
            "whose weights it has.",
        ),
        (
            {"step": 12, "best_step": 3},
            "Until step 12 best was AUROC 0.9000 on the validation rows, of step 3.",
        ),
        (
            {"step": 12, "best_step": 0, "best": None},
            "No evaluation until step 12 has found a value of auroc.",
        ),
    ],
)
def test_a_page_tells_when_a_run_that_may_stop_early_did_and_why(
    changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    last = Decided(12, metric="auroc", best_step=3, best=0.9, waited=3, end=CLOCK + 1)
    decided = msgspec.structs.replace(last, **changes)
    report = run(tmp_path, [started(), *steps(12), decided])
    assert told in report.texts("p", "remark")


def test_a_failed_run_shows_where_it_broke(tmp_path: Path) -> None:
    directory = run_directory(
        tmp_path / "run", [started(), *steps(7)], status="failed", message="bob failed", result=None
    )
    (directory / "failure.txt").write_text("Traceback: line 7", encoding="utf-8")
    report = page(directory)
    assert report.verdict.endswith("bob failed")
    assert "Traceback: line 7" in report.texts("pre")


@pytest.mark.parametrize("events", [[started()], [started(), *steps(1)], [started(), *steps(2)]])
def test_a_run_of_hardly_any_steps_has_a_page(tmp_path: Path, events: list[Event]) -> None:
    assert run(tmp_path, events).texts("h1") == ["trial"]


def test_a_run_that_was_not_sampled_says_so(tmp_path: Path) -> None:
    report = run(tmp_path, [started(), *steps(30)])
    assert "The machine was not sampled during this run." in report.texts("p", "note")
    assert "Processor" not in report.charts


@pytest.mark.parametrize("text", ["", '{"type":"RunSta'])
def test_a_run_that_was_killed_at_once_has_a_page(tmp_path: Path, text: str) -> None:
    directory = run_directory(tmp_path / "run", [], status="running", result=None)
    (directory / "events.jsonl").write_text(text, encoding="utf-8")
    assert page(directory).verdict.startswith("Killed: 0 of 40")


def test_a_run_without_events_has_a_page(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", [])
    (directory / "events.jsonl").unlink()
    report = page(directory)
    assert report.verdict.startswith("Done: 40 steps")
    assert any("no events" in remark for remark in report.texts("p", "remark"))


def test_a_run_without_metrics_plan_and_spec_has_a_page(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", whole_run())
    for name in ("metrics.jsonl", "plan.json", "resolved.yaml"):
        (directory / name).unlink()
    report = page(directory)
    assert report.verdict.startswith("Done: 40 steps, stale, depth 4")
    assert "Loss by epoch" not in report.charts


def test_a_bare_recording_has_a_page(tmp_path: Path) -> None:
    report = page(record(tmp_path / "stale-4", whole_run()))
    assert report.texts("h1") == ["stale-4"]
    assert report.verdict == "Done: 40 steps, stale, depth 4."
    assert "A few steady steps" in report.charts


def test_of_very_many_roles_some_are_shown(tmp_path: Path) -> None:
    roles = (*(f"party{number}.bottom" for number in range(64)), TOP)
    report = run(tmp_path, [started(roles=roles), *steps(30)])
    ticks = report.charts["A few steady steps"]["layout"]["yaxis"]["ticktext"]
    assert len([tick for tick in ticks if "bottom" in tick and "&gt;" not in tick]) == 11
    assert TOP in ticks
    assert any("Of 65 roles 12 are shown" in caption for caption in report.texts("figcaption"))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("manifest.json", "{", "manifest.json: cannot be read"),
        ("manifest.json", '{"status": 3}', "manifest.json: cannot be read"),
        ("manifest.json", b"\xff\xfe", "manifest.json: cannot be read"),
        ("plan.json", "[]", "plan.json: cannot be read"),
        ("plan.json", "[" * 100_000, "plan.json: cannot be read"),
        ("metrics.jsonl", '{"epoch": 1}\n{"epoch": "two"}\n', "metrics.jsonl:2: cannot be read"),
        ("events.jsonl", "nothing\n", "events.jsonl:1: "),
        (
            "events.jsonl",
            '{"type":"RunEnded","status":"done","message":"","end":1}\n',
            "RunStarted",
        ),
        ("comparison.json", "{}", "comparison.json: cannot be read"),
    ],
)
def test_a_damaged_file_is_named_with_a_remedy(
    tmp_path: Path, name: str, text: str | bytes, told: str
) -> None:
    directory = run_directory(tmp_path / "run", whole_run())
    (directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RunDirectoryError) as caught:
        write(directory)
    assert told in str(caught.value)
    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nothing", "empty", "file"])
def test_what_is_no_run_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunDirectoryError, match="splitrun train"):
        write(tmp_path / name)


def test_the_page_goes_where_it_is_wanted_or_says_that_it_cannot(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", whole_run())
    elsewhere = tmp_path / "page.html"
    assert write(directory, elsewhere) == elsewhere
    assert not (directory / "report.html").exists()
    with pytest.raises(UsageError, match="cannot be written"):
        write(directory, tmp_path / "nowhere" / "page.html")


def test_a_value_that_is_not_known_is_a_dash(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", whole_run())
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    manifest["result"]["metrics"] = {"test": {"auroc": None}}
    (directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert page(directory).verdict.endswith("to AUROC –.")


def test_the_command_prints_where_the_page_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = run_directory(tmp_path / "run", whole_run())
    assert command(["report", str(directory)]) == 0
    assert capsys.readouterr().out == f"{directory / 'report.html'}\n"


def test_the_command_refuses_what_is_no_run_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["report", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"{tmp_path}: neither a run nor a comparison; ")
    assert told.err.count("\n") == 1


def test_classes_are_told_with_who_is_taken_for_whom_and_whether_probabilities_are_true(
    tmp_path: Path,
) -> None:
    figures = {"precision": 0.75, "recall": 0.6, "f1": 0.6667, "support": 10}
    classes = {
        "classes": [{"name": "no"} | figures, {"name": "yes"} | figures],
        "confusion": [[8, 2], [4, 6]],
        "calibration": [
            {"predicted": 0.2, "observed": 0.25, "count": 12},
            {"predicted": 0.8, "observed": 0.75, "count": 8},
        ],
    }
    result = {"metrics": {"test": {"auroc": 0.9}}, "classes": {"test": classes}}
    report = run(tmp_path, whole_run(), result=result)
    assert "yes 0.7500 0.6000 0.6667 10" in report.rows
    assert "yes 4 6" in report.rows
    (line,) = report.charts["Are probabilities to be believed?"]["data"]
    assert (line["x"], line["y"]) == ([0.2, 0.8], [0.25, 0.75])
    assert line["hovertext"] == ["12 rows", "8 rows"]
