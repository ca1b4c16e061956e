"""The table of docs/ends.md, line by line: how commands end, whatever happens to them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.trial import says
from tests.ends.processes import CHECKPOINTS, FILES, TRAIN, Case, Server, made

TABLE = Path(__file__).parents[2] / "docs" / "ends.md"
COMMANDS: dict[str, Sequence[str]] = {
    "train": TRAIN,
    "train at any depth": (*TRAIN, "pipeline={schedule: stale, depth: auto}"),
    "train over a link of ten minutes": (*TRAIN, "links.default.latency_ms=600_000"),
    "train with checkpoints": (*TRAIN, CHECKPOINTS),
    "train with restarts": (
        *TRAIN,
        CHECKPOINTS,
        "supervision.on_failure=restart",
        "faults=[{type: raise, role: bob.bottom, step: 9}]",
    ),
    "train --resume": ("train", "--resume", "runs/killed", "--progress", "plain"),
    "train --json": (*TRAIN, "--json"),
    "train --progress bar": (*TRAIN[:3], "bar"),
    "plan": ("plan", "ends.yaml"),
    "plan --probe": ("plan", "ends.yaml", "--probe"),
    "validate": ("validate", "ends.yaml"),
    "schema": ("schema",),
    "eval RUN": ("eval", "../run"),
    "report RUN": ("report", "../run", "--output", "page.html"),
    "trace RUN": ("trace", "../run", "--output", "trace.json"),
    "watch RUN": ("watch", "../run"),
    "compare RUN RUN": ("compare", "../run", "../run"),
    "compare RUN OTHER --assert identical": (
        *("compare", "../run", "../other", "--assert", "identical"),
    ),
    "compare": (
        *("compare", "ends.yaml", "--schedules", "stale", "--depths", "2"),
        *("--repeats", "2", "--seeds", "1", "--budget", "0.1", "--progress", "plain"),
    ),
    "bench": (
        *("bench", "ends.yaml", "-P", "seed=1,2", "--repeats", "1", "--budget", "0.1"),
        *("--progress", "plain"),
    ),
    "bench --preset soak": ("bench", "ends.yaml", "--preset", "soak", "--minutes", "0.05"),
}
STREAMS = {
    "–": FILES,
    "stdout full": ("stdin", "/dev/full", "stderr"),
    "stdout closed": ("stdin", "closed", "stderr"),
    "stdout gone": ("stdin", "gone", "stderr"),
    "stderr full": ("stdin", "stdout", "/dev/full"),
    "stderr closed": ("stdin", "stdout", "closed"),
    "stderr gone": ("stdin", "stdout", "gone"),
    "both full": ("stdin", "/dev/full", "/dev/full"),
    "both gone": ("stdin", "gone", "gone"),
    "all closed": ("closed", "closed", "closed"),
    "terminal": ("terminal", "stdout", "terminal"),
}
IGNORED = {"": [], ", under nohup": ["SIGHUP"], ", in the background": ["SIGINT"]}
LEFT = {
    "model": ["runs/*/model/*/model.json"],
    "checkpoint": ["runs/*/checkpoints/*/step-*/manifest.json"],
    "page": ["page.html"],
    "trace": ["trace.json"],
    "measured": ["runs/*/measured.jsonl"],
    "comparison": ["runs/*/measured.jsonl", "runs/*/comparison.json"],
    "one cell": ["runs/*/cells/*.json"],
    "two cells": ["runs/*/cells/*.json"] * 2,
    "soak": ["runs/*/soak.json"],
}
"""Files that are there; all others of these are not."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    command: str
    streams: str
    happens: str
    exit_code: int
    manifest: str
    left: str
    said: str

    def case(self, directory: Path) -> Case:
        """What the server is to do."""
        happens = re.fullmatch(
            r"(?:nothing|(the terminal closes|the disk is full|[A-Z ]+(?:and [A-Z]+ )?)\s*(.*?))"
            r"(, under nohup|, in the background)?",
            self.happens,
        )
        assert happens
        what, moment, ignored = (group or "" for group in happens.groups())
        signals = {"": [], "the terminal closes": ["hangup"], "the disk is full": ["full"]}
        return Case(
            COMMANDS[self.command],
            str(directory),
            STREAMS[self.streams],
            moment,
            signals.get(what, re.findall("[A-Z]{6,}", what)),
            IGNORED[ignored],
        )

    def __str__(self) -> str:
        streams = "" if self.streams == "–" else f", {self.streams}"
        return f"{self.command}{streams}: {self.happens}"


def rows() -> list[Row]:
    """Of the document's last table."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    begin = next(place for place, text in enumerate(lines) if text.startswith("| command")) + 2
    cells = [[cell.strip() for cell in text[1:-1].split("|")] for text in lines[begin:]]
    return [
        Row(command, streams, happens, int(code), manifest, left, said)
        for command, streams, happens, code, manifest, left, said in cells
    ]


def test_there_are_enough_of_them() -> None:
    assert len(set(rows())) == len(rows()) >= 40


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=[pytest.mark.long] if number % 2 else [], id=str(row))
        for number, row in enumerate(rows())
    ],
)
def test_a_command_ends_as_the_table_says(row: Row, forks: tuple[Server, Path]) -> None:
    server, shared = forks
    work = made(shared / f"case-{rows().index(row)}")
    if row.command == "train --resume":
        shutil.copytree(shared / "killed", work / "runs" / "killed")
    assert server.run(row.case(work)) == row.exit_code, one_line(work)
    assert status(work) == row.manifest
    check_left(work, row.left)
    printed = work / "stdout"
    if printed.exists():
        assert (printed.stat().st_size > 0) == (row.exit_code == 0)
    if row.said == "–":
        assert one_line(work) == ""
    else:
        check_said(one_line(work), row.said.split("<br>"))


def one_line(work: Path) -> str:
    """What was said on stderr."""
    file = work / "stderr"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def status(work: Path) -> str:
    """What the one manifest says."""
    manifests = list(work.glob("runs/*/manifest.json"))
    if not manifests:
        return "–"
    (manifest,) = manifests
    content = json.loads(manifest.read_text(encoding="utf-8"))
    assert content["attempts"][-1]["status"] == content["status"]
    return str(content["status"])


def check_left(work: Path, left: str) -> None:
    """All that is named is there, and nothing else that could be."""
    named = [name for name in left.split(", ") if name in LEFT]
    wanted = [pattern for name in named for pattern in LEFT[name]]
    for pattern in {pattern for patterns in LEFT.values() for pattern in patterns}:
        count = len(list(work.glob(pattern)))
        several = pattern.startswith(("runs/*/model/*/", "runs/*/checkpoints/*/"))
        assert (min(count, 1) if several else count) == wanted.count(pattern), pattern
    assert bool(list(work.glob("runs/*/.*"))) == ("half a model" in left)
    if left == "nothing":
        assert not list(work.glob("runs/*/arms"))
        assert not list(work.glob("runs/*/spec.yaml")) or list(work.glob("runs/*-bench-*"))


def check_said(text: str, last: Sequence[str]) -> None:
    """The last lines are these, and nothing before them is Python's own."""
    for sign in ("Traceback", "Exception ignored", "Aborted"):
        assert sign not in text
    lines = text.splitlines()
    assert len(lines) >= len(last) or last == ["…"]
    for line, wanted in zip(lines[-len(last) :], last, strict=False):
        assert says(line, wanted), text
