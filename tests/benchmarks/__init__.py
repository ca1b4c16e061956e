"""Measurements: interleaved runs, ratios with their spread. `make bench` runs them all."""
