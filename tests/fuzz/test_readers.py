"""A sample; `make fuzz` fires a hundred thousand inputs at each reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.fire import Found, Reader, Target, fire
from tests.fuzz.targets import READERS

SAMPLE = 120
MOST_BYTES = 256 << 20


@pytest.mark.parametrize("target", READERS, ids=lambda target: target.name)
def test_damaged_files_give_a_value_or_an_error_of_our_own(target: Target, tmp_path: Path) -> None:
    directory = tmp_path / "subject"
    directory.mkdir()
    outcome = fire(target, max(2, SAMPLE // target.slower), directory)
    assert outcome.peak_bytes < MOST_BYTES


def test_the_fire_finds_a_reader_that_lets_other_errors_through(tmp_path: Path) -> None:
    def make(directory: Path) -> None:
        (directory / "number.txt").write_text("12345")

    target = Reader("number", make, lambda directory: int((directory / "number.txt").read_text()))
    with pytest.raises(Found, match="number, seed 0, input"):
        fire(target, 100, tmp_path)
