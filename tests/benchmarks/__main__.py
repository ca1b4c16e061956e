"""`python -m tests.benchmarks [PAIRS]`: measure, and print Markdown tables."""

from __future__ import annotations

import sys

from tests.benchmarks import overhead, versions
from tests.benchmarks.pairs import HEADER

pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 31
for study in (overhead, versions):
    print(f"\n{study.__doc__}\n\n{HEADER}", flush=True)
    for ratio in study.measure(pairs):
        print(ratio.row(), flush=True)
