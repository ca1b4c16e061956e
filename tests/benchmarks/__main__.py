"""`python -m tests.benchmarks`: measure, and print Markdown tables."""

from __future__ import annotations

import sys

from tests.benchmarks import overhead
from tests.benchmarks.pairs import HEADER

print(HEADER)
for ratio in overhead.measure(int(sys.argv[1]) if len(sys.argv) > 1 else 9):
    print(ratio.row(), flush=True)
