from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from splitrun.data.sources.content import kind_of, open_text
from splitrun.errors import DataError
from tests.data.loading import load_data
from tests.data.specs import csv_spec

TEXT = b"a,b,y\n" + b"".join(b"%d,%d,%d\n" % (row, -row, row % 2) for row in range(400))


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


def zipped(*names: str, content: bytes = TEXT) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return memory.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "two gzip members": lambda text: gzip.compress(text[:999]) + gzip.compress(text[999:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
    "zip": lambda text: zipped("rows.csv", content=text),
    "zip of a Mac": lambda text: zipped("in/", "in/r.csv", "__MACOSX/in/._r.csv", content=text),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.zip"])
def test_text_is_read_by_its_content_whatever_its_name(
    tmp_path: Path, packing: str, name: str
) -> None:
    (tmp_path / name).write_bytes(PACKINGS[packing](TEXT))
    assert kind_of(tmp_path / name) == "text"
    with open_text(tmp_path / name) as file:
        assert file.read() == TEXT
    spec = csv_spec({"alice": ["a"], "bob": ["b"]}, path=name, test_fraction=0, scaling="none")
    data = load_data(spec, tmp_path)
    assert data.features["bob"][0].flatten().tolist() == [-row for row in range(400)]


@pytest.mark.parametrize("packing", ["gzip", "bzip2", "xz", "zstd", "zip"])
def test_an_archive_that_was_cut_off_is_named_as_such(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(PACKINGS[packing](TEXT)[:-30])
    with pytest.raises(DataError, match=f"rows.csv: damaged {packing} archive: .*; get the file"):
        load_data(csv_spec({"alice": ["a"], "bob": ["b"]}), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped("xl/workbook.xml", "[Content_Types].xml"), "an Excel workbook; save the sheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook; save the sheet as CSV"),
        (b"ARROW1\x00\x00", "an Arrow file; write it as Parquet or CSV"),
        (b"\x80\x04\x95", "a pickle, which could run code; write it as Parquet or CSV"),
        (b"SQLite format 3\x00", "an SQLite database; write the table as CSV"),
    ],
)
def test_what_is_no_table_is_named_with_a_remedy(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"rows.csv: {message}"):
        kind_of(path)


def test_an_archive_holds_one_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.zip"
    path.write_bytes(zipped("a.csv", "b.csv"))
    with pytest.raises(DataError, match=r"of 2 files \(a.csv, b.csv\); unpack it"):
        open_text(path)
    path.write_bytes(zipped())
    with pytest.raises(DataError, match="an empty zip archive; unpack it and give the path"):
        open_text(path)


def test_a_zip_archive_with_a_password_is_named_as_such(tmp_path: Path) -> None:
    content = bytearray(zipped("rows.csv"))
    content[6] |= 1  # the flag of encryption, in the member's own header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path = tmp_path / "rows.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"rows.csv cannot be unpacked: .*password.*; unpack it by"):
        open_text(path)


def test_headers_that_begin_like_another_kind_are_text(tmp_path: Path) -> None:
    for header in ("PAR1,y\n", "ORCID,y\n", "BZh1,y\n", "PK,y\n", "Object,y\n", "SQLite,y\n", ""):
        path = tmp_path / "rows.csv"
        path.write_text(header)
        assert kind_of(path) == "text"
        with open_text(path) as file:
            assert file.read().decode() == header


def test_parquet_and_numpy_files_are_told_by_their_content(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / "rows.csv")
    with (tmp_path / "rows.dat").open("wb") as file:
        np.savez(file, a=[1, 2])
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, [1, 2])
    assert kind_of(tmp_path / "rows.csv") == "parquet"
    assert kind_of(tmp_path / "rows.dat") == "npz"
    with pytest.raises(DataError, match=r"a NumPy array without a name; save it by numpy.savez"):
        kind_of(tmp_path / "one.npz")
