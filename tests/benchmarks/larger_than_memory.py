"""Training on encoded rows that are kept on the disk: how much memory of its own does it take?

What a process maps of a file is the system's to keep or to drop. What cannot be dropped is
anonymous memory, which Linux tells of every process as RssAnon.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.memory import anonymous_bytes

GIGABYTE = 10**9
COLUMNS = 512
"""Of two parties together, float32."""
BATCH_ROWS = 8192
ROW_GROUP_ROWS = 1 << 15
EVERY_S = 0.02
"""Between two looks at the process."""

SPEC = """
name: larger_than_memory
dataset:
  {type: parquet, path: %s, label: y, test_fraction: 0.01, batch_size: %d, cache: %s}
parties:
  alice: {columns: %s, bottom: {type: mlp, hidden: [64], out: 16}}
  bob: {columns: %s, bottom: {type: mlp, hidden: [64], out: 16}}
top: {party: alice, loss: binary_cross_entropy, model: {type: mlp, out: 1}}
training: {optimizer: {type: adam, lr: 0.001}, epochs: 1}
pipeline: {schedule: stale, depth: 4}
"""


def measure(gigabytes: int) -> Iterator[str]:
    """Rows of a Markdown table.

    Args:
        gigabytes: of encoded rows.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_rows(directory / "rows.parquet", rows := gigabytes * GIGABYTE // (4 * COLUMNS))
        spec = write_spec(directory, directory / "cache")
        yield "| run | encoded rows | time | most anonymous memory | weights |"
        yield "|---|---|---|---|---|"
        for run in ("makes the cache", "finds it"):
            seconds, anonymous_bytes, weights = watched(spec, directory)
            kept = sum(path.stat().st_size for path in (directory / "cache").rglob("*.*"))
            size = f"{rows:,} x {COLUMNS} = {kept / 1e9:.2f} GB"
            memory = f"{anonymous_bytes / 1e9:.2f} GB"
            yield f"| {run} | {size} | {seconds:.0f} s | {memory} | {weights[:12]} |"


def write_rows(path: Path, rows: int) -> None:
    """A Parquet file of columns `x0`, `x1`, … of float32 and a label `y` of two classes."""
    generator = np.random.default_rng(0)
    names = [*(f"x{index}" for index in range(COLUMNS)), "y"]
    types = [*[pa.float32()] * COLUMNS, pa.int8()]
    schema = pa.schema(list(zip(names, types, strict=True)))
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, rows, ROW_GROUP_ROWS):
            count = min(ROW_GROUP_ROWS, rows - start)
            values = generator.standard_normal((COLUMNS, count), np.float32)
            label = (values[0] + values[-1] > 0).astype(np.int8)
            writer.write_table(pa.table([*map(pa.array, values), pa.array(label)], schema=schema))


def write_spec(directory: Path, cache: Path) -> Path:
    """The spec of a run on those rows."""
    names = [f"x{index}" for index in range(COLUMNS)]
    middle = COLUMNS // 2
    columns = json.dumps(names[:middle]), json.dumps(names[middle:])
    path = directory / "spec.yaml"
    path.write_text(SPEC % (directory / "rows.parquet", BATCH_ROWS, cache, *columns))
    return path


def watched(spec: Path, directory: Path) -> tuple[float, int, str]:
    """Seconds, the most anonymous memory in bytes, and the weights of a run in its own process."""
    command = [sys.executable, "-m", "splitrun", "train", str(spec), "--json", "--progress=none"]
    start = time.monotonic()
    with subprocess.Popen(
        [*command, f"--runs-dir={directory / 'runs'}"], stdout=subprocess.PIPE, text=True
    ) as process:
        most = [0]
        watch = threading.Thread(target=_watch, args=(process, most))
        watch.start()
        output, _ = process.communicate()
        watch.join()
    if process.returncode:
        raise RuntimeError(f"splitrun train ended with {process.returncode}")
    return time.monotonic() - start, most[0], json.loads(output)["weights_sha256"]


def _watch(process: subprocess.Popen[str], most: list[int]) -> None:
    while process.poll() is None:
        most[0] = max(most[0], anonymous_bytes(process.pid))
        time.sleep(EVERY_S)
