"""Cases that are not yet as they should be: they fail, and say so when they no longer do."""

FAULTS = frozenset(
    [
        "formats: NumPy booleans",
        "formats: NumPy objects, which are pickles",
        "formats: NumPy without the column",
        "formats: binary",
        "formats: booleans",
        "formats: dates",
        "formats: dates in words",
        "formats: ids beyond 2^53",
        "formats: its first four letters alone",
        "formats: labels as booleans",
        "formats: times",
        "formats: times with a zone",
        "joins: Excel's formulas",
        "joins: a hyphen within",
        "joins: a prefix",
        "joins: an apostrophe before, for Excel",
        "joins: floats in Parquet",
        "joins: in another normal form",
        "joins: none in common",
        "joins: with a comma for thousands",
        "labels: booleans in two cases",
        "labels: in capitals and not",
    ]
)
