"""A run or a comparison as one HTML page that opens without a network."""

from splitrun.report.write import write

__all__ = ["write"]
