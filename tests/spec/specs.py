"""A small valid spec, and what is wrong with changed ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.errors import SpecError
from splitrun.spec import Document, load, loads

BANK = """\
name: bank
dataset: {type: csv, path: bank.csv, label: y}
parties:
  alice:
    columns: [age, job]
    bottom: {type: mlp, hidden: [8], out: 4}
  bob:
    columns: [day, month]
    bottom: {type: mlp, hidden: [8], out: 4}
top:
  party: alice
  model: {type: mlp, hidden: [8], out: 1}
  loss: binary_cross_entropy
training:
  optimizer: {type: adam, lr: 0.01, betas: [0.8, 0.9]}
pipeline: sequential
"""

SYNTHETIC = """\
name: made_up
dataset: {type: synthetic, rows: 1000, batch_size: 100, categorical: 2}
parties:
  alice: {bottom: {type: mlp, out: 4}}
  bob: {bottom: {type: embedding_mlp, hidden: [8], out: 4}}
top: {party: alice, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
pipeline: {schedule: stale, depth: 4}
"""


def document(text: str, *overrides: str) -> Document:
    return loads(text, "bank.yaml", overrides)


def problems(text: str, *overrides: str) -> list[str]:
    """The lines of the error that the spec is refused with."""
    with pytest.raises(SpecError) as caught:
        document(text, *overrides)
    return str(caught.value).splitlines()


def problem(text: str, *overrides: str) -> str:
    """The only line of the error that the spec is refused with."""
    (line,) = problems(text, *overrides)
    return line


def problem_with_file(file: Path, *overrides: str) -> str:
    with pytest.raises(SpecError) as caught:
        load(file, overrides)
    (line,) = str(caught.value).splitlines()
    return line
