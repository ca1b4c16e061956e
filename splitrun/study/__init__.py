"""Several runs and what they tell together.

`estimate_speedup` judges one arm's throughput by another's, `compare_metric` its metric, over
paired measurements; `needs_more` says whether to go on measuring, and the gates turn an answer
into an exit code.
"""

from splitrun.study.intervals import Interval
from splitrun.study.statistics import (
    MeanEstimate,
    MedianEstimate,
    estimate_mean,
    estimate_median,
    estimate_speedup,
    needs_more,
)
from splitrun.study.verdict import (
    Finding,
    MetricComparison,
    Verdict,
    compare_metric,
    fails_assertion,
    fails_below,
)

__all__ = [
    "Finding",
    "Interval",
    "MeanEstimate",
    "MedianEstimate",
    "MetricComparison",
    "Verdict",
    "compare_metric",
    "estimate_mean",
    "estimate_median",
    "estimate_speedup",
    "fails_assertion",
    "fails_below",
    "needs_more",
]
