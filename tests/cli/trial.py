"""A small experiment in files of its own, ways to break it, and what the command line says then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from splitrun.cli.app import run

Files = Mapping[str, str | bytes]

SPEC = """\
name: trial
dataset: {type: csv, path: rows.csv, label: y, batch_size: 8}
parties:
  alice:
    columns: [age, job]
    bottom: {type: mlp, hidden: [4], out: 2}
  bob:
    columns: [income, city]
    bottom: {type: mlp, hidden: [4], out: 3}
top:
  party: alice
  model: {type: mlp, out: 1}
  loss: binary_cross_entropy
training: {optimizer: {type: adam, lr: 0.01}}
runtime: serial
"""

HEADER = "age,job,income,city,y\n"
ROWS = HEADER + "".join(
    f"{20 + row},{('cook', 'clerk')[row % 2]},{1000 + 37 * row % 911},"
    f"{('Ulm', 'Bonn')[row % 3 % 2]},{('no', 'yes')[row * 7 % 5 % 2]}\n"
    for row in range(40)
)

SYNTHETIC = """\
name: trial
dataset: {type: synthetic, rows: 100, numeric: 2, batch_size: 8}
parties:
  alice: {bottom: {type: mlp, out: 2}}
  bob: {bottom: {type: mlp, out: 2}}
top: {party: alice, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
runtime: serial
"""

_ANYTHING = "…"


def spec(*changes: tuple[str, str], of: str = SPEC) -> str:
    """The spec with pieces of its text replaced."""
    for old, new in changes:
        assert of.count(old) == 1, old
        of = of.replace(old, new)
    return of


def own(forward: str = "return self.layer(x)", init: str = "nn.Linear(in_features, 2)") -> str:
    """A file with a bottom model: its `forward()`, and what its `layer` is."""
    return (
        "import torch\n"
        "from torch import nn\n"
        "class Bottom(nn.Module):\n"
        "    def __init__(self, in_features):\n"
        "        super().__init__()\n"
        f"        self.layer = {init}\n"
        "    def forward(self, x):\n"
        f"        {forward}\n"
    )


@dataclass(frozen=True)
class Bad:
    """An experiment that cannot be, and what its user is told.

    `told` is all of stderr, line by line; `…` stands for anything.
    """

    told: str
    spec: str | bytes = SPEC
    rows: str | bytes | None = ROWS
    overrides: tuple[str, ...] = ()
    files: Files = field(default_factory=dict)

    def write(self, directory: Path) -> None:
        """Write the experiment's files."""
        write(directory, {"trial.yaml": self.spec, **self.files})
        if self.rows is not None:
            write(directory, {"rows.csv": self.rows})


def write(directory: Path, files: Files) -> None:
    """Write files and the directories they are in."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, exit_code: int = 2) -> str:
    """What stderr says when a command line ends with this exit code and prints no result."""
    assert run(arguments) == exit_code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def says(text: str, told: str) -> bool:
    """Whether `text` is what `told` says, in which `…` stands for anything within a line."""
    pattern = ".*".join(re.escape(part) for part in told.split(_ANYTHING))
    return re.fullmatch(pattern, text.removesuffix("\n")) is not None
