from pathlib import Path
from typing import Any

import pytest

from splitrun.errors import RunDirectoryError
from splitrun.report.drawing import apart
from splitrun.report.write import write
from tests.report.reading import Report
from tests.report.recordings import arm, comparison, comparison_directory, record, whole_run

BASELINE = arm("sequential", 1000.0, time_to_target_s=0.24)


def page(tmp_path: Path, *arms: dict[str, Any], **changes: Any) -> Report:
    content = comparison(BASELINE, *arms, **changes)
    return Report.read(write(comparison_directory(tmp_path / "both", content)))


def metric(mean: float | None, ends: list[float] | None) -> dict[str, Any]:
    return {"name": "auroc", "mean": 0.95, "ci95": None, "difference": {"mean": mean, "ci95": ends}}


@pytest.mark.parametrize(
    ("verdict", "difference", "told"),
    [
        ("identical", (0.0, None), "It ends with the same weights, bit for bit."),
        (
            "equivalent",
            (-0.001, [-0.003, 0.001]),
            "Its AUROC is equivalent (−0.0010 ±0.0020).",
        ),
        ("different", (-0.02, [-0.03, -0.01]), "Its AUROC is lower (−0.0200 ±0.0100)."),
        ("different", (0.02, None), "Its AUROC is higher (+0.0200)."),
        (
            "inconclusive: 3 more seeds needed",
            (0.001, [-0.009, 0.011]),
            "Whether its AUROC changes is not settled (+0.0010 ±0.0100; 3 more seeds needed).",
        ),
        ("inconclusive", (None, None), "What it does to AUROC is unknown."),
    ],
)
def test_the_verdict_comes_first_and_in_words(
    tmp_path: Path, verdict: str, difference: tuple[float | None, Any], told: str
) -> None:
    chosen = arm("stale:4", 3900.0, verdict=verdict, metric=metric(*difference))
    report = page(tmp_path, chosen)
    faster = "stale:4 is recommended: 3.90× as fast as sequential [3.55, 4.33]."
    assert report.verdict == f"{faster} {told}"
    assert "Advice: limited by the loop of bob; depth 8." in report.texts("p", "note")


def test_sequential_can_be_what_is_recommended(tmp_path: Path) -> None:
    recommended = {"schedule": "sequential", "depth": 1, "micro_batches": 1}
    report = page(tmp_path, arm("stale:4", 900.0), recommended=recommended)
    assert report.verdict.startswith("Stay with sequential")
    assert "A few steady steps" in report.charts


@pytest.mark.parametrize("name", ["sequential", "microbatch:4", "stale:4"])
def test_an_arm_with_a_codec_of_its_own_is_another_than_the_one_without(
    tmp_path: Path, name: str
) -> None:
    arms = [arm("microbatch:4", 1100.0), arm("stale:2", 2000.0), arm("stale:4", 3000.0)]
    coded = arm(name, 3900.0) | {"name": f"{name}+int8", "codec": "int8"}
    kind, _, number = name.partition(":")
    depth, slices = (int(number or 1) if kind == it else 1 for it in ("stale", "microbatch"))
    recommended = {"schedule": kind, "depth": depth, "micro_batches": slices, "codec": "int8"}
    report = page(tmp_path, *arms, coded, recommended=recommended)
    assert report.verdict.startswith(f"{name}+int8 is recommended: 3.90× as fast as sequential")
    (emphasised,) = report.texts("tr", "emphasised")
    assert emphasised.startswith(f"{name}+int8")


def test_the_page_has_every_arm_and_every_chart(tmp_path: Path) -> None:
    report = page(tmp_path, arm("microbatch:4", 1100.0), arm("stale:4", 3900.0))
    assert list(report.charts) == [
        "Throughput by depth",
        "AUROC by epoch",
        "AUROC by training time",
        "Time until AUROC is 0.9",
        "A few steady steps",
        "How roles spend their time",
        "Processor",
        "Graphics processor",
    ]
    rows = [row for row in report.rows if row.startswith(("sequential", "microbatch:4", "stale:4"))]
    assert rows[2] == (
        "stale:4threaded 3,900[3,510, 4,290] 3.90×[3.55, 4.33] 83 % 0.9600 "
        "−0.0010±0.0020 equivalent 61.5 ms2 seeds 3.0 2.0 KiB 42 % 256.0 MiB"
    )
    emphasised = report.texts("tr", "emphasised")
    assert len(emphasised) == 1
    assert emphasised[0].startswith("stale:4")


def test_sequential_is_above_the_recommended_arm_on_one_scale_of_time(tmp_path: Path) -> None:
    report = page(tmp_path, arm("stale:2", 1950.0), arm("stale:4", 3900.0))
    chart = report.charts["A few steady steps"]
    heads = {note["text"]: note["y"] for note in chart["layout"]["annotations"]}
    names = list(heads)
    assert [name.split("</b>")[0] for name in names] == ["<b>sequential", "<b>stale:4"]
    assert heads[names[0]] > heads[names[1]]
    assert "2 steps" in names[0].replace("\N{NO-BREAK SPACE}", " ")
    assert "8 steps" in names[1].replace("\N{NO-BREAK SPACE}", " ")
    (caption,) = (text for text in report.texts("figcaption") if "finishes" in text)
    assert "sequential finishes 2 steps" in caption
    assert "stale:4 finishes 8 steps" in caption


def test_measurements_stand_beside_what_the_costs_allow(tmp_path: Path) -> None:
    chart = page(tmp_path, arm("stale:4", 3900.0)).charts["Throughput by depth"]
    traces = {trace["name"]: trace for trace in chart["data"]}
    assert traces["bound"]["x"] == [1, 2, 4]
    assert traces["bound"]["y"] == [1200, 2400, 4800]
    assert "predicted" not in traces
    assert traces["stale:4"]["y"] == [3900]
    assert traces["stale:4"]["error_y"]["array"] == pytest.approx([390])
    assert traces["stale:4"]["error_y"]["arrayminus"] == pytest.approx([390])


