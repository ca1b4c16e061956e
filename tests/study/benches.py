"""Made-up results of cells, for tests of what is done with them."""

from __future__ import annotations

from collections.abc import Sequence

from splitrun.records.bench import BenchHeader
from splitrun.records.run import Environment
from splitrun.study.bench.measure import Measured
from splitrun.study.timing import Trial

HEADER = BenchHeader(
    name="made",
    directory="runs/made-bench-0",
    environment=Environment(cores=2),
    load_average=0.5,
    all_cores=2,
)


def measured(rates: Sequence[float], *, others_percent: float = 0.0) -> Measured:
    """A cell with these throughputs, of 100 samples a step."""
    return Measured(
        schedule="stale",
        depth=4,
        micro_batches=1,
        batch_size=100,
        runtime="threaded",
        steps=60,
        trials=tuple(Trial(rate, 1e5 / rate, 150.0) for rate in rates),
        peak_memory_bytes=300 * 2**20,
        others_percent=others_percent,
    )
