"""What there is to do about a run can be typed as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.catalogue.next_steps import next_steps
from splitrun.catalogue.reading import read_entry
from tests.catalogue.made import evaluated, make_run


@pytest.mark.parametrize(
    ("changes", "inputs"),
    [
        ({}, "--input FILE"),
        (
            {"parties.alice.path": "a.csv", "parties.bob.path": "b.csv"},
            "--input alice=FILE --input bob=FILE",
        ),
    ],
)
def test_new_rows_come_in_as_many_files_as_the_run_had(
    tmp_path: Path, changes: dict[str, str], inputs: str
) -> None:
    path = make_run(tmp_path, "run", changes, metrics=evaluated(auroc=0.9))
    entry = read_entry(path)
    assert entry is not None
    assert f"splitrun predict {path} {inputs}" in next_steps(entry)
