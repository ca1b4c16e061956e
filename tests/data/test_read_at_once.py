"""A plain file is read by pandas itself, others block by block: either way the same comes of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from splitrun.data.sources.records import BLOCK_BYTES, TextFile
from splitrun.data.sources.text import read_table
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError
from splitrun.spec.files import ReadingKeys

ROWS = 30_000
"""More than pandas splits among its threads, and than the first block holds."""
COLUMNS = ("number", "whole", "word", "gaps", "late", "last")


def lines() -> list[str]:
    draw = np.random.default_rng(0)
    numbers, gaps = draw.standard_normal(ROWS).tolist(), draw.random(ROWS) < 0.2
    return [
        f"{number!r},{index % 97},w{index % 13},{'NA' if gap else repr(number * 1e-300)},"
        f"{'x' if index == ROWS - 3 else index},{index % 2}"
        for index, (number, gap) in enumerate(zip(numbers, gaps, strict=True))
    ]


def table(path: Path, columns: tuple[str, ...] = COLUMNS) -> Table:
    return read_table(TextFile(path, ReadingKeys(categorical=("late",))), columns, ())


def both(directory: Path, content: str) -> tuple[Path, Path]:
    """The same content as it is, and packed, which is read block by block."""
    plain, packed = directory / "plain.csv", directory / "packed.csv"
    plain.write_text(content)
    packed.write_bytes(gzip.compress(content.encode(), 1))
    return plain, packed


def assert_same(one: Table, other: Table) -> None:
    assert one.rows == other.rows
    assert one.columns.keys() == other.columns.keys()
    for name, column in one.columns.items():
        twin = other.columns[name]
        if isinstance(column, Categories):
            assert isinstance(twin, Categories)
            assert column.values == twin.values
            assert np.array_equal(column.codes, twin.codes)
        else:
            assert isinstance(twin, np.ndarray)
            assert column.tobytes() == twin.tobytes()


@pytest.mark.parametrize("columns", [COLUMNS, ("gaps", "whole"), ("late",)])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_plain_and_packed_files_have_the_same_bits(
    tmp_path: Path, columns: tuple[str, ...], end: str
) -> None:
    content = end.join([",".join(COLUMNS), *lines()]) + end
    assert len(content) > 4 * BLOCK_BYTES
    plain, packed = both(tmp_path, content)
    assert_same(table(plain, columns), table(packed, columns))


@pytest.mark.parametrize("mark", ['"w1"', "\ufeffw1", "w\f1"], ids=["quoted", "marked", "fed"])
def test_what_is_not_plain_far_down_a_file_is_read_the_same(tmp_path: Path, mark: str) -> None:
    rows = lines()
    rows[-5] = f"0.5,1,{mark},2.5,3,1"
    plain, packed = both(tmp_path, "\n".join([",".join(COLUMNS), *rows]) + "\n")
    assert_same(table(plain), table(packed))


@pytest.mark.parametrize("wrong", ["0.5,1,w1,2.5", "0.5,1,w1,2.5,3,1,9", "0.5,1,w\0,2.5,3,1"])
def test_what_is_wrong_far_down_a_file_is_told_alike(tmp_path: Path, wrong: str) -> None:
    rows = lines()
    rows[-5] = wrong
    told = []
    for path in both(tmp_path, "\n".join([",".join(COLUMNS), *rows]) + "\n"):
        with pytest.raises(DataError) as caught:
            table(path, ("number", "word"))
        told.append(str(caught.value).replace(str(path), "file"))
    assert told[0] == told[1]
    assert told[0].startswith(f"file:{ROWS - 3}: ")