def test_bands_are_the_lowest_and_highest_of_the_seeds(tmp_path: Path) -> None:
    curves = [
        {"seed": seed, "points": [{"epoch": 1, "value": value}, {"epoch": 2, "value": value + 0.1}]}
        for seed, value in ((1, 0.5), (2, 0.7), (3, 0.6))
    ]
    report = page(tmp_path, arm("stale:4", 3900.0, curves=curves))
    *_, low, high, mean = report.charts["AUROC by epoch"]["data"]
    assert low["y"] == pytest.approx([0.5, 0.6])
    assert high["y"] == pytest.approx([0.7, 0.8])
    assert mean["y"] == pytest.approx([0.6, 0.7])
    *_, last = report.charts["AUROC by training time"]["data"]
    assert last["name"] == "sequential", "without training times an arm has no such curve"


def test_a_metric_that_was_evaluated_once_is_shown_against_training_time_alone(
    tmp_path: Path,
) -> None:
    def once(seconds: float) -> list[dict[str, Any]]:
        values = enumerate((0.5, 0.7, 0.6))
        return [
            {"seed": seed, "points": [{"epoch": 4, "value": value, "train_s": seconds}]}
            for seed, value in values
        ]

    content = comparison(
        arm("sequential", 1000.0, curves=once(40.0)), arm("stale:4", 3900.0, curves=once(10.0))
    )
    report = Report.read(write(comparison_directory(tmp_path / "both", content)))
    assert "AUROC by epoch" not in report.charts
    slow, fast = report.charts["AUROC by training time"]["data"]
    assert (slow["x"], fast["x"]) == ([40.0], [10.0])
    assert fast["y"] == pytest.approx([0.6])
    assert fast["error_y"]["array"] == fast["error_y"]["arrayminus"] == pytest.approx([0.1])


def test_what_is_unknown_or_missing_leaves_a_page(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {
        "samples_per_s": {"median": None, "ci95": None},
        "speedup": {"median": None, "ci95": None, "lower_bound": None},
        "metric": metric(None, None) | {"mean": None},
        "staleness": {"mean": None, "max": None},
        "verdict": "inconclusive",
        "roles": {},
        "links": {},
        "trials": [],
        "curves": [],
        "recording": None,
    }
    lacking = (
        "bound_samples_per_s",
        "fraction_of_bound",
        "predicted_samples_per_s",
        "time_to_target_s",
        "reached",
        "bytes_per_step",
        "cpu_percent",
        "peak_memory_bytes",
    )
    arms = [
        arm(name, 1.0, **nothing, **dict.fromkeys(lacking)) for name in ("sequential", "stale:4")
    ]
    content = comparison(*arms, forecast=[], settings={}, environment={}, baseline=None, advice="")
    report = Report.read(write(comparison_directory(tmp_path / "both", content)))
    assert report.verdict.startswith("stale:4 is recommended: – as fast")
    assert report.charts == {}
    assert "No trial was recorded, so there is no timeline." in report.texts("p", "note")


def test_a_recommended_arm_that_took_no_part_leaves_a_page(tmp_path: Path) -> None:
    recommended = {"schedule": "stale", "depth": 99, "micro_batches": 1}
    report = page(tmp_path, arm("stale:4", 3900.0), recommended=recommended)
    assert report.verdict == "None of the arms that took part is recommended."


def test_a_comparison_without_arms_is_damaged(tmp_path: Path) -> None:
    content = comparison(BASELINE) | {"arms": []}
    with pytest.raises(RunDirectoryError, match="no arms"):
        write(comparison_directory(tmp_path / "both", content))


@pytest.mark.parametrize(
    "damage", [{"depth": 0}, {"samples_per_s": {"median": -1}}, {"verdict": None}]
)
def test_an_impossible_arm_is_damage(tmp_path: Path, damage: dict[str, Any]) -> None:
    content = comparison(BASELINE, arm("stale:4", 3900.0, recording=None) | damage)
    with pytest.raises(RunDirectoryError, match=r"comparison\.json: cannot be read: .*arms"):
        write(comparison_directory(tmp_path / "both", content))


def test_no_recording_is_read_from_outside_the_directory(tmp_path: Path) -> None:
    record(tmp_path / "elsewhere", whole_run())
    outside = arm("stale:4", 3900.0, recording=None)
    directory = comparison_directory(
        tmp_path / "both", comparison(arm("sequential", 1000.0, recording=None), outside)
    )
    text = (directory / "comparison.json").read_text(encoding="utf-8")
    text = text.replace('"recording": null', '"recording": "../elsewhere"')
    (directory / "comparison.json").write_text(text, encoding="utf-8")
    assert "A few steady steps" not in Report.read(write(directory)).charts


def test_a_damaged_recording_is_named(tmp_path: Path) -> None:
    directory = comparison_directory(tmp_path / "both", comparison(BASELINE))
    (directory / "arms" / "sequential" / "events.jsonl").write_text("no\n", encoding="utf-8")
    with pytest.raises(RunDirectoryError, match=r"sequential/events\.jsonl:1"):
        write(directory)


def test_labels_are_moved_apart_and_keep_their_order() -> None:
    moved = apart([0.5, 0.5, 0.9, 0.52], gap=0.1, most=1.0)
    assert moved == pytest.approx([0.4067, 0.5067, 0.9, 0.6067], abs=1e-3)
    assert apart([0.99, 1.0], gap=0.1, most=1.0) == pytest.approx([0.9, 1.0])
    assert apart([], gap=0.1, most=1.0) == []
