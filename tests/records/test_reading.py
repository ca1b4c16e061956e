"""What writers make is what readers get, and what is damaged is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.errors import RunDirectoryError
from splitrun.plan.explain import describe
from splitrun.records.plan import PlanRecord
from splitrun.records.reading import read_lines, read_record
from splitrun.records.run import EpochRecord, FaultRecord, read_manifest
from splitrun.session import RunDirectory, train
from tests.runtime.running import prepared, synthetic


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    experiment = prepared(synthetic(pipeline={"schedule": "stale", "depth": 2}))
    result = train(experiment, tmp_path)
    directory = Path(result.run_dir)
    manifest = read_manifest(directory)
    assert manifest is not None
    assert manifest.result == result
    assert manifest == RunDirectory.open(directory).manifest()
    assert [attempt.status for attempt in manifest.attempts] == ["done"]
    assert read_record(directory / "plan.json", PlanRecord) == describe(experiment.plan)
    epochs = read_lines(directory / "metrics.jsonl", EpochRecord)
    assert epochs[-1].test == result.metrics["test"]


def test_what_is_missing_has_its_default_and_what_is_unknown_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"format": 1, "name": "trial", "later": {"more": 1}}')
    assert read_record(path, PlanRecord) == PlanRecord(name="trial")
    assert read_record(tmp_path / "none.json", PlanRecord) is None


def test_former_names_count_only_where_there_is_no_format(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"format": 1, "handover_ms": 0.5}')
    assert read_record(path, PlanRecord) == PlanRecord()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"depth": "two"}', '{"format": 2}', "[" * 100_000, "\udcff"]
)
def test_what_is_damaged_is_one_line_that_names_file_and_remedy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(RunDirectoryError) as caught:
        read_record(path, PlanRecord)
    assert str(caught.value).startswith(f"{path}: cannot be read: ")
    assert str(caught.value).endswith("; restore the file, or train again")
    assert "\n" not in str(caught.value)


def test_of_lines_the_damaged_one_is_named_and_a_torn_last_one_left_out(tmp_path: Path) -> None:
    path = tmp_path / "faults.jsonl"
    path.write_text('{"fault": 0}\n{"fault": 1, "role": "a.top"}\n{"fau')
    assert read_lines(path, FaultRecord) == [
        FaultRecord(fault=0),
        FaultRecord(fault=1, role="a.top"),
    ]
    path.write_text('{"fault": 0}\n{"fault": "one"}\n')
    with pytest.raises(RunDirectoryError, match=r"faults\.jsonl:2: cannot be read"):
        read_lines(path, FaultRecord)


def test_what_is_not_finite_is_null_in_files_and_on_the_command_line(tmp_path: Path) -> None:
    plan = PlanRecord(predicted_samples_per_s=float("inf"), effective_cores=float("nan"))
    RunDirectory(tmp_path).write_json("plan.json", plan)
    assert json.loads((tmp_path / "plan.json").read_text()) == plan.to_json()
    assert plan.to_json()["predicted_samples_per_s"] is None
    assert read_record(tmp_path / "plan.json", PlanRecord) == PlanRecord()
