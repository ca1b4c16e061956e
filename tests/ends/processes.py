"""Command lines in processes of their own, by the server that forks them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

SPEC = """\
name: ends
dataset: {type: synthetic, rows: 90, numeric: 2, batch_size: 8}
parties:
  alice: {bottom: {type: mlp, out: 2}}
  bob: {bottom: {type: mlp, out: 2}}
top: {party: alice, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
training: {epochs: 2}
links: {default: {latency_ms: 5}}
"""
CHECKPOINTS = "checkpoint.every_steps=4"
TRAIN = ("train", "ends.yaml", "--progress", "plain")
FILES = ("stdin", "stdout", "stderr")

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 120


@dataclass(frozen=True)
class Case:
    """A command line, and what happens to it."""

    arguments: Sequence[str]
    directory: str
    streams: Sequence[str]
    """stdin, stdout and stderr: `closed`, `gone`, `terminal`, or the name of a file."""
    moment: str = ""
    signals: Sequence[str] = field(default=())
    """Their names; or `hangup`, or `full` for a disk."""
    ignored: Sequence[str] = field(default=())
    """Signals that are when the process begins."""


class Server:
    """Runs one case at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._told()

    def run(self, case: Case) -> int:
        """Its exit code; that of a process which a signal ended is negative."""
        requests = self._process.stdin
        assert requests is not None
        requests.write(json.dumps(asdict(case)).encode() + b"\n")
        pid = int(self._told())
        try:
            return int(self._told())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._told()
            raise

    def _told(self) -> bytes:
        answers = self._process.stdout
        assert answers is not None
        if not select.select([answers], [], [], _PATIENCE_S)[0]:
            raise TimeoutError("the command does not end")
        line = answers.readline()
        if not line:
            raise RuntimeError("the server has ended")
        return line


@contextmanager
def server() -> Iterator[Server]:
    """A server, until the context ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.ends.server"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        try:
            yield Server(process)
        finally:
            process.terminate()


def made(directory: Path) -> Path:
    """A new directory with the spec in it."""
    directory.mkdir()
    (directory / "ends.yaml").write_text(SPEC, encoding="utf-8")
    return directory
