"""One attempt of a run in a process of its own, and how it is ended."""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from time import monotonic

import psutil

from splitrun.errors import Lost, RunDirectoryError
from splitrun.session import Experiment, Resume, find_resume, prepare, prepare_resume, train
from splitrun.spec import load
from splitrun.telemetry import JsonLines
from tests.chaos.dying import DieAt

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.chaos.attempts"])
"""Children begin with everything imported and nothing running."""


@dataclass(frozen=True)
class Doom:
    """When an attempt ends before its run does; None is never."""

    after_s: float | None = None
    """From the moment when it has its models ready."""
    at_sync: int | None = None
    """While a checkpoint, a manifest or the model is written: in place of so many-th `fsync`."""
    of_party: int | None = None
    """At its time a party's process is killed, where there are any; which one, this number says."""


@dataclass(frozen=True)
class Attempt:
    """How a process ended."""

    killed: bool
    lasted_s: float
    """From the moment when it had its models ready."""


def live(spec: Path, runs: Path, doom: Doom) -> Attempt:
    """Go on with the newest run that is there, or begin one."""
    ready = _SERVER.Event()
    process = _SERVER.Process(target=_live, args=(spec, runs, doom.at_sync, ready))
    process.start()
    while not ready.wait(0.1) and process.is_alive():
        pass
    start = monotonic()
    process.join(doom.after_s)
    if process.is_alive():
        _victim(process, doom).kill()
        process.join()
    if process.exitcode not in (0, -signal.SIGKILL, _LOST):
        raise AssertionError(f"{spec}: an attempt ended with {process.exitcode}")
    return Attempt(process.exitcode != 0, monotonic() - start)


def _victim(process: ForkServerProcess, doom: Doom) -> psutil.Process:
    """The process to kill: one of a party, or that of the attempt."""
    attempt = psutil.Process(process.pid)
    if doom.of_party is None:
        return attempt
    servers = attempt.children()
    parties = [child for server in servers for child in server.children()]
    return parties[doom.of_party % len(parties)] if parties else attempt


_LOST = 75
"""The exit code of an attempt that has lost a party's process."""


def _live(spec: Path, runs: Path, at_sync: int | None, ready: Event) -> None:
    if at_sync is not None:
        DieAt("os:fsync", at_sync)()
    for directory in sorted(runs.glob("*"), reverse=True)[:1]:
        try:
            resume = find_resume(directory)
        except RunDirectoryError as error:
            if "the run is done" in str(error):  # and was killed after it had said so
                ready.set()
                return
            if "no checkpoint" not in str(error) and "not a run directory" not in str(error):
                raise
        else:
            experiment = prepare_resume(resume)
            ready.set()
            _train(experiment, runs, resume)
            return
    experiment = prepare(load(spec))
    ready.set()
    _train(experiment, runs, None)


def _train(experiment: Experiment, runs: Path, resume: Resume | None) -> None:
    try:
        train(experiment, runs, [JsonLines()], resume=resume)
    except Lost:
        sys.exit(_LOST)


@dataclass(frozen=True)
class Ended:
    """What a run has come to."""

    weights_sha256: str
    metrics: str
    attempts: int

    @classmethod
    def of(cls, runs: Path) -> Ended:
        """Of the newest run, which is done."""
        directory = max(runs.iterdir())
        manifest = json.loads((directory / "manifest.json").read_text())
        assert manifest["status"] == "done"
        metrics = (directory / "metrics.jsonl").read_text()
        return cls(manifest["result"]["weights_sha256"], metrics, len(manifest["attempts"]))
