"""What it takes to read text files, beside pandas' C reader on the same columns.

Times are paired in one process; memory is the most that a fresh process held.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from splitrun.data.encoding import fit_features
from splitrun.data.sources.records import TextFile
from splitrun.data.sources.text import read_table
from splitrun.spec.files import ReadingKeys
from tests.benchmarks.pairs import HEADER, compare

ROWS = 1_000_000
COLUMNS = 20
WIDE_ROWS = 230_000
WIDE_COLUMNS = 40
FEW = ("c1", "c11", "c21", "c38")
PROCESSES = 3
"""Whose memory is measured, one after the other."""
MISSING = 0.05
"""The share of cells that are missing, where some are."""


def measure(pairs: int) -> Iterator[str]:
    """Rows of two tables: of times, and of memory."""
    with tempfile.TemporaryDirectory() as directory:
        files = {name: Path(directory) / f"{name}.csv" for name in ("tall", "NA", "empty", "wide")}
        frame = _numbers(ROWS, COLUMNS)
        frame.to_csv(files["tall"], index=False)
        frame = frame.mask(np.random.default_rng(1).random(frame.shape) < MISSING)
        frame.to_csv(files["NA"], index=False, na_rep="NA")
        frame.to_csv(files["empty"], index=False)
        _numbers(WIDE_ROWS, WIDE_COLUMNS).to_csv(files["wide"], index=False)
        del frame
        tall, wide = files["tall"], files["wide"]
        yield HEADER
        for name, bound, first, second in (
            ("tables", 1.3, lambda: tables(tall), lambda: by_pandas(tall)),
            ("encoded tensors", 2.5, lambda: tensors(tall), lambda: by_pandas(tall)),
            ("`NA` beside empty cells", 2.0, lambda: tables(files["NA"]),
             lambda: tables(files["empty"])),
            ("`NA` beside no missing cells", 2.0, lambda: tables(files["NA"]),
             lambda: tables(tall)),
            ("4 of 40 columns", 1.3, lambda: tables(wide, FEW), lambda: by_pandas(wide, FEW)),
        ):  # fmt: skip
            timed = (_seconds(first), _seconds(second))
            yield compare(name, bound, *timed, steps=1, pairs=pairs).row()
        yield ""
        yield "| most memory | of pandas' | bar | MiB | pandas, MiB |\n|---|---|---|---|---|"
        own = median(_most_mib("tensors", tall) for _ in range(PROCESSES))
        theirs = median(_most_mib("by_pandas", tall) for _ in range(PROCESSES))
        yield f"| encoded tensors | {own / theirs:.2f} | ≤ 1.60 | {own:.0f} | {theirs:.0f} |"


def tables(path: Path, columns: tuple[str, ...] = ()) -> None:
    """Read columns, all by default, as tables."""
    file = TextFile(path, ReadingKeys())
    read_table(file, columns or file.header(), ())


def tensors(path: Path) -> None:
    """Read all columns, and encode them."""
    file = TextFile(path, ReadingKeys())
    table = read_table(file, file.header(), ())
    train = np.arange(0, table.rows, 5, dtype=np.int64)
    encoder = fit_features(
        table, list(table.columns), train, inputs="one_hot", scaling="standard", fill_missing=False
    )
    encoder.transform(table)


def by_pandas(path: Path, columns: tuple[str, ...] = ()) -> None:
    """Read columns, all by default, as pandas does by itself."""
    pd.read_csv(path, engine="c", usecols=list(columns) or None)


def _numbers(rows: int, columns: int) -> pd.DataFrame:
    values = np.random.default_rng(0).standard_normal((rows, columns)).round(6)
    return pd.DataFrame(values, columns=[f"c{index}" for index in range(columns)])


def _seconds(work: Callable[[], None]) -> Callable[[], float]:
    def timed() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return timed


def _most_mib(function: str, path: Path) -> float:
    """The memory that a fresh process held at most, beyond what its imports take."""
    program = f"""
from pathlib import Path
from tests.benchmarks import reading
from tests.benchmarks.memory import most_kib_held
before = most_kib_held()
reading.{function}(Path({str(path)!r}))
print(max(1, most_kib_held() - before) / 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return float(done.stdout)
