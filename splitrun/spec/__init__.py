"""Specs: YAML in, a validated `Spec` out, every problem with its place and its remedy.

`load` reads a file; `model` says what may stand in it, `check` what must fit together, `effective`
what it comes to; `json_schema` tells editors.
"""

from splitrun.spec.effective import (
    clip_of,
    compensation_of,
    effective_depth,
    effective_micro_batches,
    has_checksums,
    has_own_files,
    is_falling,
    is_joined,
    key_of,
    link_between,
    metrics_of,
    optimizer_of,
    own_metrics,
    reading_of,
    reference_to,
)
from splitrun.spec.load import Document, load, loads, resolved_tree, resolved_yaml
from splitrun.spec.model import Codec, Compute, Link, Spec
from splitrun.spec.shape import json_schema
from splitrun.spec.training import Clip

__all__ = [
    "Clip",
    "Codec",
    "Compute",
    "Document",
    "Link",
    "Spec",
    "clip_of",
    "compensation_of",
    "effective_depth",
    "effective_micro_batches",
    "has_checksums",
    "has_own_files",
    "is_falling",
    "is_joined",
    "json_schema",
    "key_of",
    "link_between",
    "load",
    "loads",
    "metrics_of",
    "optimizer_of",
    "own_metrics",
    "reading_of",
    "reference_to",
    "resolved_tree",
    "resolved_yaml",
]
