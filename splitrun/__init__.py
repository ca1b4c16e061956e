"""Declarative experiments in vertical split learning with pipeline parallelism."""

__version__ = "0.1.0"
